"""churn_features against values computed by hand, on both sides of every boundary day about D = 1 July."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from tests.integration.warehouse.company import Company

from churn_model.evidence import demand_known
from forewarn.alerts.after_purchase import remind
from forewarn.alerts.case_words import Books
from forewarn.alerts.playbooks import AfterPurchase, load_playbooks
from forewarn.alerts.recipients import Directory
from forewarn.alerts.routing import load_routing
from forewarn.config.project import load_project
from forewarn.errors import ModelRejected

D = "2024-07-01"


@pytest.fixture(scope="module")
def traders(new_company: Callable[[], Company]) -> Company:
    """Four customers of a trader with every department connected."""
    company = new_company()
    company.land(
        "erp",
        "account",
        "account_id name created_at",
        [(number, number, "2023-07-02T09:00Z") for number in ("steady", "edges", "silent", "new")],
    )
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at known_at status amount discount_amount",
        [
            # Every 10 days, then 20: gaps 10, 10, 20.
            ("s1", "steady", "2024-05-02T12:00Z", None, "shipped", 100, 0),
            ("s2", "steady", "2024-05-12T12:00Z", None, "shipped", 200, 50),
            ("s3", "steady", "2024-05-22T12:00Z", None, None, 300, 0),
            ("s3b", "steady", "2024-05-22T18:00Z", None, "shipped", 60, 0),
            ("s4", "steady", "2024-06-11T12:00Z", None, "shipped", 40, 10),
            # Cancelled, worthless or negative: no purchases.
            ("s5", "steady", "2024-06-20T12:00Z", None, "Cancelled", 999, 0),
            ("s6", "steady", "2024-06-21T12:00Z", None, "shipped", 0, 0),
            ("s7", "steady", "2024-06-22T12:00Z", None, "shipped", -50, 0),
            # Windows of 30 and 90 days: first instant inside and last instant outside; D itself is outside.
            ("e1", "edges", "2024-06-01T00:00Z", None, "x", 1, 0),
            ("e2", "edges", "2024-05-31T23:59:59.999Z", None, "x", 2, 0),
            ("e3", "edges", "2024-04-02T00:00Z", None, "x", 4, 0),
            ("e4", "edges", "2024-04-01T23:59:59.999Z", None, "x", 8, 0),
            ("e5", "edges", "2024-01-03T00:00Z", None, "x", 16, 0),
            ("e6", "edges", "2024-01-02T23:59:59Z", None, "x", 32, 0),
            ("e7", "edges", "2024-07-01T00:00Z", None, "x", 64, 0),
            # Placed before D, recorded on D and after it: not known at D.
            ("e8", "edges", "2024-06-30T23:00Z", "2024-07-01T00:00Z", "x", 128, 0),
            ("e9", "edges", "2024-06-15T12:00Z", "2024-07-05T08:00Z", "x", 256, 0),
        ],
    )
    company.land(
        "erp",
        "order_line",
        "order_line_id order_id product_id amount",
        [
            ("1", "s1", "bolt", 60),
            ("2", "s1", "nut", 40),
            ("3", "s2", "bolt", 200),
            ("4", "s4", "saw", 40),
            ("5", "s5", "axe", 999),
            ("6", "e4", "nut", 8),
            ("7", "e9", "axe", 256),
        ],
    )
    company.land(
        "erp",
        "product",
        "product_id name category",
        [("bolt", "Bolt", "fix"), ("nut", "Nut", "fix"), ("saw", "Saw", "tool"), ("axe", "Axe", "tool")],
    )
    company.land(
        "erp", "return", "return_id account_id returned_at amount", [("r1", "steady", "2024-06-12T00:00Z", 70)]
    )
    company.land(
        "desk",
        "ticket",
        "ticket_id account_id opened_at closed_at kind satisfaction",
        [
            ("t1", "steady", "2024-06-01T00:00Z", "2024-06-30T23:59Z", "complaint", 2),
            ("t2", "steady", "2024-06-10T00:00Z", "2024-07-01T00:00Z", "Complaint", 5),
            ("t3", "steady", "2024-03-01T00:00Z", None, "question", None),
            ("t4", "steady", "2024-07-01T00:00Z", None, "complaint", None),
            ("t5", "steady", "2024-04-01T00:00Z", "2024-04-02T00:00Z", "complaint", 4),
        ],
        account_source="erp",
    )
    company.land(
        "crm",
        "interaction",
        "interaction_id account_id occurred_at kind",
        [("i1", "steady", "2024-04-01T10:00Z", "call"), ("i2", "edges", "2024-03-31T10:00Z", "call")],
        account_source="erp",
    )
    company.land(
        "mail",
        "marketing_event",
        "marketing_event_id account_id occurred_at kind",
        [
            ("m1", "steady", "2024-06-01T00:00Z", "sent"),
            ("m2", "steady", "2024-06-02T00:00Z", "opened"),
            ("m3", "steady", "2024-06-02T00:00Z", "clicked"),
            ("m4", "steady", "2024-06-03T00:00Z", "redeemed"),
            ("m5", "steady", "2024-02-01T00:00Z", "attended"),
        ],
        account_source="erp",
    )
    company.land(
        "app",
        "usage_event",
        "usage_event_id account_id occurred_at active_users feature",
        [
            ("u1", "steady", "2024-06-30T00:00Z", 7, "search"),
            ("u2", "steady", "2024-06-30T00:00Z", 7, "export"),
            ("u3", "steady", "2024-06-24T00:00Z", 14, "search"),
            ("u4", "steady", "2024-06-23T00:00Z", 35, "search"),
            ("u5", "steady", "2024-05-31T00:00Z", 28, "search"),
        ],
        account_source="erp",
    )
    company.land(
        "fin",
        "invoice",
        "invoice_id account_id issued_at due_at amount",
        [
            ("v1", "steady", "2024-05-01T00:00Z", "2024-06-01T00:00Z", 100),
            ("v2", "steady", "2024-05-01T00:00Z", "2024-06-11T00:00Z", 80),
            ("v3", "steady", "2024-06-01T00:00Z", "2024-06-30T00:00Z", 50),
            ("v4", "steady", "2024-06-01T00:00Z", "2024-07-01T00:00Z", 25),
        ],
        account_source="erp",
    )
    company.land(
        "fin",
        "payment",
        "payment_id account_id invoice_id paid_at amount",
        [
            ("p1", "steady", "v1", "2024-06-05T00:00Z", 60),
            ("p2", "steady", "v1", "2024-07-01T00:00Z", 40),
            ("p3", "steady", "v2", "2024-06-30T23:00Z", 80),
        ],
        account_source="erp",
    )
    company.land(
        "fin",
        "dispute",
        "dispute_id account_id opened_at amount",
        [("d1", "steady", "2024-01-03T00:00Z", 5), ("d2", "steady", "2024-01-02T00:00Z", 5)],
        account_source="erp",
    )
    company.land(
        "bill",
        "subscription",
        "subscription_id account_id started_at renews_at ended_at cancelled_at mrr",
        [
            ("c1", "steady", "2023-08-01T00:00Z", "2024-07-31T00:00Z", None, None, 90),
            # Ends on D: its last day, so it runs on D.
            ("c2", "edges", "2023-08-01T00:00Z", "2024-07-01T00:00Z", "2024-07-01T00:00Z", "2024-06-01T00:00Z", 10),
            # Ended the day before.
            ("c3", "silent", "2023-08-01T00:00Z", None, "2024-06-30T00:00Z", "2024-06-01T00:00Z", 20),
            # Ended before D, but that was told after D: as far as was known, it ran.
            ("c4", "new", "2024-06-01T00:00Z", None, "2024-06-20T00:00Z", "2024-07-03T00:00Z", 30),
            ("c5", "new", "2024-07-01T00:00Z", None, None, None, 40),
        ],
        account_source="erp",
    )
    company.build(D)
    return company


@pytest.mark.capability("C39")
def test_a_reminder_knows_an_order_by_its_place_and_its_articles(traders: Company) -> None:
    project = load_project(traders.settings.config)
    reminder = AfterPurchase(
        id="care", when="order_number = 5 and category = 'tool' and amount < 50", days=20, step="Ask."
    )
    playbooks = load_playbooks(project).model_copy(update={"after_purchase": [reminder]})
    now = datetime(2024, 7, 1, 6, tzinfo=UTC)
    books = Books(project, playbooks, Directory(project, load_routing(project)), date.fromisoformat(D), now)
    with traders.connection.cursor() as cursor:
        care = remind(cursor, books, now=now)
    assert [(one.wanted.order_key, one.wanted.due_on) for one in care.written] == [("erp|s4", date(2024, 7, 1))]


@pytest.mark.capability("B13")
def test_rhythm_and_spend_of_a_steady_buyer(traders):
    row = traders.features("steady", D)
    assert row["tenure_days"] == 365
    assert (row["orders_lifetime"], row["orders_30d"], row["orders_90d"]) == (5, 1, 5)
    assert (row["days_since_last_order"], row["full_months_since_last_order"]) == (20, 0)
    assert row["order_gap_days"] == pytest.approx(40 / 3)
    assert row["order_gap_sd_days"] == pytest.approx(math.sqrt(100 / 3))
    assert row["order_gap_ratio"] == pytest.approx(20 / (40 / 3))
    assert (row["revenue_30d"], row["revenue_90d"], row["revenue_prior_90d"]) == (40, 700, 0)
    assert row["revenue_trend_90d"] is None
    assert row["average_order_value_365d"] == 140
    assert row["discount_share_90d"] == pytest.approx(60 / 760)


def test_windows_are_half_open_at_both_ends(traders):
    row = traders.features("edges", D)
    assert (row["orders_30d"], row["revenue_30d"]) == (1, 1)
    assert (row["orders_90d"], row["revenue_90d"]) == (3, 1 + 2 + 4)
    assert (row["revenue_prior_90d"], row["revenue_180d"]) == (8 + 16, 1 + 2 + 4 + 8 + 16)
    assert row["orders_lifetime"] == 6
    assert row["revenue_trend_90d"] == pytest.approx(7 / 24)
    assert row["orders_trend_90d"] == pytest.approx(3 / 2)
    assert row["days_since_last_order"] == 30


@pytest.mark.capability("C9")
def test_full_months_turn_on_the_same_day_of_the_month(traders):
    assert traders.features("steady", D)["full_months_since_last_interaction"] == 3
    assert traders.features("edges", D)["full_months_since_last_interaction"] == 3
    assert traders.features("steady", D)["days_since_last_interaction"] == 91


def test_breadth_counts_what_was_bought_not_what_was_cancelled(traders):
    row = traders.features("steady", D)
    assert (row["products_90d"], row["categories_90d"]) == (3, 2)
    row = traders.features("edges", D)
    assert (row["products_90d"], row["products_365d"], row["categories_365d"]) == (0, 1, 1)


@pytest.mark.capability("C10", "C12", "C14")
def test_service_marketing_usage(traders):
    row = traders.features("steady", D)
    assert (row["tickets_30d"], row["tickets_90d"]) == (2, 2)
    assert (row["complaints_30d"], row["complaints_90d"], row["complaints_prior_90d"]) == (2, 2, 1)
    assert (row["open_tickets"], row["oldest_open_ticket_days"]) == (2, 122)
    assert row["satisfaction_180d"] == 3
    assert (row["returns_90d"], row["return_amount_90d"], row["return_share_365d"]) == (1, 70, 0.1)
    assert (row["marketing_sent_90d"], row["marketing_opened_90d"]) == (1, 1)
    assert (row["marketing_responses_90d"], row["marketing_responses_365d"]) == (2, 3)
    assert (row["usage_days_30d"], row["usage_days_prior_30d"], row["usage_trend_30d"]) == (3, 1, 3)
    assert (row["active_users_7d"], row["active_users_56d"]) == (3, 84 / 56)
    assert row["usage_depth_30d"] == pytest.approx(4 / 3)
    assert row["days_since_last_usage"] == 1


@pytest.mark.capability("C16", "C14")
def test_overdue_counts_from_the_day_after_the_due_day_and_only_payments_before_the_date(traders):
    row = traders.features("steady", D)
    assert (row["overdue_invoices"], row["overdue_amount"], row["days_overdue_max"]) == (2, 40 + 50, 30)
    assert row["payment_delay_days_365d"] == pytest.approx((4 + 19) / 2)
    assert row["disputes_180d"] == 1


@pytest.mark.parametrize(
    ("account", "running", "mrr"), [("steady", 1, 90), ("edges", 1, 10), ("silent", 0, 0), ("new", 1, 30)]
)
def test_a_term_runs_until_its_end_is_past_and_known(traders, account, running, mrr):
    row = traders.features(account, D)
    assert (row["has_subscription"], row["mrr"]) == (running, mrr)


def test_contract_figures(traders):
    row = traders.features("steady", D)
    assert (row["days_to_renewal"], row["subscription_tenure_days"], row["subscriptions_ended_180d"]) == (30, 335, 0)
    row = traders.features("silent", D)
    assert (row["days_to_renewal"], row["subscription_tenure_days"], row["subscriptions_ended_180d"]) == (None, None, 1)


@pytest.mark.capability("B3")
def test_what_a_contract_says_only_of_today_is_unknown_on_earlier_dates(company):
    contract = "subscription_id account_id started_at renews_at ended_at cancelled_at mrr"
    # Both had until 30 June; the one that stayed has been rolled forward, and pays more, by the time that we look.
    company.land(
        "bill",
        "subscription",
        contract,
        [
            ("1", "stays", "2023-07-01T00:00Z", "2025-06-30T00:00Z", None, None, 99),
            ("2", "goes", "2023-07-01T00:00Z", "2024-06-30T00:00Z", "2024-06-30T00:00Z", "2024-06-20T00:00Z", 90),
        ],
    )
    company.build("2024-06-01", D)
    told = ("has_subscription", "mrr", "days_to_renewal")
    assert [company.features("stays", "2024-06-01")[name] for name in told] == [1, None, None]
    assert [company.features("goes", "2024-06-01")[name] for name in told] == [1, None, None]
    assert [company.features("stays", D)[name] for name in told] == [1, 99, 364]
    assert [company.features("goes", D)[name] for name in told] == [0, 0, None]


def test_counts_are_zero_and_recency_unknown_for_a_customer_that_never_bought(traders):
    row = traders.features("silent", D)
    assert (row["orders_lifetime"], row["revenue_365d"], row["open_tickets"], row["overdue_amount"]) == (0, 0, 0, 0)
    assert row["days_since_last_order"] is None
    assert row["order_gap_days"] is None
    assert row["order_gap_ratio"] is None


def test_the_360_view_states_what_is_at_stake(traders):
    (row,) = traders.rows("select * from marts.customer_360 where customer_id = %s", traders.customer("steady"))
    assert row["value_at_stake_year"] == 12 * 90 + 700
    assert str(row["last_order_on"]) == "2024-06-11"
    assert row["churn_probability"] is None


@pytest.mark.capability("B6")
def test_a_department_that_is_not_connected_is_unknown_not_zero(company):
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "a", "2024-06-01T00:00Z", 5)])
    company.build(D)
    row = company.features("a", D)
    unknown = {name for name, value in row.items() if value is None}
    assert {"open_tickets", "mrr", "has_subscription", "overdue_amount", "usage_days_30d", "products_90d"} <= unknown
    assert {"discount_share_90d", "interactions_90d", "marketing_sent_90d", "returns_90d"} <= unknown
    assert (row["orders_90d"], row["revenue_90d"]) == (1, 5)
    # One order day has no gap.
    assert row["order_gap_days"] is None


# What the date's features would be with one condition on known_day left out, as the spine itself has it.
COUNT_OF_MORE = (
    "(select count(*) from intermediate.int_customer_events as e where e.customer_id = f.customer_id"
    " and e.kind = '{kind}' and e.day >= f.as_of_date - {days} and {late})"
)


@pytest.mark.capability("C28", "B11")
@pytest.mark.parametrize(
    ("feature", "kind", "days", "late"),
    [
        ("orders_30d", "order", 30, "e.day < f.as_of_date"),  # recorded on the date or after it
        ("complaints_90d", "complaint", 90, "e.day <= f.as_of_date"),  # a window that is a day too long
        ("days_since_last_order", "order", 365, "e.day < f.as_of_date and e.known_day >= f.as_of_date"),
    ],
)
def test_a_feature_that_counts_what_was_not_known_yet_is_named_by_the_leak_check(traders, feature, kind, days, late):
    day = date.fromisoformat(D)
    assert demand_known(traders.connection, [day], 4) == 4, "as it was built"
    more = COUNT_OF_MORE.format(kind=kind, days=days, late=late)
    if feature == "days_since_last_order":
        more = more.replace("count(*)", "min(f.as_of_date - e.day)")
    with traders.connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(f"update marts.churn_features as f set {feature} = {more} where {more} > 0")
        try:
            with pytest.raises(ModelRejected, match=rf"got {feature} in 1 of \d rows ahead of the events known"):
                demand_known(traders.connection, [day], 4)
        finally:
            cursor.execute("rollback")
