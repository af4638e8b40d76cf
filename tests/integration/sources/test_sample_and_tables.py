"""A look at a source without landing, and tables for streams that have never landed."""

from __future__ import annotations

import sqlite3

import pytest

from forewarn.errors import SourceRejected
from forewarn.sources import canonical_mappings, ensure_raw_tables, ready_for_build, reset_stream, sample

ORDERS = """
kind: sql
connection: erp
streams:
  orders:
    table: {table}
    key: [order_no]
    entities:
      order:
        where: qty > 0
        columns: {{order_id: order_no, account_id: customer, ordered_at: placed, amount: qty * price}}
"""


@pytest.fixture
def shop(erp):
    with erp.cursor() as cursor:
        cursor.execute("create table orders (order_no int, customer text, placed date, qty int, price numeric)")
        cursor.execute("insert into orders select n, 'C', '2026-01-01', 2, 1.5 from generate_series(1, 9) n")


def test_sample_of_a_postgres_table_shows_its_own_types(shop, settings, database_url, write_source, rows):
    found = sample(
        settings, write_source("shop", ORDERS.format(table="orders")), "orders", 2, resolve=lambda *_: database_url
    )
    assert found.types == {"order_no": "int4", "customer": "text", "placed": "date", "qty": "int4", "price": "numeric"}
    assert found.rows == [["1", "C", "2026-01-01", "2", "1.5"], ["2", "C", "2026-01-01", "2", "1.5"]]
    assert rows("select count(*) from ops.batch") == [(0,)]


def test_sample_of_another_database_a_file_and_a_server(settings, tmp_path, drops, write_source, httpserver):
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("create table t (order_no integer, customer text, placed date, qty integer, price numeric)")
        connection.execute("insert into t values (1, 'C', '2026-01-01', 2, 1.5)")
    urls = {"erp": f"sqlite:///{tmp_path / 'x.db'}", "drops": str(drops), "desk": httpserver.url_for("")}
    table = sample(settings, write_source("a", ORDERS.format(table="t")), "orders", resolve=lambda c, _: urls[c])
    assert table.rows == [["1", "C", "2026-01-01", "2", "1.5"]]
    (drops / "p.csv").write_text("id,name\n1,one\n2,two\n")
    product = "\n    entities:\n      product:\n        columns: {product_id: id, name: name}\n"
    files = write_source(
        "b", f"kind: files\nconnection: drops\nstreams:\n  s:\n    path: '*.csv'\n    format: csv{product}"
    )
    found = sample(settings, files, "s", 1, resolve=lambda c, _: urls[c])
    assert (found.types, found.rows) == ({"id": "text", "name": "text"}, [["1", "one"]])
    httpserver.expect_request("/p").respond_with_json([{"id": 1, "name": "one"}])
    rest = write_source("c", f"kind: rest\nconnection: desk\nstreams:\n  s:\n    endpoint: {{path: /p}}{product}")
    assert sample(settings, rest, "s", resolve=lambda c, _: urls[c]).rows == [["1", "one"]]
    with pytest.raises(SourceRejected, match=r"c\.t: .*no such stream.*known: s"):
        sample(settings, rest, "t", resolve=lambda c, _: urls[c])


def test_streams_that_never_landed_have_tables_that_their_mapping_can_read(
    shop, settings, write_source, land, rows, warehouse
):
    source = write_source("shop", ORDERS.format(table="orders"))

    def mapped() -> list[tuple[object, ...]]:
        (mapping,) = canonical_mappings({"shop": source})["order"]
        columns = ", ".join(f"{text} as {name}" for name, text in mapping["columns"].items())
        return rows(f"select {columns} from raw_shop.orders where {mapping['where']} order by 1 limit 1")

    ensure_raw_tables(settings, {"shop": source})
    assert mapped() == []
    with warehouse.cursor() as cursor:
        cursor.execute("create view staging.stg_orders as select * from raw_shop.orders")
    land(source, "orders")
    assert [row[:2] + row[3:] for row in mapped()] == [("1", "C", 3)]
    ensure_raw_tables(settings, {"shop": source})
    assert rows("select count(*) from raw_shop.orders") == [(9,)]
    reset_stream(settings, source, "orders")
    assert rows("select to_regclass('raw_shop.orders')") == [(None,)]
    assert land(source, "orders").rows_loaded == 9


def test_a_changed_key_is_refused_until_the_stream_is_reset(shop, settings, write_source, land):
    land(write_source("shop", ORDERS.format(table="orders")), "orders")
    other = write_source("shop", ORDERS.format(table="orders").replace("[order_no]", "[order_no, qty]"))
    with pytest.raises(SourceRejected, match=r"expected as it has landed so far \(One row per order_no\.\)"):
        land(other, "orders")
    reset_stream(settings, other, "orders")
    assert land(other, "orders").rows_loaded == 9


def test_a_build_finds_parts_and_what_belongs_to_a_record_by_indexes_of_the_raw_tables(settings, warehouse, rows):
    def feed(table: str, belongs_to: dict[str, str] | None = None, **columns: str) -> dict[str, object]:
        known = {"schema": "raw_shop", "table": table, "distinct": False, "belongs_to": belongs_to or {}}
        return known | {"columns": {name: f"cast({text} as text)" for name, text in columns.items()}}

    mappings = {
        "order": [
            feed("orders", order_id='"number"')
            | {"lookups": [{"table": "states", "is_direct": True, "by": ['cast("state" as text)']}]}
        ],
        "order_line": [feed("lines", order_id='"order"')],
        # What a date is as a text depends on the session, so that no index can hold it.
        "payment": [feed("payments", invoice_id='"paid"')],
        "review": [feed("reviews", {"order": 'cast("order" as text)'}, review_id='"number"')],
    }
    with warehouse.cursor() as cursor:
        cursor.execute(
            "create schema raw_shop; create table raw_shop.orders (number text, state int);"
            ' create table raw_shop.lines ("order" text); create table raw_shop.payments (paid timestamptz);'
            ' create table raw_shop.reviews (number text, "order" text); insert into raw_shop.orders values (1)'
        )
    for _ in range(2):
        ready_for_build(settings, mappings)
    found = rows("select indexname from pg_indexes where schemaname = 'raw_shop' order by 1")
    assert [name for (name,) in found] == [
        *("lines_order_id", "orders_order_by_states", "orders_order_id", "reviews_review_parent")
    ]
    assert rows("select reltuples from pg_class where oid = 'raw_shop.orders'::regclass") == [(1.0,)]
