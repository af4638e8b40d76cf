"""A date's features computed again from what is known by now: the same where nothing came to light, and else not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from tests.integration.warehouse.company import CHURN, Company

from forewarn.warehouse import dbt
from forewarn.warehouse.restate import restate

D, LATER = "2024-06-01", "2024-07-01"
NAMES = ("orders_lifetime", "orders_90d", "revenue_90d", "days_since_last_order", "overdue_invoices", "open_tickets")


@pytest.fixture(scope="module")
def shop(new_company: Callable[[], Company]) -> Company:
    """`a` of whom much came to light between the two dates, and `b` of whom nothing did."""
    company = new_company()
    company.land("erp", "account", "account_id created_at", [(who, "2024-01-01T00:00Z") for who in "ab"])
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at amount known_at",
        [
            *((f"{who}1", who, "2024-05-01T12:00Z", 100, None) for who in "ab"),
            ("b2", "b", "2024-06-20T12:00Z", 70, None),
            ("late", "a", "2024-05-20T12:00Z", 50, "2024-06-15T00:00Z"),
            ("too late", "a", "2024-05-25T12:00Z", 9, "2024-07-15T00:00Z"),
        ],
    )
    company.land(
        "fin",
        "invoice",
        "invoice_id account_id issued_at due_at amount",
        [("v1", "a", "2024-04-01T00:00Z", "2024-05-01T00:00Z", 30)],
        account_source="erp",
    )
    company.land(
        "fin",
        "payment",
        "payment_id account_id invoice_id paid_at amount known_at",
        [("p1", "a", "v1", "2024-05-10T00:00Z", 30, "2024-06-10T00:00Z")],
        account_source="erp",
    )
    company.build(D)
    company.land(
        "erp", "order", "order_id account_id ordered_at amount known_at", [("a1", "a", "2024-05-01T12:00Z", 900, None)]
    )
    company.build(LATER)
    return company


def _restated(company: Company, account: str, *dates: str, before: str) -> list[dict[str, object]]:
    rows = restate(
        company.settings,
        company.customer(account),
        [date.fromisoformat(day) for day in dates],
        known_before=date.fromisoformat(before),
        names=NAMES,
        variables={
            "entities": dbt.entity_columns(),
            "canonical": company.mappings,
            "churn": {key: CHURN[key] for key in ("definition", "horizon_days", "eligible_days")},
        },
    )
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def _kept(company: Company, account: str, day: str) -> dict[str, object]:
    return {name: value for name, value in company.features(account, day).items() if name in NAMES}


@pytest.mark.capability("B9", "B3")
def test_features_of_whom_nothing_came_to_light_are_what_they_were(shop):
    assert _restated(shop, "b", D, LATER, before=LATER) == [_kept(shop, "b", D), _kept(shop, "b", LATER)]


@pytest.mark.capability("B9", "B3")
def test_what_came_late_and_what_was_corrected_shows_and_the_kept_features_stay(shop):
    before = {"orders_lifetime": 1, "orders_90d": 1, "revenue_90d": 100, "days_since_last_order": 31}
    assert _kept(shop, "a", D) == before | {"overdue_invoices": 1, "open_tickets": None}
    (found,) = _restated(shop, "a", D, before=LATER)
    now = {"orders_lifetime": 2, "orders_90d": 2, "revenue_90d": 950, "days_since_last_order": 12}
    assert found == now | {"overdue_invoices": 0, "open_tickets": None}
    # Without what came later only the correction shows: a source tells today's amount, whenever it is asked.
    (then,) = _restated(shop, "a", D, before=D)
    assert then == before | {"revenue_90d": 900, "overdue_invoices": 1, "open_tickets": None}
