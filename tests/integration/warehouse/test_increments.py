"""What a second build does: the same again for the same rows, only what changed otherwise, never another date."""

from __future__ import annotations

from datetime import date

import pytest
from tests.integration.warehouse.company import Company

from forewarn.warehouse import dbt

FEATURES = "marts.churn_features"
TABLES = (
    "intermediate.int_orders",
    "intermediate.int_order_items",
    "marts.customer_daily",
    "marts.churn_features",
    "marts.churn_labels",
    "marts.customer_lifecycle",
    "marts.customer_value",
    "marts.dim_customers",
    "marts.customer_crosswalk",
    "marts.customer_360",
)
ORDERS = "order_id account_id ordered_at known_at status amount"
CANCELLABLE = f"{ORDERS} cancelled_at"


def _trade(company: Company) -> None:
    company.land("erp", "account", "account_id name created_at", [(name, name, "2023-01-01T00:00Z") for name in "abc"])
    company.land(
        "erp",
        "order",
        CANCELLABLE,
        [
            (f"{account}{month}", account, f"2024-{month:02d}-10T00:00Z", None, "shipped", 10 * month, None)
            for account in "abc"
            for month in range(1, 7)
        ],
    )
    company.land(
        "erp",
        "order_line",
        "order_line_id order_id product_id amount",
        [
            (f"{account}{month}-1", f"{account}{month}", f"p{month % 3}", 1)
            for account in "abc"
            for month in range(1, 7)
        ],
    )


@pytest.mark.capability("B3")
def test_the_same_date_twice_gives_identical_rows(company):
    _trade(company)
    company.build("2024-05-01", "2024-07-01")
    before = {table: company.digest(table) for table in TABLES}
    company.build("2024-05-01", "2024-07-01")
    assert {table: company.digest(table) for table in TABLES} == before


@pytest.mark.capability("B3")
def test_a_row_known_after_the_date_changes_no_feature_of_the_date(company):
    _trade(company)
    company.build("2024-06-01", "2024-07-01")
    june, july = (company.digest(FEATURES, f"as_of_date = '{day}'") for day in ("2024-06-01", "2024-07-01"))
    company.land("erp", "order", ORDERS, [("late", "a", "2024-05-20T00:00Z", "2024-06-01T00:00Z", "shipped", 7)])
    company.land("erp", "order_line", "order_line_id order_id product_id amount", [("late-1", "late", "p9", 7)])
    company.build("2024-06-01", "2024-07-01")
    assert company.digest(FEATURES, "as_of_date = '2024-06-01'") == june
    assert company.digest(FEATURES, "as_of_date = '2024-07-01'") != july
    row = company.features("a", "2024-07-01")
    assert (row["orders_lifetime"], row["products_90d"]) == (7, 4)


@pytest.mark.capability("B3")
def test_an_order_that_is_cancelled_counts_until_then_and_a_cancellation_taken_back_counts_again(company):
    _trade(company)
    days = ("2024-06-01", "2024-06-15", "2024-07-01")
    company.build(*days)
    before = {day: company.features("a", day) for day in days}
    told = ("a6", "a", "2024-06-10T00:00Z", None, "cancelled", 60)
    company.land("erp", "order", CANCELLABLE, [(*told, "2024-06-15T00:00Z")])
    company.build(*days)
    assert [company.features("a", day) for day in days[:2]] == [before[day] for day in days[:2]]
    row = company.features("a", days[2])
    figures = ("orders_lifetime", "revenue_90d", "orders_30d", "days_since_last_order", "products_365d")
    assert [row[name] for name in figures] == [5, 90, 0, 52, 3]
    assert [before[days[2]][name] for name in figures] == [6, 150, 1, 21, 3]
    company.land("erp", "order", CANCELLABLE, [(*told[:4], "shipped", 60, None)])
    company.build(*days)
    assert {day: company.features("a", day) for day in days} == before


LATE = "2024-06-15T00:00Z"


@pytest.mark.capability("B3")
def test_what_any_department_entered_late_changes_no_feature_of_an_earlier_date(company):
    early, at = "2024-05-03T00:00Z", "2024-05-20T00:00Z"
    departments = {
        "ticket": ("ticket_id account_id opened_at closed_at satisfaction known_at rated_at", (at, at, 1)),
        "interaction": ("interaction_id account_id occurred_at topic known_at", (at, "discount")),
        "owner_assignment": ("owner_assignment_id account_id assigned_at owner_id known_at", (at, "o1")),
        "return": ("return_id account_id returned_at amount known_at", (at, 3)),
        "invoice": ("invoice_id account_id issued_at due_at amount known_at", (at, "2024-05-25T00:00Z", 9)),
        "payment": ("payment_id account_id paid_at amount invoice_id known_at", (at, 4, "first")),
        "dispute": ("dispute_id account_id opened_at known_at", (at,)),
        "marketing_event": ("marketing_event_id account_id occurred_at kind known_at", (at, "sent")),
        "usage_event": ("usage_event_id account_id occurred_at active_users known_at", (at, 7)),
    }

    def land(late: bool) -> None:
        for entity, (columns, told) in departments.items():
            values = told if late else tuple(early if value == at else value for value in told)
            known = (LATE if late else None,) * (columns.count("known_at") + columns.count("rated_at"))
            company.land("erp", entity, columns, [("late" if late else "first", "a", *values, *known)])

    days = ("2024-06-01", LATE[:10], "2024-07-01")
    _trade(company)
    land(late=False)
    company.build(*days)
    before = {day: company.features("a", day) for day in days}
    land(late=True)
    company.build(*days)
    assert [company.features("a", day) for day in days[:2]] == [before[day] for day in days[:2]]
    moved = {name for name, value in company.features("a", days[2]).items() if value != before[days[2]][name]}
    assert moved >= {"tickets_90d", "interactions_90d", "returns_90d", "disputes_180d", "overdue_invoices"}
    assert moved >= {"discount_contacts_90d", "owner_changes_180d"}
    assert moved >= {"marketing_sent_90d", "active_users_56d", "payment_delay_days_365d"}


def test_usage_of_one_day_that_is_told_in_parts_is_one_day_of_the_same_users(company):
    columns = "usage_event_id account_id occurred_at active_users feature known_at"
    rows = [("1", "a", "2024-06-10T00:00Z", 7, "x", None), ("2", "a", "2024-06-10T00:00Z", 14, "y", LATE)]
    company.land("app", "usage_event", columns, rows)
    company.build(LATE[:10], "2024-06-16")
    told = ("usage_days_30d", "active_users_7d", "active_users_56d")
    assert [company.features("a", LATE[:10])[name] for name in told] == [1, 1, 7 / 56]
    assert [company.features("a", "2024-06-16")[name] for name in told] == [1, 2, 14 / 56]


def test_only_the_requested_dates_are_replaced(company):
    _trade(company)
    company.build("2024-05-01", "2024-06-01")
    may = company.digest(FEATURES, "as_of_date = '2024-05-01'")
    company.land("erp", "order", ORDERS, [("back", "b", "2024-03-01T00:00Z", None, "shipped", 500)])
    company.build("2024-06-01")
    assert company.digest(FEATURES, "as_of_date = '2024-05-01'") == may
    assert company.features("b", "2024-06-01")["revenue_365d"] == 10 * (1 + 2 + 3 + 4 + 5) + 500


def test_increments_end_where_a_build_from_nothing_ends(company, new_company):
    _trade(company)
    company.build("2024-07-01")
    changes = [
        # Grown, moved to another customer, cancelled, moved to another day, new; below also an order and a line gone.
        ("a1", "a", "2024-01-10T00:00Z", None, "shipped", 99),
        ("a2", "b", "2024-02-10T00:00Z", None, "shipped", 20),
        ("a3", "a", "2024-03-10T00:00Z", None, "cancelled", 30),
        ("b4", "b", "2024-04-28T00:00Z", None, "shipped", 40),
        ("c7", "c", "2024-06-30T00:00Z", None, "shipped", 1),
    ]
    company.land("erp", "order", ORDERS, changes)
    company.land("erp", "order_line", "order_line_id order_id product_id amount", [("b4-1", "b4", "p8", 1)])
    gone = [("order", "order_id = 'c5'"), ("order_line", "order_line_id = 'c6-1'")]
    for entity, condition in gone:
        company.remove("erp", entity, condition)
    company.build("2024-07-01")
    fresh = new_company()
    _trade(fresh)
    fresh.land("erp", "order", ORDERS, changes)
    fresh.land("erp", "order_line", "order_line_id order_id product_id amount", [("b4-1", "b4", "p8", 1)])
    for entity, condition in gone:
        fresh.remove("erp", entity, condition)
    fresh.build("2024-07-01")
    for table in TABLES[2:]:
        assert company.digest(table) == fresh.digest(table), table
    assert company.features("a", "2024-07-01")["orders_lifetime"] == 4
    assert company.features("b", "2024-07-01")["orders_lifetime"] == 7
    assert company.features("c", "2024-07-01")["orders_lifetime"] == 6


def test_an_untouched_customer_keeps_its_roll_up(company):
    _trade(company)
    company.build("2024-07-01")
    untouched = "select ctid::text as place from intermediate.int_customer_days where customer_id = %s order by day"
    before = company.rows(untouched, company.customer("a"))
    company.land("erp", "order", ORDERS, [("b9", "b", "2024-06-20T00:00Z", None, "shipped", 5)])
    company.build("2024-07-01")
    assert company.rows(untouched, company.customer("a")) == before
    assert company.features("b", "2024-07-01")["orders_lifetime"] == 7


def test_a_new_mapping_of_rows_that_landed_long_ago_is_built_from_nothing(company):
    company.land("erp", "ticket", "ticket_id account_id opened_at", [("t", "a", "2024-06-30T00:00Z")])
    tickets = company.mappings.pop("ticket")
    _trade(company)
    company.build("2024-07-01")
    assert company.features("a", "2024-07-01")["tickets_30d"] is None
    assert dbt.feature_dates(company.settings, company.mappings) == {date(2024, 7, 1)}
    company.mappings["ticket"] = tickets
    assert dbt.feature_dates(company.settings, company.mappings) == set()
    company.build("2024-07-01")
    assert company.features("a", "2024-07-01")["tickets_30d"] == 1
    assert dbt.feature_dates(company.settings, company.mappings) == {date(2024, 7, 1)}


def test_layers_built_one_after_the_other_are_the_whole(company, new_company):
    _trade(company)
    names = [
        {result.name for result in company.build("2024-07-01", select=layer, tests=True)}
        for layer in ("staging", "intermediate", "marts")
    ]
    whole = new_company()
    _trade(whole)
    assert {result.name for result in whole.build("2024-07-01", tests=True)} == set.union(*names)
    assert company.digest(FEATURES) == whole.digest(FEATURES)


def test_a_record_told_by_several_rows_is_one_order_worth_its_lines(company):
    rows = [("o1", "a", "2024-06-01T00:00Z"), ("o1", "a", "2024-06-01T00:00Z"), ("o2", "a", "2024-06-02T00:00Z")]
    company.land("till", "order", "order_id account_id ordered_at", rows, distinct=True)
    company.land(
        "till",
        "order_line",
        "order_line_id order_id product_id amount",
        [("1", "o1", "p", 3), ("2", "o1", "q", 4), ("3", "o2", "p", -1)],
    )
    company.build("2024-07-01")
    row = company.features("a", "2024-07-01")
    assert (row["orders_lifetime"], row["revenue_365d"], row["products_365d"]) == (1, 7, 2)
