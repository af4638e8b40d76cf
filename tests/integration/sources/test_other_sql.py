"""Streams of a database that is not PostgreSQL."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from forewarn.errors import SourceRejected

SHOP = """
kind: sql
connection: shop
streams:
  orders:
    table: orders
    key: [id]
    cursor: updated_at
    overlap: 1 hour
    columns: {updated_at: timestamptz}
    entities:
      order:
        columns: {order_id: id, account_id: customer, ordered_at: placed, amount: amount}
"""


@pytest.fixture
def shop(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    connection.execute(
        "create table orders"
        " (id integer, customer text, placed datetime, amount numeric, paid boolean, updated_at text)"
    )
    connection.executemany(
        "insert into orders values (?, ?, '2026-02-01 10:00:00', ?, 1, ?)",
        [(n, f"C{n % 3}", n * 0.5, f"2026-02-01 {n % 24:02d}:00:00") for n in range(1, 101)],
    )
    yield connection
    connection.close()


@pytest.fixture
def run(land, write_source, tmp_path):
    source = write_source("shop", SHOP)
    return lambda **more: land(source, "orders", **{"shop": f"sqlite:///{tmp_path / 'shop.db'}"} | more)


@pytest.mark.capability("C1", "C4")
def test_rows_land_typed_and_then_only_what_changed(shop, run, rows):
    batch = run()
    assert (batch.rows_in, batch.rows_loaded) == (100, 100)
    assert rows("select * from raw_shop.orders where id = 1")[0][:6] == (
        1, "C1", datetime(2026, 2, 1, 10, tzinfo=UTC), 0.5, True, datetime(2026, 2, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    shop.execute("update orders set amount = 9, updated_at = '2026-02-01 23:30:00' where id = 7")
    batch = run()
    assert batch.rows_loaded == 1
    assert batch.rows_in < 20


@pytest.mark.capability("C5")
def test_values_of_the_wrong_kind_are_quarantined(shop, run, rows):
    shop.execute("insert into orders values (101, 'C', 'someday', 1, 1, '2026-02-01 10:00:00')")
    shop.execute("insert into orders values (102, 'a' || char(0) || 'b', '2026-02-01', 1, 1, '2026-02-01 10:00:00')")
    batch = run()
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (102, 100, 2)
    assert rows("select reason from quarantine.row order by 1") == [
        ("orders row 102: expected text, got a NUL character",),
        ("placed: expected timestamptz, got 'someday'",),
    ]


ODD = """
kind: sql
connection: shop
streams:
  odd:
    table: odd
    key: [id]
    columns: {at: timestamptz}
"""


def test_the_day_that_mysql_has_for_none_is_nothing_and_sets_no_row_aside(shop, run, rows):
    shop.execute("alter table orders add shipped datetime default '0000-00-00 00:00:00'")
    shop.execute("insert into orders values (101, 'C', '0000-00-00 00:00:00', 1, 1, '2026-02-01 10:00:00', null)")
    batch = run()
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (101, 100, 1)
    assert rows("select count(*), count(shipped) from raw_shop.orders") == [(100, 0)]
    assert rows("select reason from quarantine.row") == [
        ("placed: expected a value, which order.ordered_at needs, got nothing",)
    ]  # fmt: skip


def test_values_land_as_they_are_whatever_stands_beside_them(shop, land, write_source, rows, tmp_path):
    shop.execute(
        "create table odd (id integer, n numeric, f real, big bigint, word text, raw blob, ok boolean, at text)"
    )
    # A database without types of its own may change the kind of value in any row, long after the first.
    plain = [(n, None, None, None, None, None, None, None) for n in range(1, 2_001)]
    odd = [
        (2_001, 9007199254740993, 0.1, 2**63 - 1, 'a "b",\r\nc\\.', "é".encode(), 1, "2026-02-01 12:00:00"),
        (2_002, 0.30000000000000004, 1e300, -1, "", b"", 0, "2026-02-01T12:00:00.123456+05:30"),
        (2_003, -7, -2, 0, "\\N", "word", None, "2026-02-01"),
    ]
    shop.execute("begin")
    shop.executemany("insert into odd values (?, ?, ?, ?, ?, ?, ?, ?)", [*plain, *odd])
    shop.execute("commit")
    shop.execute("insert into odd values (2004, 'x', 1, 1, 'y', x'e9', 1, null)")
    source, url = write_source("shop", ODD), f"sqlite:///{tmp_path / 'shop.db'}"
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    expected = [
        (Decimal(9007199254740993), 0.1, 2**63 - 1, 'a "b",\r\nc\\.', "é", True, noon),
        (
            Decimal("0.30000000000000004"),
            1e300,
            -1,
            None,
            None,
            False,
            datetime(2026, 2, 1, 6, 30, 0, 123456, tzinfo=UTC),
        ),
        (Decimal(-7), -2.0, 0, "\\N", "word", None, datetime(2026, 2, 1, tzinfo=UTC)),
    ]
    found = "select n, f, big, word, raw, ok, at from raw_shop.odd where id > 2000 order by id"
    # With a value that does not fit, each row goes the careful way; without it, the fast one.
    batch = land(source, "odd", shop=url)
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (2_004, 2_003, 1)
    assert rows("select reason from quarantine.row") == [
        ("odd row 2004: expected text, got characters that are not Unicode",)
    ]
    assert rows(found) == expected
    shop.execute("delete from odd where id = 2004")
    shop.execute("update odd set big = big - 1 where id = 2001")
    assert land(source, "odd", shop=url).rows_loaded == 1
    expected[0] = (*expected[0][:2], 2**63 - 2, *expected[0][3:])
    assert rows(found) == expected
    # Without bytes and whole numbers that a fraction cannot hold, the table is read by column.
    shop.execute("update odd set raw = 'e', n = 2 where id = 2001")
    shop.execute("update odd set raw = null where id = 2002")
    assert land(source, "odd", shop=url).rows_loaded == 1
    expected[0] = (Decimal(2), *expected[0][1:4], "e", *expected[0][5:])
    assert rows(found) == expected


def test_missing_table_names_the_nearest(shop, run):
    shop.execute("alter table orders rename to order_s")
    with pytest.raises(SourceRejected, match="did you mean `order_s`"):
        run()


def test_unknown_driver_is_named_without_the_password(run):
    with pytest.raises(SourceRejected, match="connection shop: expected a SQLAlchemy URL") as caught:
        run(shop="nosuch://user:s3cr3t@host/db")
    assert "s3cr3t" not in str(caught.value)
