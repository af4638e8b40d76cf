"""What a look at a source shows: how far it reaches, what is unique in all its rows, and what its columns are."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
from proposed import table

from forewarn.scaffold import look_at_database, look_at_folder, propose
from forewarn.scaffold.matching import Reader
from forewarn.sources.model import SqlSource, SqlStream
from forewarn.sources.sql_tables import first_rows

TODAY = date(2026, 3, 2)


def _days(count: int) -> list[str]:
    return [(date(2025, 1, 1) + timedelta(days=n)).isoformat() for n in range(count)]


def test_a_file_reaches_as_far_as_its_last_rows_and_not_as_those_that_were_looked_at(tmp_path: Path) -> None:
    lines = [json.dumps({"event": "login", "user_id": f"u{n % 7}", "time": day}) for n, day in enumerate(_days(90))]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    tables, _ = look_at_folder(tmp_path, rows=20)
    assert propose(tables, TODAY).newest == date(2025, 3, 31)


def test_a_file_with_a_bad_line_among_the_first_is_not_whole_and_the_last_of_a_group_tells_its_end(
    tmp_path: Path,
) -> None:
    for year in (2024, 2025):
        rows = [f"{n},u{n % 7},{day.replace('2025', str(year))}" for n, day in enumerate(_days(90))]
        rows[4] = "one,field,too,many"
        (tmp_path / f"logins_{year}.csv").write_text("\n".join(["id,user_id,login_time", *rows]))
    (logins,), _ = look_at_folder(tmp_path, rows=20)
    assert not logins.whole
    assert len(logins.columns[0].values) == 20
    assert propose([logins], TODAY).newest == date(2025, 3, 31)


def test_a_table_of_a_database_reaches_as_far_as_all_its_rows(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("create table logins (id integer primary key, user_id text, login_time timestamp)")
        rows = [(n, f"u{n % 7}", f"{day} 08:00:00") for n, day in enumerate(_days(90))]
        connection.executemany("insert into logins values (?, ?, ?)", rows)
        # Only its first rows can be read.
        connection.execute(
            "create view first_logins as select * from logins"
            " where case when id > 30 then abs(-9223372036854775808) else 1 end"
        )
    tables, problems = look_at_database(f"sqlite:///{tmp_path / 'app.db'}", "app", rows=20)
    assert propose(tables, TODAY).newest == date(2025, 3, 31)
    assert problems == []
    assert [(one.name, one.columns[2].latest) for one in tables] == [
        ("first_logins", ()), ("logins", ["2025-03-31 08:00:00"]),
    ]  # fmt: skip
    assert not tables[0].holds(["id"])


def test_whether_a_key_holds_in_all_rows_is_asked_once() -> None:
    asked: list[list[str]] = []
    logins = replace(table("logins", "id user_id\n1 u1\n2 u2"), whole=False, verify=lambda key: not asked.append(key))
    assert [Reader(logins, alike=alike).key for alike in (0, 1)] == [["id"], ["id"]]
    assert asked == [["id"]]


def test_a_database_whose_driver_does_not_describe_tables_is_asked_in_standard_sql(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'shop.duckdb'}"
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            "create table invoices (id bigint, customer_id text, issued_at date, due_at date, total double, n hugeint)"
        )
        connection.execute("create schema staging; create table staging.invoices (line usmallint, number ubigint)")
        connection.execute("insert into invoices values (7, 'C1', '2025-01-02', '2025-02-01', 9.5, 1)")
    tables, problems = look_at_database(url, "shop")
    assert problems == []
    declared = {one.name: [column.declared for column in one.columns] for one in tables}
    assert list(declared.values()) == [
        ["bigint", "text", "date", "date", "double precision", "numeric"], ["bigint", "numeric"],
    ]  # fmt: skip
    stream = SqlStream(table=tables[0].name)
    source = SqlSource(kind="sql", connection="shop", streams={"invoices": stream})
    _, rows = first_rows(url, source, stream, "invoices", 5)
    assert rows == [["7", "C1", "2025-01-02", "2025-02-01", "9.5", "1"]]
