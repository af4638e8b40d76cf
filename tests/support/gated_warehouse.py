"""A small warehouse that passes every gate, to be spoiled by one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg2
import pytest
from ruamel.yaml import YAML

from forewarn.config.settings import Settings
from forewarn.quality import GateReport, run_gate
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
AS_OF = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
RUN = "scheduled__2026-03-01T06:00:00+00:00"
CUSTOMERS = 40

PROJECT = """
company: Test
churn: {definition: non_contractual, horizon_days: 60, eligible_days: 90}
alerts: {fallback_recipient: lead@test.example}
"""
ERP = """
kind: sql
connection: erp
streams:
  customers:
    table: customers
    key: [customer_no]
    entities: {account: {columns: {account_id: customer_no, name: name}}}
  orders:
    table: orders
    key: [order_no, line_no]
    entities: {order: {columns: {order_id: order_no, account_id: customer_no, ordered_at: placed_at}}}
"""
HELPDESK = """
kind: rest
connection: helpdesk
streams:
  tickets:
    key: [id]
    entities: {ticket: {columns: {ticket_id: id, account_id: account, opened_at: opened_at}}}
"""
MODELS = PROJECT_FOLDER / "dbt_project" / "models" / "marts"
_CONTRACTS = {
    model["name"]: model
    for file in sorted(MODELS.rglob("*.yml"))
    for model in YAML(typ="safe").load(file).get("models", [])
}
MARTS = sorted(_CONTRACTS)
LANDED = "_loaded_at timestamptz, _batch_id bigint, _row_hash bytea"
CLEAN = """
drop schema if exists raw_erp, raw_helpdesk, staging, marts cascade;
create schema marts;
create schema staging;
truncate ops.batch, ops.gate_result, ml.score, ml.watch restart identity cascade;
"""
TABLES = f"""
create schema raw_erp;
create table raw_erp.customers (customer_no text, name text, {LANDED});
create table raw_erp.orders (order_no text, line_no text, customer_no text, placed_at text, {LANDED});
create schema raw_helpdesk;
create table raw_helpdesk.tickets (id text, account text, opened_at text, {LANDED});
create table staging.stg_orders (source text, order_id text, ordered_at timestamptz, amount numeric);
insert into ops.batch (source, stream, run_id, started_at, status, rows_in, rows_loaded)
values ('erp', 'customers', %(run)s, %(now)s, 'landed', {CUSTOMERS}, {CUSTOMERS}),
    ('erp', 'orders', %(run)s, %(now)s, 'landed', {CUSTOMERS}, {CUSTOMERS}),
    ('helpdesk', 'tickets', %(run)s, %(now)s, 'landed', 1, 1);
insert into raw_erp.customers
select 'c' || i, 'Ada Canary ' || i, %(now)s, 1 from generate_series(1, {CUSTOMERS}) as i;
insert into raw_erp.orders
select 'o' || i, '1', 'c' || i, '2026-02-01', %(now)s, 2 from generate_series(1, {CUSTOMERS}) as i;
insert into raw_helpdesk.tickets values ('t1', 'c1', '2026-02-01', %(now)s, 3);
insert into marts.dim_customers (customer_id, name, owner_email, source_count)
select 'c' || i, 'Ada Canary ' || i, 'canary@owner.example', 1 from generate_series(1, {CUSTOMERS}) as i;
insert into marts.customer_360 (customer_id, as_of_date) select customer_id, %(day)s from marts.dim_customers;
insert into marts.churn_features (customer_id, as_of_date, tenure_days, orders_lifetime, orders_90d, revenue_365d,
    days_since_last_order, discount_share_90d, tickets_90d)
select 'c' || i, day, 100, 3, 1, 100 + i, 1 + i, 0.1, i %% 2
from generate_series(1, {CUSTOMERS}) as i, unnest(array[date '2026-02-28', date '2026-03-01']) as day;
insert into marts.churn_labels
    (customer_id, as_of_date, definition, horizon_days, eligible, label_matures_on, is_mature)
select customer_id, as_of_date, 'non_contractual', 60, true, as_of_date + 60, false from marts.churn_features;
insert into marts.customer_crosswalk (customer_id, source, account_id, matched_by, reason, has_record)
select customer_id, 'erp', customer_id, 'own_number', 'its own', true from marts.dim_customers;
insert into marts.feature_dates (as_of_date, built_from, customers)
select as_of_date, 'x', count(*) from marts.churn_features group by as_of_date;
insert into marts.customer_daily (customer_id, day, known_day, orders, tickets, complaints)
select customer_id, '2026-02-20', '2026-02-20', 1, 0, 0 from marts.dim_customers;
insert into marts.customer_lifecycle (customer_id, as_of_date, stage, silent_days)
select customer_id, as_of_date, 'active', 3 from marts.churn_features;
insert into marts.customer_value (customer_id, as_of_date, recency_score, frequency, monetary)
select customer_id, as_of_date, 3, 3, 100 from marts.churn_features;
insert into marts.customer_health (customer_id, as_of_date, health_score, known_share)
select customer_id, as_of_date, 50 + days_since_last_order, 0.5 from marts.churn_features;
insert into ml.score (customer_id, as_of_date, definition, model_name, model_version, probability, threshold,
    rank_of_day, reasons, scored_at)
select 'c' || i, %(day)s, 'non_contractual', 'churn', '1', i / 100.0, 0.385, i, '[{{"text": "x"}}]', %(now)s
from generate_series(1, {CUSTOMERS}) as i;
"""

Gate = Callable[[str], GateReport]


@pytest.fixture(scope="module")
def shared_url(postgres: EmbeddedServer, template: str) -> str:
    """One database for the module: each test builds its tables anew, which is quicker than a database of its own."""
    return postgres.ensure_database("quality", template=template)


@pytest.fixture
def company(shared_url: str, tmp_path: Path) -> Settings:
    """An installation whose configuration has an ERP and a help desk, and no other department."""
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    (config / "forewarn.yml").write_text(PROJECT)
    (config / "sources" / "erp.yml").write_text(ERP)
    (config / "sources" / "helpdesk.yml").write_text(HELPDESK)
    return Settings(PROJECT_FOLDER, config, tmp_path / "home", warehouse_url=shared_url, mlflow_url="")


@pytest.fixture
def good(company: Settings) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor on a warehouse in which every gate passes; marts have the columns that dbt's contract gives them."""
    connection = psycopg2.connect(dsn(company.warehouse_url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(CLEAN)
        for model in MARTS:
            columns = ", ".join(f"{name} {kind}" for name, kind in columns_of(model).items())
            cursor.execute(f"create table marts.{model} ({columns})")
        cursor.execute(TABLES, {"run": RUN, "now": NOW, "day": AS_OF})
        yield cursor
    connection.close()


@pytest.fixture
def gate(company: Settings) -> Gate:
    """Run a gate of the test's date and run."""
    return lambda name: run_gate(company, name, as_of_date=AS_OF, run_id=RUN, now=NOW)


def columns_of(model: str) -> dict[str, str]:
    """Return a mart's columns and types, as its contract says them."""
    return {column["name"]: column["data_type"] for column in _CONTRACTS[model]["columns"]}
