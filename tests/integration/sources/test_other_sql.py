"""Streams of a database that is not PostgreSQL."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

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


def test_missing_table_names_the_nearest(shop, run):
    shop.execute("alter table orders rename to order_s")
    with pytest.raises(SourceRejected, match="did you mean `order_s`"):
        run()


def test_unknown_driver_is_named_without_the_password(run):
    with pytest.raises(SourceRejected, match="connection shop: expected a SQLAlchemy URL") as caught:
        run(shop="nosuch://user:s3cr3t@host/db")
    assert "s3cr3t" not in str(caught.value)
