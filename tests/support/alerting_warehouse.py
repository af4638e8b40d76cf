"""Marts as dbt would leave them, filled by hand: what the alerts read, with nothing else around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extras import Json

from forewarn.alerts.metrics import declared
from forewarn.config.project import Project, load_project
from forewarn.config.settings import Settings

DAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
RUN = "run-1"

# A customer who gives no reason to worry: every department is connected and nothing has happened.
CALM: dict[str, float | None] = {
    "tenure_days": 700,
    "orders_lifetime": 60,
    "orders_30d": 3,
    "orders_90d": 9,
    "orders_180d": 18,
    "orders_365d": 36,
    "days_since_last_order": 6,
    "full_months_since_last_order": 0,
    "order_gap_days": 10,
    "order_gap_sd_days": 4,
    "order_gap_ratio": 0.6,
    "revenue_30d": 3000,
    "revenue_90d": 9000,
    "revenue_prior_90d": 9000,
    "revenue_365d": 36500,
    "interactions_90d": 2,
    "days_since_last_interaction": 20,
    "full_months_since_last_interaction": 0,
    "complaints_30d": 0,
    "complaints_90d": 0,
    "complaints_prior_90d": 0,
    "open_tickets": 0,
    "overdue_invoices": 0,
    "overdue_amount": 0,
    "days_overdue_max": 0,
    "payment_delay_days_365d": 2,
}
SILENT = {
    "days_since_last_order": 95,
    "full_months_since_last_order": 3,
    "days_since_last_interaction": 100,
    "full_months_since_last_interaction": 3,
    "interactions_90d": 0,
}
OVERDUE = {"overdue_invoices": 2, "overdue_amount": 9699, "days_overdue_max": 42}
REASONS = [
    {"family": "rhythm", "text": "no order for 74 days; usually every 21", "value": 74, "contribution": 1.2},
    {"family": "service", "text": "2 tickets open", "value": 2, "contribution": 0.4},
]


class AlertingWarehouse:
    """The tables that alerts read and write in one migrated database."""

    def __init__(self, connection: psycopg2.extensions.connection, *, marts: bool = True) -> None:
        self.connection = connection
        if marts:
            self._create_marts()

    def _create_marts(self) -> None:
        metrics, kpis = (
            sql.SQL(", ").join(sql.SQL("{} double precision").format(sql.Identifier(name)) for name in names)
            for names in (declared().metrics, declared().kpis)
        )
        self.run(
            sql.SQL(
                """
                create table marts.churn_features (customer_id text, as_of_date date, {},
                    primary key (customer_id, as_of_date));
                create table marts.dim_customers (customer_id text primary key, name text, segment text, industry text,
                    region text, country text, city text, owner_id text, owner_name text, owner_email text,
                    owner_locale text, owner_time_zone text, contact_name text, contact_email text, contact_role text);
                create table marts.customer_360 (customer_id text primary key, value_at_stake_year numeric);
                create table marts.customer_crosswalk (source text, account_id text, customer_id text);
                create table marts.feature_dates (as_of_date date primary key);
                create table marts.churn_labels (customer_id text, as_of_date date, definition text,
                    horizon_days integer, eligible boolean, churned boolean, label_matures_on date);
                create table marts.customer_lifecycle (customer_id text, as_of_date date, stage text,
                    silent_days integer, primary key (as_of_date, customer_id));
                create table marts.kpi_monthly (month date primary key, is_settled boolean, {});
                """
            ).format(metrics, kpis)
        )

    def run(self, statement: str | sql.Composed, values: Any = None) -> None:
        """Run a statement."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)

    def rows(self, query: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def customer(self, customer_id: str, *, value: float | None = 116_388, **attributes: str | None) -> None:
        """Add a customer; attributes are columns of dim_customers."""
        known: dict[str, str | None] = {
            "customer_id": customer_id,
            "name": "Northwind Traders",
            "segment": "retail",
            "owner_id": "7",
            "owner_name": "Ana Weber",
            "owner_email": "ana.weber@meridian.example",
            "contact_name": "Dana Kim",
        } | attributes
        self._insert("marts.dim_customers", known)
        self._insert("marts.customer_360", {"customer_id": customer_id, "value_at_stake_year": value})

    def features(self, customer_id: str, as_of_date: date = DAY, **changes: float | None) -> None:
        """Set a customer's features of a date: calm, but for the changes."""
        self.run(
            "delete from marts.churn_features where (customer_id, as_of_date) = (%s, %s)", [customer_id, as_of_date]
        )
        self._insert("marts.churn_features", {"customer_id": customer_id, "as_of_date": as_of_date} | CALM | changes)
        self.run("insert into marts.feature_dates values (%s) on conflict do nothing", [as_of_date])

    def score(
        self,
        customer_id: str,
        probability: float,
        as_of_date: date = DAY,
        *,
        threshold: float = 0.5,
        reasons: Sequence[dict[str, Any]] = tuple(REASONS),
    ) -> None:
        """Add a score of the definition of the simulated company."""
        self._insert(
            "ml.score",
            {
                "customer_id": customer_id,
                "as_of_date": as_of_date,
                "definition": "non_contractual",
                "model_name": "churn_non_contractual",
                "model_version": "12",
                "probability": probability,
                "threshold": threshold,
                "rank_of_day": 1,
                "reasons": Json(list(reasons)),
                "scored_at": NOW,
            },
        )

    def label(self, customer_id: str, as_of_date: date, churned: bool | None, *, horizon_days: int = 60) -> None:
        """Add the label of a customer on a date; None is that of one who was not eligible."""
        self._insert(
            "marts.churn_labels",
            {
                "customer_id": customer_id,
                "as_of_date": as_of_date,
                "definition": "non_contractual",
                "horizon_days": horizon_days,
                "eligible": churned is not None,
                "churned": churned,
                "label_matures_on": as_of_date + timedelta(days=horizon_days),
            },
        )

    def stage(self, customer_id: str, as_of_date: date, stage: str, silent_days: int | None = None) -> None:
        """Say at which stage a customer is on a date."""
        row = {"customer_id": customer_id, "as_of_date": as_of_date, "stage": stage, "silent_days": silent_days}
        self._insert("marts.customer_lifecycle", row)

    def month(self, month: date, *, settled: bool = True, **figures: float | None) -> None:
        """Add a month of the company's figures."""
        self._insert("marts.kpi_monthly", {"month": month, "is_settled": settled} | figures)

    def publish(self, as_of_date: date = DAY, run_id: str = RUN, *, live: bool = True) -> None:
        """Record a publication."""
        self._insert(
            "ops.publication",
            {"as_of_date": as_of_date, "run_id": run_id, "live": live, "published_at": NOW, "row_counts": Json({})},
        )

    def fingerprint(self) -> list[Any]:
        """Return everything that alerts have written, to compare before and after."""
        tables = ("signal", '"case"', "case_event", "outbox", "attempt", "task", "task_event")
        return [self.rows(f"select * from alerts.{table} order by 1") for table in tables]

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        schema, name = table.split(".")
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(schema, name),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        )
        self.run(statement, list(row.values()))


@pytest.fixture
def marts(settings: Settings) -> Iterator[AlertingWarehouse]:
    """The tables that alerts read and write, filled by hand, in a database of the test's own."""
    warehouse = installed(settings)
    yield warehouse
    warehouse.connection.close()


def simulated_project(config: Path, **alerts: Any) -> Project:
    """Return the project of the simulated company, who tells at once of each case, with other settings where given."""
    project = load_project(config)
    at_once = {"digest": None, "circuit_breaker": None}
    return project.model_copy(update={"alerts": project.alerts.at_any_hour().model_copy(update=at_once | alerts)})


def weekly(day: date, weeks: int) -> list[date]:
    """Return days a week apart, the last one being `day`."""
    return [day - timedelta(days=7 * back) for back in reversed(range(weeks))]


def installed(settings: Settings) -> AlertingWarehouse:
    """Return the alerts' tables in the warehouse of an installation, on an autocommit connection."""
    from forewarn.warehouse.engine import dsn

    connection = psycopg2.connect(dsn(settings.warehouse_url))
    connection.autocommit = True
    return AlertingWarehouse(connection)
