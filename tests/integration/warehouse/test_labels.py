"""churn_labels on both sides of every boundary. The window is [1 July, 31 July): horizon 30 days; eligible 60 days."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.warehouse.company import Company

D = "2024-07-01"
RIPE, UNRIPE = "2024-07-31", "2024-07-30"


@pytest.fixture(scope="module")
def market(new_company: Callable[[], Company]) -> Company:
    """Buyers and subscribers, each at one boundary, with labels of D that are ripe."""
    company = new_company()
    bought = {
        # account: (before D, after)
        "stays-first-instant": ("2024-06-01T00:00Z", "2024-07-01T00:00Z"),
        "stays-last-instant": ("2024-06-01T00:00Z", "2024-07-30T23:59:59Z"),
        "leaves-back-too-late": ("2024-06-01T00:00Z", "2024-07-31T00:00Z"),
        "eligible-60-days": ("2024-05-02T00:00Z", "2024-07-02T00:00Z"),
        "not-eligible-61-days": ("2024-05-01T23:59Z", "2024-07-02T00:00Z"),
    }
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at amount status",
        [
            (f"{account}-{number}", account, at, 5, None)
            for account, pair in bought.items()
            for number, at in enumerate(pair)
        ]
        + [("void", "leaves-back-too-late", "2024-07-05T00:00Z", 5, "cancelled")],
    )
    company.land(
        "bill",
        "subscription",
        "subscription_id account_id started_at ended_at cancelled_at",
        [
            ("1", "ends-on-first-day", "2023-01-01T00:00Z", "2024-07-01T00:00Z", "2024-06-01T00:00Z"),
            ("2", "ends-on-last-day", "2023-01-01T00:00Z", "2024-07-30T00:00Z", "2024-06-01T00:00Z"),
            ("3", "ends-after", "2023-01-01T00:00Z", "2024-07-31T00:00Z", "2024-06-01T00:00Z"),
            ("4", "runs-on", "2023-01-01T00:00Z", None, None),
            ("5", "renews", "2023-01-01T00:00Z", "2024-07-14T00:00Z", None),
            ("6", "renews", "2024-07-15T00:00Z", None, None),
            ("7", "ended-before", "2023-01-01T00:00Z", "2024-06-30T00:00Z", "2024-06-01T00:00Z"),
            ("8", "renews-on-the-edge", "2023-01-01T00:00Z", "2024-07-30T00:00Z", None),
            ("9", "renews-on-the-edge", "2024-07-30T00:00Z", None, None),
            ("10", "returns-after-the-window", "2023-01-01T00:00Z", "2024-07-30T00:00Z", None),
            ("11", "returns-after-the-window", "2024-07-31T00:00Z", None, None),
        ],
    )
    company.build(D, run_as_of_date=_day(RIPE))
    return company


def _day(text: str):
    from datetime import date

    return date.fromisoformat(text)


@pytest.mark.capability("C31")
@pytest.mark.parametrize(
    ("account", "eligible", "churned"),
    [
        ("stays-first-instant", True, False),
        ("stays-last-instant", True, False),
        ("leaves-back-too-late", True, True),
        ("eligible-60-days", True, False),
        ("not-eligible-61-days", False, None),
    ],
)
def test_no_purchase_within_the_horizon(market, account, eligible, churned):
    row = market.label(account, D)
    assert (row["eligible"], row["churned"], row["is_mature"]) == (eligible, churned, True)
    assert (str(row["label_matures_on"]), row["horizon_days"]) == (RIPE, 30)


@pytest.mark.capability("C31")
@pytest.mark.parametrize(
    ("account", "eligible", "churned"),
    [
        ("ends-on-first-day", True, True),
        ("ends-on-last-day", True, True),
        ("ends-after", True, False),
        ("runs-on", True, False),
        ("renews", True, False),
        ("renews-on-the-edge", True, False),
        ("returns-after-the-window", True, True),
        ("ended-before", False, None),
    ],
)
def test_subscription_ends_within_the_horizon(market, account, eligible, churned):
    row = market.label(account, D, "contractual")
    assert (row["eligible"], row["churned"]) == (eligible, churned)


@pytest.mark.capability("B11")
def test_a_label_is_unknown_until_its_window_is_over_and_then_looked_at_again(company):
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at amount",
        [
            ("1", "stays", "2024-06-01T00:00Z", 5),
            ("2", "stays", "2024-07-02T00:00Z", 5),
            ("3", "goes", "2024-06-01T00:00Z", 5),
        ],
    )
    company.build(D, UNRIPE)
    # The order of 2 July settles it already; nobody else's answer is known, so neither is this one told.
    assert {company.label(name, D)["churned"] for name in ("stays", "goes")} == {None}
    assert company.label("stays", D)["is_mature"] is False
    company.build(RIPE)
    assert (company.label("stays", D)["churned"], company.label("goes", D)["churned"]) == (False, True)
    assert company.label("stays", D)["is_mature"] is True
    assert company.label("stays", RIPE)["is_mature"] is False


@pytest.mark.capability("B11")
def test_a_late_row_corrects_a_label_for_a_fortnight_after_its_window(company):
    orders = "order_id account_id ordered_at known_at amount"
    names = ("late", "later")
    company.land("erp", "order", orders, [(name, name, "2024-06-01T00:00Z", None, 5) for name in names])
    company.build(D, RIPE)
    assert [company.label(name, D)["churned"] for name in names] == [True, True]
    company.land("erp", "order", orders, [("l2", "late", "2024-07-20T00:00Z", "2024-08-05T00:00Z", 5)])
    company.build("2024-08-13")
    assert [company.label(name, D)["churned"] for name in names] == [False, True]
    company.land("erp", "order", orders, [("x2", "later", "2024-07-20T00:00Z", "2024-08-13T00:00Z", 5)])
    # A run of an earlier day leaves a label that ripened since alone; a run after the fortnight is too late.
    company.build("2024-06-15")
    company.build("2024-08-14")
    assert [company.label(name, D)["churned"] for name in names] == [False, True]
    assert {company.label(name, D)["is_mature"] for name in names} == {True}


def test_another_horizon_replaces_the_labels_of_every_date(company):
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "a", "2024-06-01T00:00Z", 5)])
    company.build(D, "2024-08-01")
    assert company.label("a", D)["horizon_days"] == 30
    company.build("2024-08-01", churn={"definition": "non_contractual", "horizon_days": 40, "eligible_days": 60})
    assert (company.label("a", D)["horizon_days"], company.label("a", D)["churned"]) == (40, None)
