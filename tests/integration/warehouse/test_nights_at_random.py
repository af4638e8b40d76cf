"""Nights of random changes: what they end in is what a build from nothing gives, and no earlier date ever changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from tests.integration.warehouse.company import Company
from tests.integration.warehouse.random_source import COLUMNS, Source

from forewarn.warehouse.row_versions import FEATURE_ENTITIES

FIRST = date(2024, 6, 1)
BEGIN = date(2022, 6, 1)
# Long enough before it for purchases that were known early to lie in int_customer_past.
LONG_BEFORE = date(2020, 6, 1)
# Entities whose rows come and go in the first test: one for each way in which models follow what changed.
ENTITIES = (*("account", "order", "order_line", "ticket", "usage_event", "shipment", "invoice", "payment", "return"),)
# What a build leaves behind, without the number of the build that wrote a row.
WRITTEN = {
    "intermediate.int_accounts": "source, account_id, has_record",
    "intermediate.int_account_identity": "source, account_id, customer_id, matched_by, reason, has_record",
    "intermediate.int_orders": "order_key, customer_id, known_at, cancelled_at, amount, line_count, is_purchase",
    "intermediate.int_order_items": "order_key, customer_id, product_id, day, known_day, cancelled_day",
    "intermediate.int_payments": "invoice_key, paid_on, known_on, amount, paid_so_far",
    "intermediate.int_invoices": "invoice_key, customer_id, known_on, amount, settled_on",
    "marts.customer_daily": "*",
    "marts.customer_crosswalk": "*",
    "marts.dim_customers": "*",
}
OF_A_DATE = ("marts.churn_features", "marts.churn_labels", "marts.customer_lifecycle", "marts.customer_value")


def _digests(company: Company, day: date) -> dict[str, str]:
    whole = {table: company.digest(f"(select {columns} from {table})") for table, columns in WRITTEN.items()}
    return whole | {table: company.digest(table, f"as_of_date = '{day}'") for table in OF_A_DATE}


@pytest.mark.capability("B3")
@pytest.mark.parametrize("seed", [5])
def test_nights_of_any_changes_end_where_a_build_from_nothing_ends(new_company: Callable[[], Company], seed: int):
    company = new_company()
    source = Source(company, seed)
    source.new("account", 8, LONG_BEFORE, FIRST, known_from=FIRST - timedelta(days=1))
    for entity in ENTITIES[1:]:
        source.new(entity, 40, LONG_BEFORE, FIRST, known_from=LONG_BEFORE)
    company.build(str(FIRST))
    day = FIRST
    for night in range(3):
        # Some days are skipped, one is built again, and one build dies between two models.
        day += timedelta(days=source.chance.randint(0, 3))
        for entity in source.chance.sample(ENTITIES, len(ENTITIES)):
            if entity != "account":
                source.new(entity, 4, LONG_BEFORE, day, known_from=day - timedelta(days=2))
            if entity != "return":
                source.rewrite(entity, 3, day)
            source.lose(entity, 1 if entity == "account" else 2)
            if night == 1 and entity == "ticket":
                company.build(str(day), select="+int_customer_events")
        company.build(str(day), tests=night == 2)
    (moved,) = company.rows(
        "select count(*) as accounts from intermediate.int_account_identity where previous_customer_id is not null"
    )
    in_steps = _digests(company, day)
    company.build(str(day), full_refresh=True, tests=True)
    at_once = _digests(company, day)
    assert {table for table in at_once if in_steps[table] != at_once[table]} == set()
    (rolled,) = company.rows("select count(*) as days from marts.customer_daily")
    assert rolled["days"] > 100
    assert moved["accounts"] > 0
    assert company.rows("select from intermediate.int_customer_past where order_days > 0")


def _of_all(
    sources: list[Source], change: str, rows: int, *days: date, without: tuple[str, ...] = (), **since: date
) -> None:
    for source in sources:
        for entity in source.chance.sample(list(COLUMNS), len(COLUMNS)):
            if entity not in without:
                getattr(source, change)(entity, rows, *days, **since)


@pytest.mark.capability("B3")
def test_late_changed_and_removed_rows_in_any_order_change_no_earlier_date(new_company: Callable[[], Company]):
    assert set(COLUMNS) == set(FEATURE_ENTITIES)
    company = new_company()
    # Several seeds in one warehouse: systems that know nothing of each other cost one build.
    sources = [Source(company, seed, f"s{seed}", related=False) for seed in (3, 17, 40)]
    for source in sources:
        source.new("account", 12, date(2022, 1, 1), date(2022, 8, 1), known_from=date(2022, 1, 1))
        source.new("product", 3, BEGIN, FIRST, known_from=BEGIN)
    known = ("account", "product")
    _of_all(sources, "new", 30, BEGIN, FIRST, without=known, known_from=BEGIN)
    days = [FIRST]
    company.build(str(FIRST))
    told = {FIRST: _told(company, FIRST)}
    for _ in range(3):
        before, day = days[-1], days[-1] + timedelta(days=sources[0].chance.randint(2, 40))
        # First what a build has seen: a new row is as old as its source says.
        _of_all(sources, "rewrite", 3, before)
        _of_all(sources, "lose", 1, without=known)
        _of_all(sources, "new", 5, BEGIN, day, without=known, known_from=before)
        days.append(day)
        company.build(str(day))
        told[day] = _told(company, day)
    # From nothing: what is known of former rows does not lie in what is built.
    company.build(*map(str, days), full_refresh=True, tests=True)
    again = {day: _told(company, day) for day in days}
    moved = {
        (day, customer, name, value, again[day].get(customer, {}).get(name))
        for day, rows in told.items()
        for customer, row in rows.items()
        for name, value in row.items()
        if again[day].get(customer, {}).get(name) != value
    }
    assert moved == set()
    assert {day: rows.keys() for day, rows in again.items()} == {day: rows.keys() for day, rows in told.items()}
    assert len({str(rows) for rows in told.values()}) == len(days)
    kept = company.rows("select table_name, content ->> 'subject' as subject from ops.row_version")
    assert {row["table_name"] for row in kept} == {f"{entity}_rows" for entity in COLUMNS}
    assert {row["subject"] for row in kept} == {None, "(personal)"}


def _told(company: Company, day: date) -> dict[str, dict[str, Any]]:
    rows = company.rows("select * from marts.churn_features where as_of_date = %s order by customer_id", day)
    return {row.pop("customer_id"): row for row in rows}
