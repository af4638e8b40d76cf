"""Streams of a PostgreSQL source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forewarn.errors import SourceRejected, SourceUnavailable

ORDERS = """
kind: sql
connection: erp
time_zone: Europe/Berlin
streams:
  orders:
    table: sales.orders
    key: [order_no]
    cursor: updated_at
    overlap: 2 hours
    entities:
      order:
        columns: {order_id: order_no, account_id: customer_no, ordered_at: placed_at, amount: amount}
"""


@pytest.fixture
def orders(erp, write_source):
    with erp.cursor() as cursor:
        cursor.execute(
            "create schema sales; create type sales.state as enum ('new', 'paid');"
            "create table sales.orders (order_no int, customer_no varchar(10), placed_at timestamp, amount"
            " numeric(12,2), state sales.state, tags text[], extra json, updated_at timestamptz)"
        )
        cursor.execute(
            "insert into sales.orders select n, 'C' || n % 3, timestamp '2026-02-01 12:00', n * 1.5, 'new', '{a,b}',"
            " '{\"a\": 1}', timestamptz '2026-03-01 00:00+00' + n * interval '1 minute' from generate_series(1, 100) n"
        )
    return write_source("erp", ORDERS)


@pytest.mark.capability("C1")
def test_first_landing_keeps_types_counts_and_watermark(orders, land, rows):
    batch = land(orders, "orders")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined, batch.rows_deduplicated) == (100, 100, 0, 0)
    assert batch.watermark_after == "2026-03-01 01:40:00.000000+00"
    first = rows(
        "select order_no, customer_no, placed_at, amount, state, tags, extra, _loaded_at, _batch_id,"
        " length(_row_hash) from raw_erp.orders order by order_no limit 1"
    )
    assert first == [
        (1, "C1", datetime(2026, 2, 1, 11, tzinfo=UTC), 1.5, "new", "{a,b}", {"a": 1},
         datetime(2026, 3, 2, 4, tzinfo=UTC), batch.batch_id, 16)
    ]  # fmt: skip
    assert rows("select status, rows_in, rows_loaded, watermark_after from ops.batch") == [
        ("landed", 100, 100, "2026-03-01 01:40:00.000000+00")
    ]


@pytest.mark.capability("C4")
def test_next_run_lands_only_what_changed(orders, erp, land, rows):
    first = land(orders, "orders")
    marks = "select attname, atthasmissing, atthasdef from pg_attribute where attrelid = 'raw_erp.orders'::regclass"
    assert rows(f"{marks} and attname in ('_batch_id', '_loaded_at') order by 1") == [
        ("_batch_id", True, False), ("_loaded_at", True, False)
    ]  # fmt: skip
    with erp.cursor() as cursor:
        cursor.execute("update sales.orders set amount = 7, updated_at = '2026-03-01 10:00+00' where order_no = 5")
        cursor.execute(
            "insert into sales.orders values (101, 'C9', now(), 1, 'paid', null, null, '2026-03-01 11:00+00')"
        )
    batch = land(orders, "orders", now=datetime(2026, 3, 3, tzinfo=UTC))
    assert batch.rows_loaded == 2
    assert batch.rows_in == batch.rows_loaded + batch.rows_deduplicated == 101
    assert rows("select amount from raw_erp.orders where order_no = 5") == [(7,)]
    assert rows("select _batch_id, _loaded_at, count(*) from raw_erp.orders group by 1, 2 order by 1") == [
        (first.batch_id, datetime(2026, 3, 2, 4, tzinfo=UTC), 99),
        (batch.batch_id, datetime(2026, 3, 3, tzinfo=UTC), 2),
    ]
    was = "content ->> '_batch_id', (content ->> '_loaded_at')::timestamptz, content ->> 'amount'"
    assert rows(f"select {was} from ops.past_row") == [
        (str(first.batch_id), datetime(2026, 3, 2, 4, tzinfo=UTC), "7.50")
    ]
    again = land(orders, "orders")
    assert (again.rows_in, again.rows_loaded, again.rows_deduplicated) == (2, 0, 2)


def test_a02_row_committed_late_with_an_older_cursor_arrives_with_the_next_run(orders, erp, land, rows):
    land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute(
            "insert into sales.orders values (900, 'C1', now(), 1, 'new', null, null, '2026-03-01 00:30+00')"
        )
        cursor.execute("insert into sales.orders values (901, 'C1', now(), 1, 'new', null, null, null)")
    land(orders, "orders")
    assert rows("select order_no from raw_erp.orders where order_no >= 900 order by 1") == [(900,), (901,)]


@pytest.mark.capability("C5")
def test_duplicate_key_becomes_one_row_the_newest_and_is_counted(orders, erp, land, rows):
    with erp.cursor() as cursor:
        cursor.execute(
            "insert into sales.orders values (5, 'C5', now(), 99, 'paid', null, null, '2026-03-01 09:00+00')"
        )
        cursor.execute(
            "insert into sales.orders values (5, 'C5', now(), 11, 'paid', null, null, '2026-02-01 09:00+00')"
        )
    batch = land(orders, "orders")
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated) == (102, 100, 2)
    assert rows("select amount from raw_erp.orders where order_no = 5") == [(99,)]


@pytest.mark.capability("C5")
@pytest.mark.parametrize("rounds", [1, 2])
def test_null_keys_and_numbers_that_are_none_are_quarantined(orders, erp, land, rows, rounds):
    for _ in range(rounds - 1):
        land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute(
            "insert into sales.orders values (null, 'C5', now(), 9, 'paid', null, null, '2026-03-01 09:00+00')"
        )
        cursor.execute(
            "insert into sales.orders values (200, 'C5', now(), 'NaN', 'paid', null, null, '2026-03-01 09:00+00')"
        )
        cursor.execute(
            "insert into sales.orders values (201, 'C5', '0001-01-01', 1, 'new', null, null, '2026-03-01 09:00Z')"
        )
    batch = land(orders, "orders")
    assert batch.rows_quarantined == 3
    assert rows("select count(*) from raw_erp.orders") == [(100,)]
    assert rows("select column_name, reason from quarantine.row order by 1") == [
        ("amount", "amount: expected a finite number, got 'NaN'"),
        ("order_no", "order_no: expected a key, got nothing"),
        ("placed_at", "placed_at: expected a date from 1900 to 9999, got '0001-01-01 00:00:00+00:53:28'"),
    ]


def test_a08_new_column_is_recorded_and_ignored_until_it_is_mapped(orders, erp, land, rows, write_source):
    land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute("alter table sales.orders add column channel text default 'web', drop column tags")
        cursor.execute("alter table sales.orders alter extra type text")
    batch = land(orders, "orders")
    assert batch.new_columns == ["channel"]
    assert (batch.rows_in, batch.rows_loaded, batch.rows_deduplicated) == (100, 0, 100)
    changes = "select column_name, change, was, now_is, effect from ops.column_change order by 1"
    assert rows(changes) == [
        ("channel", "new", None, "text", "ignored"),
        ("extra", "retyped", "jsonb", "text", "ignored"),
        ("tags", "dropped", "text", None, "ignored"),
    ]
    assert rows("select count(*) from ops.source_trouble") == [(0,)]
    mapped = write_source("erp", ORDERS.replace("amount: amount}", "amount: amount, status: channel}"))
    assert land(mapped, "orders").rows_loaded == 100
    assert rows("select distinct channel from raw_erp.orders") == [("web",)]
    assert rows(changes)[0] == ("channel", "new", None, "text", "added")


def test_a08_dropped_column_blocks_the_stream_and_names_it(orders, erp, land, rows):
    land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute("alter table sales.orders rename column amount to ammount")
    with pytest.raises(SourceRejected, match=r"erp\.orders: column amount.*did you mean `ammount`"):
        land(orders, "orders")
    assert rows("select count(*) from raw_erp.orders") == [(100,)]
    assert rows("select status from ops.batch order by batch_id") == [("landed",), ("failed",)]
    (trouble,) = rows(
        "select source, stream, since, reason, next_step, transient, failed_batches from ops.source_trouble"
    )
    assert trouble[:3] == ("erp", "orders", datetime(2026, 3, 2, 4, tzinfo=UTC))
    assert trouble[3] == "erp.orders: column amount: expected in table sales.orders, got no such column"
    assert trouble[4].startswith("did you mean `ammount`?")
    assert trouble[5:] == (False, 1)
    with pytest.raises(SourceRejected):
        land(orders, "orders", now=datetime(2026, 3, 3, tzinfo=UTC))
    assert rows("select since, failed_batches from ops.source_trouble") == [(trouble[2], 2)]
    with erp.cursor() as cursor:
        cursor.execute("alter table sales.orders rename column ammount to amount")
    land(orders, "orders")
    assert rows("select count(*) from ops.source_trouble") == [(0,)]


def test_a08_retyped_column_blocks_the_stream_and_names_it(orders, erp, land, rows):
    land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute("alter table sales.orders alter amount type text")
    with pytest.raises(SourceRejected, match="column amount: expected numeric, as it has landed so far, got text"):
        land(orders, "orders")
    assert rows("select count(*) from raw_erp.orders") == [(100,)]


def test_a07_source_suddenly_empty_stops_and_keeps_what_landed(orders, erp, land, rows):
    land(orders, "orders")
    with erp.cursor() as cursor:
        cursor.execute("delete from sales.orders")
    with pytest.raises(SourceRejected, match=r"expected rows \(100 had landed before\), got an empty stream"):
        land(orders, "orders")
    assert rows("select count(*) from raw_erp.orders") == [(100,)]
    assert rows("select error from ops.batch where status = 'failed'")[0][0].startswith("erp.orders: expected rows")


def test_stream_that_never_had_a_row_is_an_error_unless_allowed(orders, erp, land, write_source, rows):
    with erp.cursor() as cursor:
        cursor.execute("delete from sales.orders")
    with pytest.raises(SourceRejected, match=r"expected at least one row, got an empty stream.*allow_empty"):
        land(orders, "orders")
    allowed = write_source("erp", ORDERS.replace("    key:", "    allow_empty: true\n    key:"))
    assert land(allowed, "orders").rows_in == 0
    assert rows("select count(*) from raw_erp.orders") == [(0,)]


def test_wrong_password_names_the_connection_and_hides_the_password(orders, land, database_url, rows):
    land(orders, "orders")
    secret = database_url.split(":")[2].split("@")[0]
    wrong = database_url.replace(secret, "Wr0ng-Pass")
    with pytest.raises(SourceRejected, match=r"connection erp: .*password authentication failed") as caught:
        land(orders, "orders", erp=wrong)
    assert "Wr0ng-Pass" not in str(caught.value)
    assert rows("select count(*) from raw_erp.orders") == [(100,)]
    assert "Wr0ng-Pass" not in str(rows("select error from ops.batch"))


def test_server_that_does_not_answer_is_worth_another_try(orders, land):
    with pytest.raises(SourceUnavailable, match="connection erp"):
        land(orders, "orders", erp="postgresql+psycopg2://a:b@127.0.0.1:1/x")


def test_missing_table_names_the_nearest(orders, land, write_source):
    source = write_source("erp", ORDERS.replace("sales.orders", "sales.order"))
    with pytest.raises(SourceRejected, match=r"did you mean `sales\.orders`"):
        land(source, "orders")


@pytest.mark.parametrize(("deletes", "kept"), [("    deletes: {retracts: true}\n", 90), ("", 100)])
def test_a_snapshot_removes_what_is_gone_and_keeps_what_did_not_change(
    orders, erp, land, write_source, rows, deletes, kept
):
    text = ORDERS.replace("    cursor: updated_at\n    overlap: 2 hours\n", f"    mode: snapshot\n{deletes}")
    source = write_source("erp", text)
    first = land(source, "orders")
    with erp.cursor() as cursor:
        cursor.execute(
            "delete from sales.orders where order_no > 90; update sales.orders set amount = 0 where order_no = 1"
        )
    batch = land(source, "orders", now=datetime(2026, 3, 3, tzinfo=UTC))
    assert (batch.rows_loaded, batch.rows_removed, batch.rows_deduplicated) == (1, 10, 89)
    assert rows("select count(*) from raw_erp.orders where _batch_id = %s", first.batch_id) == [(kept - 1,)]
    with erp.cursor() as cursor:
        cursor.execute("delete from sales.orders where order_no > 40")
    with pytest.raises(SourceRejected, match="at least half of the 90 rows"):
        land(source, "orders")
    assert rows("select count(*) from raw_erp.orders") == [(kept,)]


def test_a_promise_of_the_newest_row_by_a_number_is_refused_when_it_lands(orders, land, write_source, rows):
    numbered = ORDERS.replace("cursor: updated_at\n    overlap: 2 hours", "cursor: order_no")
    source = write_source(
        "erp", numbered.replace("    entities", "    freshness: {newest_within: 4 days}\n    entities")
    )
    with pytest.raises(SourceRejected, match=r"newest_within: expected a cursor of moments or days.*got '100'"):
        land(source, "orders")
    assert rows("select status from ops.batch") == [("failed",)]


def test_cursor_in_the_future_does_not_hide_what_follows(orders, erp, land):
    with erp.cursor() as cursor:
        cursor.execute("update sales.orders set updated_at = '2099-01-01' where order_no = 1")
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert land(orders, "orders", now=now).watermark_after == "2026-03-02 00:00:00.000000+00"
    with erp.cursor() as cursor:
        cursor.execute("update sales.orders set amount = 3, updated_at = '2026-03-02 05:00+00' where order_no = 2")
    assert land(orders, "orders", now=now + timedelta(days=1)).rows_loaded == 1
