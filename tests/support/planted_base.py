"""A small base with a known cause of churn, written where dbt would write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import psycopg2

from churn_model.copy_in import copy_in
from churn_model.features import NAMES

# On the grid of 30 days, so that the dates before it are training dates.
AS_OF = date(2026, 6, 3)
HORIZON = 60


@dataclass
class Base:
    """Writes marts.churn_features and marts.churn_labels for as-of dates 30 days apart, the newest one unlabelled."""

    connection: psycopg2.extensions.connection
    dates: list[date] = field(default_factory=list)

    def write(
        self,
        *,
        customers: int = 300,
        snapshots: int = 6,
        change: Callable[[dict[str, np.ndarray], np.ndarray], None] = lambda features, churned: None,
        label: Callable[[np.ndarray], np.ndarray] = lambda churned: churned,
    ) -> None:
        """Longer silence against the own gap, falling spend and overdue invoices make leaving likelier."""
        cursor = self.connection.cursor()
        cursor.execute("drop table if exists marts.churn_features, marts.churn_labels")
        columns = ", ".join(f"{name} double precision" for name in NAMES)
        cursor.execute(
            f"create table marts.churn_features (customer_id text, as_of_date date, {columns},"
            " primary key (as_of_date, customer_id))"
        )
        cursor.execute(
            "create table marts.churn_labels (customer_id text, as_of_date date, definition text, horizon_days integer,"
            " eligible boolean, churned boolean, label_matures_on date, is_mature boolean)"
        )
        # The newest date is to be scored; the one before has an open label window.
        self.dates = [AS_OF - timedelta(days=30 * back) for back in range(snapshots + 2)]
        for number, day in enumerate(self.dates):
            features, churned = planted(customers, seed=number)
            change(features, churned)
            churned = label(churned)
            mature = day + timedelta(days=HORIZON) <= AS_OF
            cells = np.column_stack([features.get(name, np.full(customers, np.nan)) for name in NAMES])
            copy_in(
                cursor,
                "marts.churn_features",
                ["customer_id", "as_of_date", *NAMES],
                (
                    "\t".join(
                        [f"c{row:05}", day.isoformat(), *("\\N" if np.isnan(x) else repr(float(x)) for x in cells[row])]
                    )
                    for row in range(customers)
                ),
            )
            copy_in(
                cursor,
                "marts.churn_labels",
                [
                    "customer_id",
                    "as_of_date",
                    "definition",
                    "horizon_days",
                    "eligible",
                    "churned",
                    "label_matures_on",
                    "is_mature",
                ],
                (
                    f"c{row:05}\t{day}\tnon_contractual\t{HORIZON}\t{row % 10 != 9}\t"
                    f"{bool(churned[row]) if mature else chr(92) + 'N'}\t{day + timedelta(days=HORIZON)}\t{mature}"
                    for row in range(customers)
                ),
            )


def planted(customers: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return features of one date and who leaves, by a hazard of known form."""
    random = np.random.default_rng(seed)
    gap = random.uniform(5, 30, customers).round()
    silent = (gap * random.gamma(2.0, 0.6, customers)).round() + 1
    prior = random.gamma(3.0, 300.0, customers).round(2)
    trend = random.lognormal(0.0, 0.5, customers)
    overdue = (random.random(customers) < 0.15).astype(float)
    log_odds = -3.0 + 1.3 * (silent / gap - 1.2) - 1.5 * np.log(trend) + 1.5 * overdue
    churned = (random.random(customers) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    features = {
        "tenure_days": random.uniform(400, 900, customers).round(),
        "orders_lifetime": (600 / gap).round(),
        "orders_90d": (90 / gap).round(),
        "orders_365d": (365 / gap).round(),
        "days_since_last_order": silent,
        "order_gap_days": gap,
        "order_gap_ratio": silent / gap,
        "revenue_prior_90d": prior,
        "revenue_90d": (prior * trend).round(2),
        "revenue_trend_90d": trend,
        "overdue_invoices": overdue,
        "days_overdue_max": np.where(overdue > 0, random.integers(1, 60, customers), np.nan),
        "returns_90d": np.zeros(customers),
    }
    return features, churned


def contact(cursor: psycopg2.extensions.cursor, customers: str, day: date) -> None:
    """Open a case for each customer that a condition on `customer_id` names, and send a message about it on a day."""
    cursor.execute(
        'with opened as (insert into alerts."case" (customer_id, episode, state, level, route, routes, value_at_stake,'
        " expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at)"
        " select distinct customer_id, 1, 'open', 'high', 'account_manager', array['finance'], 0, 0, '[]'::jsonb,"
        f" 'call', %(day)s::date, %(day)s::date, %(at)s::timestamptz, %(at)s::timestamptz from marts.churn_labels"
        f" where {customers} returning case_id)"
        " insert into alerts.outbox (dedup_key, case_id, kind, channel, recipient, payload, state, next_attempt_at,"
        " expires_at, created_at, sent_at)"
        " select case_id::text, case_id, 'case', 'file', 'a@b', '{}', 'sent', %(at)s::timestamptz, %(at)s::timestamptz,"
        " %(at)s::timestamptz, %(at)s::timestamptz from opened",
        {"day": day, "at": f"{day} 06:00Z"},
    )
