"""SQLite read as columns: each value as Python's own driver reads it, or the table is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy

from forewarn.sources import sqlite_columns
from forewarn.sources.sqlite_columns import NotOfOneKind, file_of, read_columns

FIVE = [(n, n / 8, f"w{n}", n % 2) for n in range(5)]
KINDS = ["bigint", "numeric", "text", "boolean"]


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read rows that stand in a table whose columns take any value as it comes; three rows make a batch."""
    monkeypatch.setattr(sqlite_columns, "_ROWS", 3)

    def run(rows, kinds=KINDS, where=None):
        file = tmp_path / "a 100%#?.db"
        with closing(sqlite3.connect(file)) as shop:
            shop.execute('create table t (n, "f x", w, b)')
            shop.executemany("insert into t values (?, ?, ?, ?)", rows)
            shop.commit()
        columns = [sqlalchemy.column(name) for name in ("n", "f x", "w", "b")]
        query = sqlalchemy.select(*columns).select_from(sqlalchemy.table("t"))
        query = query if where is None else query.where(where(columns[2]))
        batches = list(read_columns(file, query, kinds))
        return [row for batch in batches for row in zip(*(column.to_pylist() for column in batch), strict=True)]

    return run


def test_rows_come_in_order_over_all_batches(read):
    assert read(FIVE) == FIVE


def test_a_condition_with_a_quote_in_it_is_kept(read):
    assert read([*FIVE, (9, 0.0, "it's", 0)], where=lambda w: w >= "it's") == [*FIVE, (9, 0.0, "it's", 0)]


def test_a_table_without_rows_has_none(read):
    assert read([]) == []


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize(
    "row",
    [
        (None, None, None, None),
        (2**63 - 1, 2**53 - 1, "", 1),
        (-(2**63), -(2**53) + 1, "a\0b", 0),
        (7, 0.30000000000000004, "é\r\n'\"", None),
    ],
)
def test_values_are_read_as_they_are_wherever_they_stand(read, row, at):
    # Nothing else in their columns before or behind, which would tell their type.
    nothing = [(None, None, None, None)] * 5
    assert read([*nothing[:at], row, *nothing[at:]]) == [*nothing[:at], row, *nothing[at:]]


def test_a_whole_number_among_texts_is_its_digits(read):
    assert read([(1, 1.0, "w", 1), *[(1, 1.0, 2**63 - 1, 1)] * 4])[4][2] == "9223372036854775807"


def test_bytes_among_texts_are_the_text_that_they_hold(read):
    assert read([*FIVE, (1, 1.0, "é".encode(), 1)])[5][2] == "é"


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize(
    "row",
    [
        (7.0, 0.5, "w", 1),
        ("7", 0.5, "w", 1),
        (7, 2**53 + 1, "w", 1),
        (7, 2.0**60, "w", 1),
        (7, "0.5", "w", 1),
        (7, 0.5, 0.1, 1),
        (7, 0.5, "w", "true"),
        (7, 0.5, "w", 0.5),
        (b"7", 0.5, "w", 1),
    ],
)
def test_what_a_column_could_not_hold_as_it_is_refuses_the_table(read, row, at):
    with pytest.raises(NotOfOneKind):
        read([*FIVE[:at], row, *FIVE[at:]])


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_text("no database at all, and longer than a header of SQLite would be. " * 9)
    with pytest.raises(NotOfOneKind):
        list(read_columns(tmp_path / "x.db", sqlalchemy.select(sqlalchemy.column("n")), ["text"]))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///nosuch.db", "mysql://u:p@host/shop", "sqlite+pysqlcipher:///{}"]
)
def test_other_databases_are_read_by_their_own_drivers(tmp_path, url):
    (tmp_path / "x.db").touch()
    assert file_of(sqlalchemy.make_url(f"sqlite:///{tmp_path / 'x.db'}")) == tmp_path / "x.db"
    assert file_of(sqlalchemy.make_url(f"sqlite:///{tmp_path / 'x.db'}?mode=ro")) is None
    assert file_of(sqlalchemy.make_url(url.format(tmp_path / "x.db"))) is None
