"""Group A of the faults: extraction that dies, repeats, or runs twice at once. Numbers are the rows of the fault list.

Bad files and bad servers (A7 to A20) are shown beside each kind of source in `tests/integration/sources`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest
from disk import full_disk
from killing import Killed, killed_at, reconnected

from forewarn.errors import ForewarnError, Transient
from forewarn.sources import extract_stream
from forewarn.sources.loader import load_source
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.lock import ATTEMPTS, BUILD, alone

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = """
kind: sql
connection: erp
streams:
  orders:
    table: orders
    key: [id]
    cursor: updated_at
    entities:
      order:
        columns: {order_id: id, account_id: customer, ordered_at: updated_at, amount: amount}
"""
CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from forewarn.config.settings import Settings
from forewarn.sources import extract_stream
from forewarn.sources.loader import load_source
home, warehouse, shop, file = sys.argv[1:]
settings = Settings(Path(home), Path(home), Path(home), warehouse, "sqlite://")
now = datetime(2026, 3, 2, tzinfo=UTC)
extract_stream(settings, load_source(Path(file)), "orders", run_id="child", now=now, resolve=lambda *_: shop)
"""


@pytest.fixture
def erp(database_url):
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("create table orders (id int, customer text, amount numeric, updated_at timestamptz)")
        cursor.execute(
            "insert into orders select n, 'C1', case n when 7 then 'NaN'::numeric else n end,"
            " timestamptz '2026-02-01' + n * interval '1 minute' from generate_series(1, 200) n"
        )
    yield connection
    connection.close()


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "shop.yml"
    file.write_text(ORDERS)
    return load_source(file)


@pytest.fixture
def land(settings, source, database_url, erp):
    return lambda run_id="run": extract_stream(
        settings, source, "orders", run_id=run_id, now=NOW, resolve=lambda *_: database_url
    )


def state(cursor) -> tuple[int, int, list[tuple[str]]]:
    """Rows landed, rows quarantined, watermark."""
    cursor.execute("select to_regclass('raw_shop.orders') is not null")
    landed = 0
    if cursor.fetchone()[0]:
        cursor.execute("select count(*) from raw_shop.orders")
        landed = cursor.fetchone()[0]
    cursor.execute("select count(*) from quarantine.row")
    quarantined = cursor.fetchone()[0]
    cursor.execute("select cursor_value from ops.watermark")
    return landed, quarantined, cursor.fetchall()


NOTHING = (0, 0, [])
EVERYTHING = (199, 1, [("2026-02-01 03:20:00.000000+00",)])


@pytest.mark.capability("C5")
@pytest.mark.parametrize("table", ["quarantine.row", "ops.watermark", "ops.batch"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a01_error_at_any_write_leaves_data_and_watermark_both_or_neither(warehouse, land, table, moment):
    with warehouse.cursor() as cursor:
        cursor.execute(
            "create function fail() returns trigger language plpgsql as $$ begin raise exception 'pulled the plug';"
            " end $$"
        )
        only = "when (new.status = 'landed')" if table == "ops.batch" else ""
        event = "update" if table == "ops.batch" else "insert or update"
        cursor.execute(f"create trigger plug {moment} {event} on {table} for each row {only} execute function fail()")
        with pytest.raises((ForewarnError, psycopg2.Error), match="pulled the plug"):
            land()
        assert state(cursor) == NOTHING
        cursor.execute("select status, error like '%%pulled the plug%%' from ops.batch")
        assert cursor.fetchall() == [("failed", True)]
        cursor.execute(f"drop trigger plug on {table}")
        land()
        assert state(cursor) == EVERYTHING


def test_a01_killed_in_the_middle_of_a_copy_leaves_nothing_and_the_next_run_everything(
    warehouse, warehouse_url, database_url, erp, source, land, tmp_path
):
    blocker = psycopg2.connect(dsn(database_url))
    with blocker.cursor() as cursor:
        # The catalogue can be read and the rows cannot: the child stops inside its COPY.
        cursor.execute("lock table orders in access exclusive mode")
    plugins = Path(__file__).resolve().parents[2] / "plugins"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), warehouse_url, database_url, str(source.file)],
        env=os.environ | {"PYTHONPATH": str(plugins)},
    )
    with warehouse.cursor() as cursor:
        for _ in range(300):
            cursor.execute("select count(*) from ops.batch where status = 'running'")
            if cursor.fetchone() == (1,):
                break
            time.sleep(0.1)
        time.sleep(0.5)
        child.send_signal(signal.SIGKILL)
        child.wait()
        blocker.close()
        assert state(cursor) == NOTHING
        batch = land()
        assert batch.rows_loaded == 199
        assert state(cursor) == EVERYTHING
        cursor.execute("select status, error from ops.batch order by batch_id")
        assert cursor.fetchall() == [("failed", "the process ended before the batch did"), ("landed", None)]


@pytest.mark.capability("C5")
@pytest.mark.parametrize(
    ("mode", "after_the_change"), [("merge", (201, 0, True)), ("append", (201, 0, False)), ("snapshot", (200, 1, True))]
)
def test_a01_killed_at_every_commit_leaves_rows_tombstones_and_watermark_all_or_none(
    warehouse, settings, database_url, erp, tmp_path, mode, after_the_change
):
    text = ORDERS.replace("    key: [id]", f"    key: [id]\n    mode: {mode}")
    if mode == "snapshot":
        text = text.replace("    cursor: updated_at\n", "    deletes: {retracts: true}\n")
    file = tmp_path / "shop.yml"
    file.write_text(text)
    source = load_source(file)
    erp.cursor().execute("update orders set amount = 7 where id = 7")

    def land(last):
        with killed_at(last, commits_alone=True) as steps:
            extract_stream(settings, source, "orders", run_id="run", now=NOW, resolve=lambda *_: database_url)
        return steps.taken

    def found():
        with warehouse.cursor() as cursor:
            landed, _, watermark = state(cursor)
            cursor.execute("select count(*) from ops.tombstone")
            (removed,) = cursor.fetchone()
            cursor.execute(
                "select string_agg(amount::text, ',' order by id, amount) from raw_shop.orders"
                if landed
                else "select null"
            )
            (amounts,) = cursor.fetchone()
            return landed, removed, watermark, amounts

    def killed_everywhere():
        before, states = found(), []
        for step in range(1, 5):
            with pytest.raises(Killed):
                land(step)
            states.append(found())
        assert land(None) == len(states), "before and after the commits of the batch's number and of its rows"
        after = found()
        assert states == [before, before, before, after]
        assert before != after
        landed, removed, _, amounts = after
        return landed, removed, "500" in amounts

    assert killed_everywhere() == (200, 0, False)
    with erp.cursor() as cursor:
        cursor.execute("delete from orders where id = 3")
        cursor.execute("update orders set amount = 500, updated_at = '2026-02-20' where id = 5")
        cursor.execute("insert into orders values (900, 'C9', 9, '2026-02-20')")
    assert killed_everywhere() == after_the_change


def test_a27_a_full_disk_is_a_clear_error_and_the_next_run_lands_everything(warehouse, postgres, land):
    land()
    with warehouse.cursor() as cursor:
        cursor.execute("delete from ops.watermark; delete from quarantine.row")
        full = pytest.raises(
            Transient, match=r"shop\.orders: expected space on the warehouse's disk, got .*No space left"
        )
        with full_disk(warehouse, postgres, "raw_shop.orders"), full:
            land()
        assert state(cursor) == NOTHING
        cursor.execute("select status, transient, next_step from ops.batch order by batch_id desc limit 1")
        (status, transient, next_step) = cursor.fetchone()
        assert (status, transient) == ("failed", True)
        assert next_step.startswith("free space, then try again; nothing was landed")
        land()
        assert state(cursor) == EVERYTHING


def test_a28_postgresql_killed_in_the_middle_of_a_copy_recovers_and_the_next_run_lands_everything(
    warehouse_url, database_url, erp, land
):
    blocker = psycopg2.connect(dsn(database_url))
    with blocker.cursor() as cursor:
        cursor.execute("lock table orders in access exclusive mode")
    failures = []

    def run():
        try:
            land()
        except Exception as error:
            failures.append(error)

    landing = threading.Thread(target=run)
    landing.start()
    with reconnected(warehouse_url).cursor() as cursor:
        for _ in range(300):
            cursor.execute("select pid from pg_stat_activity where query like 'copy %%' and wait_event = 'ClientRead'")
            if found := cursor.fetchall():
                break
            time.sleep(0.1)
    os.kill(found[0][0], signal.SIGKILL)
    landing.join(timeout=60)
    blocker.close()
    (failure,) = failures
    assert isinstance(failure, Transient)
    again = reconnected(warehouse_url)
    with again.cursor() as cursor:
        assert state(cursor) == NOTHING
        land()
        assert state(cursor) == EVERYTHING
    again.close()


@pytest.mark.parametrize("code", ["40001", "40P01"], ids=["serialization", "deadlock"])
def test_a29_a_conflict_with_another_session_is_tried_again_and_given_up_in_the_end(warehouse, land, code):
    with warehouse.cursor() as cursor:
        cursor.execute("create sequence public.attempt")
        cursor.execute(
            "create function conflict() returns trigger language plpgsql as $$ begin"
            f" if nextval('public.attempt') <> {2 * ATTEMPTS} then"
            f" raise exception 'conflict' using errcode = '{code}'; end if; return new; end $$"
        )
        cursor.execute(
            "create trigger conflict before insert on ops.watermark for each row execute function conflict()"
        )
        with pytest.raises(Transient, match=f"no conflict with another session in {ATTEMPTS} attempts, got conflict"):
            land()
        assert state(cursor) == NOTHING
        land()
        assert state(cursor) == EVERYTHING
        cursor.execute("select status, count(*) from ops.batch group by status order by status")
        assert cursor.fetchall() == [("failed", 2 * ATTEMPTS - 1), ("landed", 1)]


def test_a03_reading_everything_again_changes_nothing(warehouse, land):
    land()
    with warehouse.cursor() as cursor:
        cursor.execute("delete from ops.watermark")
        cursor.execute("select md5(string_agg(o::text, '' order by id)) from raw_shop.orders o")
        before = cursor.fetchone()
        batch = land()
        cursor.execute("select md5(string_agg(o::text, '' order by id)) from raw_shop.orders o")
        assert cursor.fetchone() == before
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined, batch.rows_deduplicated) == (200, 0, 1, 199)


def test_a05_a_thousand_equal_cursor_values_lose_no_row(warehouse, erp, land):
    land()
    with erp.cursor() as cursor:
        cursor.execute("insert into orders select n, 'C2', 1, '2026-02-20' from generate_series(1000, 1499) n")
    land()
    with erp.cursor() as cursor:
        cursor.execute("insert into orders select n, 'C2', 1, '2026-02-20' from generate_series(1500, 1999) n")
    batch = land()
    assert (batch.rows_loaded, batch.rows_deduplicated) == (500, 500)
    with warehouse.cursor() as cursor:
        cursor.execute("select count(*) from raw_shop.orders where id >= 1000")
        assert cursor.fetchone() == (1000,)


def test_a_row_without_a_required_value_is_set_aside_and_the_others_land(warehouse, erp, land):
    with erp.cursor() as cursor:
        cursor.execute("update orders set customer = null where id = 9")
    batch = land()
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (200, 198, 2)
    with warehouse.cursor() as cursor:
        cursor.execute("select column_name, reason from quarantine.row where content::jsonb ->> 'id' = '9'")
        assert cursor.fetchall() == [
            ("customer", "customer: expected a value, which order.account_id needs, got nothing")
        ]
        cursor.execute("select count(*) from raw_shop.orders where customer is null")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("columns: {order_id", 'where: "customer is not null"\n        columns: {order_id'),
        ("account_id: customer,", "account_id: \"coalesce(customer, 'none')\","),
    ],
)
def test_a_missing_value_that_the_mapping_allows_for_lands(erp, settings, database_url, tmp_path, old, new):
    file = tmp_path / "shop.yml"
    file.write_text(ORDERS.replace(old, new))
    with erp.cursor() as cursor:
        cursor.execute("update orders set customer = null where id = 9")
    batch = extract_stream(
        settings, load_source(file), "orders", run_id="run", now=NOW, resolve=lambda *_: database_url
    )
    assert (batch.rows_loaded, batch.rows_quarantined) == (199, 1)


def test_a22_two_runs_at_once_wait_for_each_other(warehouse, land):
    batches, failures = [], []

    def run(name: str) -> None:
        try:
            batches.append(land(name))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[f"run {number}"]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(batch.rows_loaded for batch in batches) == [0, 0, 199]
    with warehouse.cursor() as cursor:
        assert state(cursor)[0] == 199
        cursor.execute("select array_agg(distinct status) from ops.batch")
        assert cursor.fetchone() == (["landed"],)


def test_a_batch_gets_no_number_while_a_build_runs_and_a_build_waits_for_a_batch_that_has_one(
    warehouse, warehouse_url, database_url, land
):
    landing = threading.Thread(target=land)
    with warehouse.cursor() as cursor:
        with alone(warehouse, BUILD):
            landing.start()
            _wait_for(cursor, "not granted")
            cursor.execute("select count(*) from ops.batch")
            assert cursor.fetchone() == (0,)
        landing.join()
        assert state(cursor)[0] == 199

        blocker = psycopg2.connect(dsn(database_url))
        with blocker.cursor() as other:
            other.execute("lock table orders in access exclusive mode")
        landing = threading.Thread(target=land)
        landing.start()
        _wait_for(cursor, "granted")
        cursor.execute("select pg_try_advisory_lock(hashtext(%s))", [BUILD])
        assert cursor.fetchone() == (False,)
        blocker.close()
        landing.join()
        with alone(warehouse, BUILD):
            cursor.execute("select array_agg(distinct status) from ops.batch")
            assert cursor.fetchone() == (["landed"],)


def _wait_for(cursor, state: str) -> None:
    """Wait until some session has asked for the shared lock, and was given it or not."""
    for _ in range(300):
        cursor.execute(
            "select exists (select from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
            f" and database = (select oid from pg_database where datname = current_database()) and {state})"
        )
        if cursor.fetchone() == (True,):
            return
        time.sleep(0.1)
    raise AssertionError(f"no session's shared lock is {state}")
