"""Group A of the faults: what a source does to what it gave before. Numbers are the rows of the fault list."""

from __future__ import annotations

import contextlib
import dataclasses
import email
import email.policy
import importlib
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest
from alerting_warehouse import DAY, RUN, SILENT, installed, simulated_project
from alerting_warehouse import NOW as ALERTED_AT

from forewarn import stages
from forewarn.alerts import evaluate_rules, open_cases
from forewarn.errors import ConfigError, SourceRejected
from forewarn.sources import canonical_mappings, dbt_sources, extract_stream
from forewarn.sources.loader import load_source
from forewarn.warehouse import dbt
from forewarn.warehouse.engine import dsn

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ORDERS = """
kind: sql
connection: erp
streams:
  orders:
    table: orders
    key: [id]
    cursor: updated_at
    overlap: 30 minutes
    entities:
      order:
        columns: {order_id: id, account_id: customer, ordered_at: updated_at, amount: amount}
"""
CONTRACTS = """
  contracts:
    table: contracts
    key: [id]
    min_share: 0.4
    deletes: {compare_keys_every: 1 day}
    entities:
      subscription:
        columns: {subscription_id: id, account_id: customer, started_at: since}
"""
PRICES = """
kind: files
connection: drops
streams:
  prices:
    path: "*.csv"
    format: csv
    key: [id]
    cursor: changed
    columns: {changed: timestamptz}
    entities:
      product:
        columns: {product_id: id, name: name}
"""
DESK = """
kind: rest
connection: desk
streams:
  tickets:
    endpoint: {path: /tickets, records: data}
    key: [id]
    entities:
      ticket:
        columns: {ticket_id: id, account_id: account, opened_at: opened}
"""


@pytest.fixture
def erp(database_url):
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "create table orders (id int, customer text, amount numeric, gone boolean, updated_at timestamptz)"
        )
        cursor.execute(
            "insert into orders select n, 'C' || n % 9, n, false, timestamptz '2026-02-01' + n * interval '1 minute'"
            " from generate_series(1, 100) n"
        )
    yield connection
    connection.close()


@pytest.fixture
def land(settings, database_url, tmp_path):
    """Write a source file called `shop` and land its only stream."""
    drops = tmp_path / "drops"
    drops.mkdir()
    urls = {"erp": database_url, "drops": drops.as_uri()}

    def run(text, *, now=NOW, erp=database_url):
        file = tmp_path / "shop.yml"
        file.write_text(text)
        source = load_source(file)
        (stream,) = source.streams
        return extract_stream(
            settings, source, stream, run_id="run", now=now, resolve=lambda name, _: (urls | {"erp": erp})[name]
        )

    run.drops = drops
    return run


@pytest.fixture
def ask(warehouse):
    def run(query):
        with warehouse.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    return run


def with_deletes(how: str) -> str:
    return ORDERS.replace("    entities:", f"    deletes: {{{how}}}\n    entities:")


@pytest.mark.capability("C5")
def test_a02_a_transaction_that_commits_late_arrives_with_the_next_run(erp, land, ask, database_url):
    early, late = (psycopg2.connect(dsn(database_url)) for _ in range(2))
    with early.cursor() as first, late.cursor() as second:
        second.execute("insert into orders values (900, 'C1', 1, false, '2026-02-01 01:50+00')")
        first.execute("insert into orders values (901, 'C1', 1, false, '2026-02-01 02:00+00')")
        early.commit()
        assert land(ORDERS).watermark_after == "2026-02-01 02:00:00.000000+00"
        assert ask("select id from raw_shop.orders where id >= 900") == [(901,)]
        late.commit()
    assert land(ORDERS).rows_loaded == 1
    assert ask("select id from raw_shop.orders where id >= 900 order by id") == [(900,), (901,)]
    early.close()
    late.close()


@pytest.mark.capability("C5")
@pytest.mark.parametrize("other_sql", [False, True])
def test_a06_hard_deletes_are_found_by_their_keys_at_most_as_often_as_asked(erp, land, ask, tmp_path, other_sql):
    url = {}
    run = erp.cursor().execute
    if other_sql:
        import sqlite3

        lite = sqlite3.connect(tmp_path / "erp.db", isolation_level=None)
        lite.execute("create table orders (id int, customer text, amount numeric, gone int, updated_at timestamp)")
        lite.executemany(
            "insert into orders values (?, 'C1', 1, 0, ?)",
            [(n, f"2026-02-01 0{n // 60}:{n % 60:02}:00") for n in range(1, 101)],
        )
        url, run = {"erp": f"sqlite:///{tmp_path / 'erp.db'}"}, lite.execute
    text = with_deletes("compare_keys_every: 1 day")
    land(text, **url)
    run("delete from orders where id in (3, 4)")
    assert land(text, now=NOW + timedelta(hours=23), **url).rows_removed == 0
    run("insert into orders values (101, 'C9', 5, false, '2026-02-02 00:00:00')")
    batch = land(text, now=NOW + timedelta(days=1), **url)
    assert (batch.rows_removed, batch.rows_loaded, batch.keys_compared) == (2, 1, True)
    assert batch.rows_in < 100
    assert ask("select count(*), count(*) filter (where id in (3, 4)) from raw_shop.orders") == [(101, 2)]
    assert ask("select key, cause from ops.tombstone order by key") == [
        ({"id": 3}, "missing from the keys"),
        ({"id": 4}, "missing from the keys"),
    ]
    assert ask("select rows_removed from ops.batch order by batch_id") == [(0,), (0,), (2,)]
    run("delete from orders where id < 80")
    with pytest.raises(SourceRejected, match=r"at least half of the 99 rows of last time, got 22 keys"):
        land(text, now=NOW + timedelta(days=2), **url)
    assert ask("select count(*) from ops.tombstone") == [(2,)]
    assert (
        land(
            text.replace("    deletes", "    min_share: 0.1\n    deletes"), now=NOW + timedelta(days=2), **url
        ).rows_removed
        == 77
    )


@pytest.mark.capability("C5")
def test_a06_what_a_source_deletes_of_the_past_counts_on_unless_it_retracts_it(erp, land, ask):
    """Nothing that a build reads has changed, so that no feature of anybody moves, and nobody falls silent."""
    note = "    columns: {note: text}\n    personal: [customer, note]\n    entities"
    kept = with_deletes("compare_keys_every: 1 day").replace("    entities", note)
    with erp.cursor() as cursor:
        cursor.execute("alter table orders add note text default 'Call Jo'")
    read = "select id, customer, amount, updated_at, _batch_id from raw_shop.orders order by id"
    land(kept)
    before = ask(read)
    with erp.cursor() as cursor:
        cursor.execute("delete from orders where id <= 40")
    batch = land(kept, now=NOW + timedelta(days=1))
    assert (batch.rows_removed, batch.rows_loaded) == (40, 0)
    assert ask(read) == before
    # What is personal the source has forgotten, and so has the warehouse, but for whose order it was.
    assert ask("select count(note), count(*) filter (where id <= 40) from raw_shop.orders") == [(60, 40)]
    assert land(kept, now=NOW + timedelta(days=2)).rows_removed == 0, "each is found missing once"
    with erp.cursor() as cursor:
        cursor.execute("insert into orders values (7, 'C7', 7, false, '2026-02-02 00:00+00')")
    assert land(kept, now=NOW + timedelta(days=3)).rows_loaded == 1
    with erp.cursor() as cursor:
        cursor.execute("delete from orders where id = 7")
    assert land(kept, now=NOW + timedelta(days=4)).rows_removed == 1, "it came again, and went again"
    retracted = kept.replace("1 day}", "1 day, retracts: true}")
    assert land(retracted, now=NOW + timedelta(days=5)).rows_removed == 40
    assert ask("select min(id), count(*) from raw_shop.orders") == [(41, 60)]


def test_a06_no_alert_comes_of_orders_and_contracts_that_a_source_cleans_up(settings, database_url, tmp_path):
    """A customer of two systems that lose the same records: one cleans up, and in the other gone means never."""
    with psycopg2.connect(dsn(database_url)) as erp, erp.cursor() as cursor:
        cursor.execute("create table orders (id int, customer text, amount numeric, updated_at timestamptz)")
        cursor.execute(
            "insert into orders select n, 'C1', 100, %s::timestamptz - n * interval '7 days'"
            " from generate_series(1, 30) n",
            [DAY],
        )
        cursor.execute("create table contracts as select 'K1' as id, 'C1' as customer, %s::date - 200 as since", [DAY])
        cursor.execute("insert into contracts select 'K2', 'C2', %s::date - 300", [DAY])
    erp.close()
    text = with_deletes("compare_keys_every: 1 day") + CONTRACTS
    (tmp_path / "cleans.yml").write_text(text)
    (tmp_path / "retracts.yml").write_text(text.replace("1 day}", "1 day, retracts: true}"))
    sources = {name: load_source(tmp_path / f"{name}.yml") for name in ("cleans", "retracts")}

    def land(now):
        for source in sources.values():
            for stream in source.streams:
                extract_stream(settings, source, stream, run_id="run", now=now, resolve=lambda name, _: database_url)

    land(ALERTED_AT - timedelta(days=1))
    with psycopg2.connect(dsn(database_url)) as erp, erp.cursor() as cursor:
        cursor.execute("delete from orders where id <= 4; delete from contracts where id = 'K1'")
    erp.close()
    land(ALERTED_AT)
    project = simulated_project(settings.config)
    dbt.build(
        settings,
        mappings=canonical_mappings(sources),
        sources_yaml=dbt_sources(sources),
        as_of_dates=[DAY],
        churn=project.churn.model_dump(include={"definition", "horizon_days", "eligible_days", "snapshots"}),
        tests=False,
    )
    evaluate_rules(settings, project, as_of_date=DAY, now=ALERTED_AT)
    with psycopg2.connect(dsn(settings.warehouse_url)) as warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "select crosswalk.source, features.revenue_90d, features.has_subscription, exists (select from"
            " alerts.signal as signal where signal.customer_id = features.customer_id)"
            " from marts.customer_crosswalk as crosswalk join marts.churn_features as features using (customer_id)"
            " where crosswalk.account_id = 'C1' order by 1"
        )
        assert cursor.fetchall() == [("cleans", 1200, 1, False), ("retracts", 800, 0, True)]
    warehouse.close()


@pytest.mark.capability("C5")
def test_a06_a_mark_deletes_the_record_for_every_entity_and_an_older_version_does_not_bring_it_back(
    erp, land, ask, tmp_path
):
    text = with_deletes("marked_by: gone")
    land(text)
    with erp.cursor() as cursor:
        # A mark may carry nothing but the key.
        cursor.execute(
            "update orders set gone = true, customer = null, updated_at = '2026-02-01 05:00+00' where id = 7"
        )
    batch = land(text)
    assert (batch.rows_removed, batch.rows_quarantined) == (1, 0)
    assert batch.rows_in == batch.rows_loaded + batch.rows_deduplicated
    assert ask("select key, cause from ops.tombstone") == [({"id": 7}, "marked by the source")]
    (mapping,) = canonical_mappings({"shop": load_source(tmp_path / "shop.yml")})["order"]
    alive = f"select count(*), bool_or(id = 7) from raw_shop.orders where {mapping['where']}"
    assert ask(alive) == [(99, False)]
    with erp.cursor() as cursor:
        cursor.execute(
            "update orders set gone = false, customer = 'C1', updated_at = '2026-02-01 04:59+00' where id = 7"
        )
    assert land(text).rows_removed == 0
    assert ask(alive) == [(99, False)]


def test_a06_an_account_that_the_source_deleted_opens_no_case_however_silent_it_was(settings):
    """What the source no longer has leaves the marts with the next build: there are no features of the day."""
    marts = installed(settings)
    for customer in ("deleted", "still there"):
        marts.customer(customer)
        marts.features(customer, DAY - timedelta(days=1))
    marts.features("still there", **SILENT)
    marts.score("deleted", 0.9, DAY - timedelta(days=1))
    marts.publish()
    project = simulated_project(settings.config)
    evaluate_rules(settings, project, as_of_date=DAY, now=ALERTED_AT)
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=ALERTED_AT)
    assert marts.rows('select customer_id from alerts."case"') == [("still there",)]
    assert marts.rows("select distinct customer_id from alerts.signal") == [("still there",)]
    marts.connection.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            with_deletes("marked_by: gone").replace("    overlap", "    mode: append\n    overlap"),
            "mode append does not look",
        ),
        (with_deletes("marked_by: lower(customer)"), "boolean"),
        (
            PRICES.replace("    entities", "    deletes: {compare_keys_every: 1 day}\n    entities"),
            "a file does not tell",
        ),
    ],
)
def test_a06_deletes_that_cannot_be_found_are_refused(land, text, message):
    with pytest.raises(ConfigError, match=message):
        land(text)


@pytest.mark.capability("C5")
def test_a07_a_whole_or_a_file_that_halved_stops_and_what_landed_stays(erp, land, ask):
    whole = ORDERS.replace("    cursor: updated_at\n    overlap: 30 minutes\n", "")
    land(whole)
    with erp.cursor() as cursor:
        cursor.execute("delete from orders where id > 49")
    with pytest.raises(
        SourceRejected, match=r"shop\.orders: expected at least half of the 100 rows of last time, got 49"
    ):
        land(whole)
    assert ask("select count(*) from raw_shop.orders") == [(100,)]
    assert ask("select stream, next_step like '%%min_share%%' from ops.source_trouble") == [("orders", True)]
    assert land(whole.replace("    key", "    min_share: 0.4\n    key")).rows_in == 49


@pytest.mark.capability("C5")
def test_a07_a_file_written_anew_with_few_rows_stops_and_a_new_small_file_does_not(land, ask):
    line = "{},2026-01-01,n\n".format
    prices = land.drops / "a.csv"
    prices.write_text("id,changed,name\n" + "".join(map(line, range(10))))
    land(PRICES)
    prices.write_text("id,changed,name\n" + "".join(map(line, range(4))))
    with pytest.raises(SourceRejected, match=r"at least half of the 10 rows of last time, got 4 rows in a\.csv"):
        land(PRICES)
    assert ask("select count(*) from raw_shop.prices") == [(10,)]
    prices.write_text("id,changed,name\n" + "".join(map(line, range(6))))
    (land.drops / "b.csv").write_text("id,changed,name\n" + line(99))
    land(PRICES)
    assert ask("select count(*) from raw_shop.prices") == [(11,)]


@pytest.mark.capability("C5")
def test_a21_numbers_and_dates_that_are_none_are_quarantined_one_by_one(land, ask):
    text = PRICES.replace(
        "columns: {changed: timestamptz}", "columns: {changed: timestamptz, price: numeric, weight: double precision}"
    )
    rows = ["1,2026-01-01,a,1.5,2", "2,2026-01-01,b,NaN,2", "3,2026-01-01,c,1e400,1e400", "4,0001-01-01,d,1,1"]
    (land.drops / "a.csv").write_text("id,changed,name,price,weight\n" + "\n".join(rows) + "\n")
    batch = land(text)
    assert (batch.rows_in, batch.rows_loaded, batch.rows_quarantined) == (4, 1, 3)
    assert ask("select id from raw_shop.prices") == [("1",)]
    assert ask("select content::jsonb ->> 'id', column_name from quarantine.row order by 1") == [
        ("2", "price"),
        ("3", "weight"),
        ("4", "changed"),
    ]


@pytest.mark.capability("C5")
def test_a08_a_source_that_is_blocked_stops_nobody_else(settings, tmp_path, erp, database_url, ask):
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    (config / "forewarn.yml").write_text((settings.config / "forewarn.yml").read_text())
    (config / "sources" / "shop.yml").write_text(ORDERS)
    (config / "sources" / "prices.yml").write_text(PRICES)
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "a.csv").write_text("id,changed,name\n1,2026-01-01,a\n")
    urls = {"erp": database_url, "drops": str(tmp_path / "drops")}
    here = dataclasses.replace(settings, config=config)

    def day(number):
        run = stages.Run(date(2026, 3, number), f"run {number}", datetime(2026, 3, number, tzinfo=UTC))
        for one in stages.streams(here):
            with contextlib.suppress(SourceRejected):
                stages.extract(here, run, **one, resolve=lambda name, _: urls[name])
        return stages.check_sources(here, run)

    assert day(2) == {"landed": 2, "blocked": 0, "late": 0, "told": 0}
    with erp.cursor() as cursor:
        cursor.execute("alter table orders rename amount to total")
    (tmp_path / "drops" / "b.csv").write_text("id,changed,name\n2,2026-01-01,b\n")
    blocked = {"landed": 1, "blocked": 1, "late": 0, "told": 1, "skipped": "without shop.orders"}
    assert day(3) == blocked
    assert day(3) == blocked | {"told": 0}
    assert ask("select payload -> 'streams' -> 0 ->> 'reason' from alerts.outbox") == [
        ("shop.orders: column amount: expected in table orders, got no such column",)
    ]
    assert ask("select count(*) from raw_prices.prices") == [(2,)]
    assert ask("select count(*) from raw_shop.orders") == [(100,)]
    (tmp_path / "drops").rename(tmp_path / "elsewhere")
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "c.csv").write_text("id\n3\n")
    with pytest.raises(SourceRejected, match=r"expected at least one of 2 streams to land, got .*column"):
        day(4)


@pytest.mark.capability("B6", "C4")
def test_a20_a_refused_credential_reaches_operations_although_the_day_stops(
    settings, tmp_path, httpserver, monkeypatch
):
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    (config / "forewarn.yml").write_text((settings.config / "forewarn.yml").read_text())
    (config / "sources" / "desk.yml").write_text(DESK)
    httpserver.expect_request("/tickets").respond_with_data("", 401)
    monkeypatch.setenv("FOREWARN_CONN_DESK", httpserver.url_for("").replace("http://", "http://s3cr3t@"))
    here = dataclasses.replace(settings, config=config)
    run_command = importlib.import_module("forewarn.cli.run")
    monkeypatch.setattr(run_command, "current_settings", lambda: here)
    with pytest.raises(SourceRejected, match="expected at least one of 1 streams to land"):
        run_command.run(as_of=datetime(2026, 3, 2), stage=None, run_id="", live=True, dry_run=False)  # noqa: DTZ001
    assert len(httpserver.log) == 1, "not tried again"
    (file,) = here.outbox.glob("*.eml")
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "Data late: desk – tickets", "what was asked and never came is late as well"
    text = mail.get_body(("plain",)).get_content()
    assert "status 401" in text
    assert "forewarn source test desk --stream tickets" in text
    assert "s3cr3t" not in file.read_text() + text
