"""The warehouse's own tables: made from nothing, and brought forward with what is in them."""

from __future__ import annotations

import dataclasses
import inspect
from datetime import timedelta
from pathlib import Path

import psycopg2
from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project

from forewarn.alerts import dispatch, open_cases
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import dsn
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
