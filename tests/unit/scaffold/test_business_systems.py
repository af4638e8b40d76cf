"""What is proposed for help desks, billing systems, event logs and resource planning: shapes of well-known systems."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from forewarn.scaffold import look_at_api, look_at_database, look_at_folder, propose, source_text

TODAY = date(2026, 3, 2)


@pytest.mark.capability("C51")
def test_an_offset_of_the_next_page_and_the_number_within_an_envelope_are_found(httpserver: object) -> None:
    records = [{"customer": {"id": f"c{n}", "email": f"a{n}@acme.example.com"}} for n in range(4)]
    page = {"list": records, "next_offset": '["4","x"]'}
    httpserver.expect_request("/api/customers").respond_with_json(page)  # type: ignore[attr-defined]
    ((table,), _, _) = look_at_api([httpserver.url_for("/api/customers?limit=4")], "billing")  # type: ignore[attr-defined]
    assert table.place["endpoint"]["paginator"] == {"kind": "token", "field": "next_offset", "param": "offset"}
    assert (table.key, list(table.doubts)) == (["customer__id"], [])


@pytest.mark.parametrize(("asked", "doubted"), [("?limit=3", True), ("?limit=100", False), ("", False)])
def test_a_full_page_that_leads_to_no_other_is_doubted(httpserver: object, asked: str, doubted: bool) -> None:
    httpserver.expect_request("/tickets").respond_with_json([{"id": n} for n in range(3)])  # type: ignore[attr-defined]
    tables, _, _ = look_at_api([httpserver.url_for(f"/tickets{asked}")], "desk")  # type: ignore[attr-defined]
    text = source_text(propose(tables, TODAY), kind="rest", connection="desk", description="x")
    assert ("# 3 records came, as a page has: say by `paginator`" in text) == doubted


def _days(count: int) -> list[str]:
    return [(date(2025, 1, 1) + timedelta(days=n)).isoformat() for n in range(count)]


def test_a_file_reaches_as_far_as_its_last_rows_and_not_as_those_that_were_looked_at(tmp_path: Path) -> None:
    lines = [json.dumps({"event": "login", "user_id": f"u{n % 7}", "time": day}) for n, day in enumerate(_days(90))]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    tables, _ = look_at_folder(tmp_path, rows=20)
    assert propose(tables, TODAY).newest == date(2025, 3, 31)


def test_a_table_of_a_database_reaches_as_far_as_all_its_rows(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("create table logins (id integer primary key, user_id text, login_time timestamp)")
        rows = [(n, f"u{n % 7}", f"{day} 08:00:00") for n, day in enumerate(_days(90))]
        connection.executemany("insert into logins values (?, ?, ?)", rows)
    tables, _ = look_at_database(f"sqlite:///{tmp_path / 'app.db'}", "app", rows=20)
    assert propose(tables, TODAY).newest == date(2025, 3, 31)
