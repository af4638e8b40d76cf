"""The warehouse's own tables: made from nothing, and brought forward with what is in them."""

from __future__ import annotations

import dataclasses
import inspect
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from forewarn.alerts import dispatch, open_cases
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect, dsn
from forewarn.warehouse.migrate import migrate, versions

# What an installation of the first version had written on its first day.
FIRST_DAY = """
insert into ops.batch (source, stream, run_id, started_at, finished_at, status, rows_in, rows_loaded, rows_quarantined)
values ('crm', 'accounts', 'r', %(now)s, %(now)s, 'landed', 3, 2, 1);
insert into ops.watermark values ('crm', 'accounts', '2026-11-15', 1, %(now)s);
insert into quarantine.row (batch_id, source, stream, reason, content, quarantined_at)
values (1, 'crm', 'accounts', 'id: expected a key, got nothing', '{}', %(now)s);
insert into ops.publication (as_of_date, run_id, live, published_at, row_counts)
values (%(day)s, 'r', true, %(now)s, '{}');
insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability, threshold,
    rank_of_day, scored_at) values ('c0', %(day)s, 'non_contractual', 'churn', '1', .9, .5, 1, %(now)s);
insert into alerts.signal (customer_id, as_of_date, kind, name, version, level, route, reason, evidence, observed_at)
values ('c0', %(day)s, 'rule', 'silent_quarter', '1', 'medium', 'account_manager', 'no order', '{}', %(now)s);
insert into alerts."case" (customer_id, episode, state, level, route, routes, owner_email, value_at_stake,
    expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at)
values ('c0', 1, 'open', 'medium', 'account_manager', '{account_manager}', 'ana.weber@meridian.example', 9, 8, '[]',
    'call', %(day)s,
    %(day)s, %(now)s, %(now)s);
insert into alerts.case_event (case_id, as_of_date, kind, reason, happened_at)
values (1, %(day)s, 'opened', 'x', %(now)s);
insert into alerts.outbox (dedup_key, case_id, kind, channel, recipient, payload, state, next_attempt_at, expires_at,
    created_at, sent_at) values ('k', 1, 'opened', 'file', 'ana.weber@meridian.example', '{}', 'sent', %(now)s, %(now)s,
    %(now)s, %(now)s);
insert into alerts.attempt (alert_id, attempted_at, outcome, detail) values (1, %(now)s, 'sent', 'x');
"""
WRITTEN = (
    *("ops.batch", "ops.watermark", "quarantine.row", "ops.publication", "ml.score", "alerts.signal"),
    *('alerts."case"', "alerts.case_event", "alerts.outbox", "alerts.attempt"),
)


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    migrate(database_url)
    current, newest = versions(database_url)
    files = sorted((Path(inspect.getfile(migrate)).parent / "migrations").glob("versions/[0-9]*.py"))
    assert current == newest == files[-1].stem.partition("_")[0]


def test_what_an_earlier_version_wrote_comes_along_and_the_next_day_goes_on_from_it(
    settings: Settings, database_url: str
) -> None:
    migrate(database_url, to="0001")
    connection = psycopg2.connect(dsn(database_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(FIRST_DAY, {"day": DAY, "now": NOW})

    def rows(table: str, columns: str = "*") -> tuple[str, list[tuple[object, ...]]]:
        with connection.cursor() as cursor:
            cursor.execute(f"select {columns} from {table}")
            return ", ".join(column.name for column in cursor.description or ()), cursor.fetchall()

    before = {table: rows(table) for table in WRITTEN}
    migrate(database_url)
    assert {table: rows(table, columns) for table, (columns, _) in before.items()} == before

    settings, tomorrow = dataclasses.replace(settings, warehouse_url=database_url), DAY + timedelta(days=1)
    project = simulated_project(settings.config, channels=["file"])
    marts = AlertingWarehouse(connection)
    for customer in ("c0", "c1"):
        marts.customer(customer)
        marts.score(customer, 0.9, tomorrow)
    marts.publish(tomorrow, "next")
    open_cases(settings, project, as_of_date=tomorrow, run_id="next", now=NOW)
    assert marts.rows('select customer_id, episode from alerts."case" order by case_id') == [("c0", 1), ("c1", 1)]
    assert dispatch(settings, project, now=NOW).sent >= 1
    connection.close()


def test_an_owner_that_is_no_superuser_hands_over_what_there_is_and_may_go_on_as_before(tmp_path: Path) -> None:
    # Roles belong to a server, and this owner makes them itself.
    server = EmbeddedServer(tmp_path / "pg", durable=False)
    server.start()
    try:
        administrator = server.ensure_database("forewarn")
        _put(administrator, "create role chief login createrole password 'chief'")
        _put(administrator, "alter database forewarn owner to chief")
        chief = make_url(administrator).set(username="chief", password="chief").render_as_string(hide_password=False)
        migrate(chief, to="0051")
        _put(
            chief,
            "create schema raw_erp; create table raw_erp.orders (id serial, _batch_id bigint);"
            " select ops.follow('raw_erp.orders', 0);"
            " create view staging.stg_orders as select * from raw_erp.orders;"
            " create table marts.customer_360 as select * from staging.stg_orders",
        )
        migrate(chief)
        installation = Settings(tmp_path, tmp_path, tmp_path, chief, "")
        loader, transformer = (installation.as_service(role).warehouse_url for role in ("loader", "transformer"))
        # A night of the version before, whose owner builds, and then one of this version.
        _put(chief, "create table marts.customer_360_new (id bigint); drop table marts.customer_360")
        migrate(chief)
        _put(loader, "insert into raw_erp.orders values (1, 1); select ops.make_raw_schema('raw_crm')")
        _put(loader, "delete from raw_erp.orders; create table raw_crm.a (id int)")
        _put(transformer, "alter table marts.customer_360_new rename to customer_360")
        _put(transformer, "select from raw_crm.a; select from staging.stg_orders")
        with connect(chief) as session, session.cursor() as cursor:
            cursor.execute("select table_name, content ->> 'id' from ops.past_row")
            assert cursor.fetchall() == [("orders", "1")]
            cursor.execute(
                "select relname, relowner::regrole::text from pg_class join pg_namespace as n on n.oid = relnamespace"
                " where relkind in ('r', 'v', 'S') and (nspname ~ '^raw_' or nspname in ('staging', 'marts'))"
                " order by 1"
            )
            assert cursor.fetchall() == [
                ("a", "loader"),
                ("customer_360", "transformer"),
                ("orders", "loader"),
                ("orders_id_seq", "loader"),
                ("stg_orders", "transformer"),
            ]
    finally:
        server.stop()


def test_an_owner_that_may_not_enter_the_roles_is_told_what_to_ask_for(
    postgres: EmbeddedServer, template: str, database_url: str
) -> None:
    # Another warehouse of the server has the roles, and this owner is none of theirs.
    name = make_url(database_url).database
    _put(database_url, "create role chief login createrole password 'chief'")
    _put(database_url, f"alter database {name} owner to chief")
    chief = make_url(database_url).set(username="chief", password="chief").render_as_string(hide_password=False)
    try:
        with pytest.raises(DBAPIError, match="grant loader, transformer to chief with inherit true, set true"):
            migrate(chief)
    finally:
        _put(database_url, f"alter database {name} owner to postgres; drop owned by chief; drop role chief")


def _put(url: str, statements: str) -> None:
    with connect(url) as session, session, session.cursor() as cursor:
        cursor.execute(statements)
