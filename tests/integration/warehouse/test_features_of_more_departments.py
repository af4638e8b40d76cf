"""Surveys, stock, shipments, credit and deals in churn_features, by hand on both sides of each boundary day of D."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from tests.integration.warehouse.company import Company

from forewarn.warehouse.evidence import keep_evidence
from forewarn.warehouse.records import TELLS_OF, TRACES, Behind, records_behind

D = "2024-07-01"


@pytest.fixture(scope="module")
def wholesaler(new_company: Callable[[], Company]) -> Company:
    """Two customers of a wholesaler, `a` with a history in every department and `b` with next to none."""
    company = new_company()
    land = company.land
    land(
        "erp",
        "account",
        "account_id name created_at",
        [("a", "A", "2023-07-02T09:00Z"), ("b", "B", "2023-07-02T09:00Z")],
    )
    # Three of the last six times 30 days: those that end on 30 June, 31 May and 1 May.
    days = {"k0": "2024-06-30", "k0early": "2024-06-01", "k1": "2024-05-31", "k2": "2024-05-01", "old": "2024-01-02"}
    land(
        "erp",
        "order",
        "order_id account_id ordered_at amount",
        [(f"{who}-{name}", who, f"{day}T12:00Z", 10) for who in ("a", "b") for name, day in days.items()],
    )
    bought = {
        "bolt": ["a-k0", "a-k1", "a-k2", "b-k0", "b-k1", "b-old"],
        "nut": ["a-k0", "a-k0early", "a-k1"],
        "saw": ["a-k0", "a-k1", "a-k2"],
        "pin": ["a-k0", "a-k1", "a-k2"],
        "washer": ["a-k0", "a-k1", "a-k2", "b-k0", "b-k1", "b-k2"],
    }
    land(
        "erp",
        "order_line",
        "order_line_id order_id product_id amount",
        [(f"{order}-{article}", order, article, 1) for article, orders in bought.items() for order in orders],
    )
    land(
        "wms",
        "inventory_snapshot",
        "inventory_snapshot_id product_id product_source taken_at location on_hand",
        [
            ("1", "bolt", "erp", "2024-06-01T00:00Z", "north", 0),
            ("2", "bolt", "erp", "2024-06-01T00:00Z", "south", 0),
            ("3", "nut", "erp", "2024-06-10T00:00Z", "north", 0),
            ("4", "saw", "erp", "2024-05-31T23:00Z", "north", 0),
            ("5", "saw", "erp", "2024-07-01T00:00Z", "north", 0),
            ("6", "pin", "erp", "2024-06-10T00:00Z", "north", 0),
            ("7", "pin", "erp", "2024-06-10T00:00Z", "south", 5),
        ],
    )
    land(
        "wms",
        "backorder",
        "backorder_id account_id product_id product_source opened_at",
        [("1", "a", "washer", "erp", "2024-06-01T00:00Z")],
        account_source="erp",
    )
    land(
        "wms",
        "shipment",
        "shipment_id account_id shipped_at promised_at delivered_at known_at",
        [
            ("in time", "a", "2024-06-28T00:00Z", "2024-06-30T00:00Z", "2024-06-30T23:00Z", None),
            ("on its way", "a", "2024-06-28T00:00Z", "2024-06-30T00:00Z", None, None),
            ("first day", "a", "2024-04-01T00:00Z", "2024-04-02T00:00Z", "2024-04-03T00:00Z", None),
            ("before", "a", "2024-03-30T00:00Z", "2024-04-01T00:00Z", "2024-04-03T00:00Z", None),
            ("not due", "a", "2024-06-28T00:00Z", "2024-07-01T00:00Z", None, None),
            ("told later", "a", "2024-06-08T00:00Z", "2024-06-10T00:00Z", "2024-06-20T00:00Z", "2024-07-01T00:00Z"),
        ],
        account_source="erp",
    )
    mails = [
        ("sent", "2024-06-01"),
        ("sent", "2024-04-02"),
        ("opened", "2024-04-02"),
        ("sent", "2024-04-01"),
        ("opened", "2024-04-01"),
        ("sent", "2024-01-03"),
        ("opened", "2024-01-03"),
        ("sent", "2024-01-02"),
        ("attended", "2024-01-03"),
        ("attended", "2024-01-02"),
        ("attended", "2023-07-07"),
        ("attended", "2023-07-06"),
    ]
    land(
        "mail",
        "marketing_event",
        "marketing_event_id account_id occurred_at kind",
        [(str(number), "a", f"{day}T00:00Z", kind) for number, (kind, day) in enumerate(mails)],
        account_source="erp",
    )
    land(
        "voice",
        "survey_response",
        "survey_response_id account_id answered_at kind score known_at",
        [
            ("1", "a", "2024-05-01T00:00Z", "nps", 9, None),
            ("2", "a", "2024-06-20T08:00Z", "NPS", 2, None),
            ("3", "a", "2024-06-20T09:00Z", "nps", 4, None),
            ("4", "a", "2024-06-25T00:00Z", "csat", 1, None),
            ("5", "a", "2024-06-30T00:00Z", "nps", 0, "2024-07-01T00:00Z"),
        ],
        account_source="erp",
    )
    land(
        "voice",
        "review",
        "review_id account_id posted_at rating",
        [
            ("1", "a", "2024-06-30T00:00Z", 2),
            ("2", "a", "2024-04-02T00:00Z", 1),
            ("3", "a", "2024-04-01T23:59Z", 1),
            ("4", "a", "2024-06-05T00:00Z", 3),
            ("5", None, "2024-06-05T00:00Z", 1),
        ],
        account_source="erp",
    )
    land(
        "desk",
        "ticket",
        "ticket_id account_id opened_at closed_at satisfaction rated_at",
        [
            ("answered", "a", "2024-06-01T00:00Z", "2024-06-29T00:00Z", 5, "2024-06-30T00:00Z"),
            ("no answer", "a", "2024-06-01T00:00Z", "2024-06-30T00:00Z", None, None),
            ("answered on D", "a", "2024-01-01T00:00Z", "2024-01-03T00:00Z", 4, "2024-07-01T00:00Z"),
            ("solved on D", "a", "2024-06-01T00:00Z", "2024-07-01T00:00Z", 4, "2024-07-01T00:00Z"),
            ("before", "a", "2024-01-01T00:00Z", "2024-01-02T00:00Z", 4, "2024-06-30T00:00Z"),
            ("first of before", "a", "2023-07-01T00:00Z", "2023-07-07T00:00Z", None, None),
            ("too old", "a", "2023-07-01T00:00Z", "2023-07-06T00:00Z", 1, "2023-07-06T00:00Z"),
            ("open", "b", "2024-06-01T00:00Z", None, None, None),
        ],
        account_source="erp",
    )
    land(
        "fin",
        "invoice",
        "invoice_id account_id issued_at due_at amount",
        [
            ("v1", "a", "2024-06-01T00:00Z", "2024-08-01T00:00Z", 100),
            ("v2", "a", "2024-07-01T00:00Z", "2024-08-01T00:00Z", 900),
            ("v3", "b", "2024-06-01T00:00Z", "2024-06-30T00:00Z", 70),
        ],
        account_source="erp",
    )
    land(
        "fin",
        "payment",
        "payment_id account_id invoice_id paid_at amount",
        [("p1", "a", "v1", "2024-06-30T00:00Z", 40), ("p2", "a", "v1", "2024-07-01T00:00Z", 60)],
        account_source="erp",
    )
    land(
        "fin",
        "credit_limit",
        "credit_limit_id account_id valid_from amount",
        [
            ("1", "a", "2024-01-01T00:00Z", 500),
            ("2", "a", "2024-06-30T00:00Z", 120),
            ("3", "a", "2024-07-01T00:00Z", 1),
        ],
        account_source="erp",
    )
    land(
        "crm",
        "opportunity",
        "opportunity_id account_id opened_at closed_at outcome",
        [
            ("open", "a", "2024-06-30T00:00Z", None, None),
            ("closed on D", "a", "2024-06-01T00:00Z", "2024-07-01T00:00Z", "lost"),
            ("lost", "a", "2024-06-01T00:00Z", "2024-06-30T00:00Z", "Lost"),
            ("won", "a", "2023-12-01T00:00Z", "2024-01-03T00:00Z", "won"),
            ("won before", "a", "2023-12-01T00:00Z", "2024-01-02T00:00Z", "won"),
        ],
        account_source="erp",
    )
    land(
        "crm",
        "interaction",
        "interaction_id account_id occurred_at topic known_at",
        [
            ("1", "a", "2024-06-30T00:00Z", " Discount", None),
            ("2", "a", "2024-06-01T00:00Z", "yearly talks", None),
            ("3", "a", "2024-04-02T00:00Z", "discount", None),
            ("4", "a", "2024-04-01T00:00Z", "discount", None),
            ("5", "a", "2024-01-02T00:00Z", "discount", None),
            ("6", "a", "2024-06-10T00:00Z", "discount", "2024-07-01T00:00Z"),
            ("7", "a", "2023-07-02T00:00Z", None, None),
            ("8", "a", "2023-07-01T00:00Z", None, None),
        ],
        account_source="erp",
    )
    land(
        "crm",
        "owner_assignment",
        "owner_assignment_id account_id owner_id assigned_at known_at",
        [
            ("1", "a", "first", "2023-07-02T00:00Z", None),
            ("2", "a", "second", "2024-01-02T00:00Z", None),
            ("3", "a", "third", "2024-01-03T00:00Z", None),
            ("4", "a", "fourth", "2024-06-30T00:00Z", None),
            ("5", "a", "told on D", "2024-06-01T00:00Z", "2024-07-01T00:00Z"),
            ("6", "b", "first", "2024-06-01T00:00Z", None),
        ],
        account_source="erp",
    )
    land(
        "desk",
        "ticket_status_change",
        "ticket_status_change_id ticket_id changed_at status known_at",
        [
            ("1", "answered", "2024-06-01T00:00Z", "open", None),
            ("2", "answered", "2024-06-01T06:00Z", "waiting", None),
            ("3", "answered", "2024-06-29T00:00Z", "solved", None),
            ("4", "answered", "2024-06-30T00:00Z", "Reopened", None),
            ("5", "answered", "2024-06-30T12:00Z", "reopened", None),
            ("6", "no answer", "2024-06-02T00:00Z", "solved", None),
            ("7", "no answer", "2024-06-30T00:00Z", "reopened", "2024-07-01T00:00Z"),
            ("8", "solved on D", "2024-07-01T00:00Z", "solved", None),
            ("9", "before", "2024-01-02T00:00Z", "reopened", None),
        ],
    )
    # A year ago: 2 April 2023 is the day before the same 90 days, 2 July 2023 the day after them.
    seasons = {"c": ["2023-04-03", "2023-07-01", "2023-07-02", "2024-06-01"], "d": ["2023-04-04", "2024-06-01"]}
    land("erp", "account", "account_id name created_at", [(who, who, "2020-01-01T00:00Z") for who in seasons])
    land(
        "erp",
        "order",
        "order_id account_id ordered_at amount",
        [(f"{who}-{day}", who, f"{day}T12:00Z", 10) for who, days in seasons.items() for day in days],
    )
    company.build(D)
    return company


def _expect(company: Company, account: str, **expected: object) -> None:
    row = company.features(account, D)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.capability("C17")
def test_an_article_that_is_bought_regularly_is_missed_and_no_other(wholesaler):
    _expect(wholesaler, "a", stockouts_30d=2)
    _expect(wholesaler, "b", stockouts_30d=0)


def test_a_shipment_is_late_from_the_day_after_its_promise(wholesaler):
    _expect(wholesaler, "a", late_shipments_90d=2, late_shipment_share_90d=pytest.approx(2 / 3))
    _expect(wholesaler, "b", late_shipments_90d=0, late_shipment_share_90d=None)


@pytest.mark.capability("C12")
def test_opens_and_attendance_are_held_against_the_windows_before(wholesaler):
    _expect(
        wholesaler,
        "a",
        marketing_sent_90d=2,
        marketing_opened_90d=1,
        marketing_sent_prior_90d=2,
        marketing_opened_prior_90d=2,
        marketing_open_trend_90d=0.5,
        attendances_180d=1,
        attendances_prior_180d=2,
    )
    _expect(wholesaler, "b", marketing_open_trend_90d=None, attendances_180d=0)


@pytest.mark.capability("C12")
def test_answers_after_solved_tickets_are_held_against_the_window_before(wholesaler):
    _expect(
        wholesaler,
        "a",
        survey_answer_share_180d=pytest.approx(1 / 3),
        survey_answer_share_prior_180d=pytest.approx(1 / 2),
    )
    _expect(wholesaler, "b", survey_answer_share_180d=None, survey_answer_share_prior_180d=None)


@pytest.mark.capability("C14")
def test_the_newest_recommendation_counts_with_its_age(wholesaler):
    _expect(wholesaler, "a", nps_latest=3, nps_age_days=11)
    _expect(wholesaler, "b", nps_latest=None, nps_age_days=None)


@pytest.mark.capability("C18")
def test_reviews_of_one_or_two_stars_are_negative(wholesaler):
    _expect(wholesaler, "a", negative_reviews_90d=2)
    _expect(wholesaler, "b", negative_reviews_90d=0)


@pytest.mark.capability("C16")
def test_what_is_unpaid_is_held_against_the_limit_of_the_day(wholesaler):
    _expect(wholesaler, "a", credit_used_share=0.5, overdue_invoices=0, overdue_amount=0)
    _expect(wholesaler, "b", credit_used_share=None, overdue_invoices=1, overdue_amount=70)


@pytest.mark.capability("B13")
def test_a_season_is_held_against_itself_once_there_is_a_year_before_it(wholesaler):
    _expect(
        wholesaler,
        "c",
        orders_90d=1,
        orders_last_year_90d=2,
        orders_year_trend_90d=0.5,
        revenue_last_year_90d=20,
        revenue_year_trend_90d=0.5,
    )
    _expect(wholesaler, "d", orders_90d=1, orders_last_year_90d=None, revenue_year_trend_90d=None)


@pytest.mark.capability("C13")
def test_contacts_that_ask_for_a_discount_are_held_against_the_window_before(wholesaler):
    _expect(wholesaler, "a", discount_contacts_90d=2, discount_contacts_prior_90d=1)
    _expect(wholesaler, "a", interactions_30d=2, interactions_90d=3, interactions_365d=6, days_since_last_interaction=1)
    _expect(wholesaler, "b", discount_contacts_90d=0, interactions_365d=0)


def test_the_first_account_manager_is_no_change_of_one(wholesaler):
    _expect(wholesaler, "a", owner_changes_180d=2)
    _expect(wholesaler, "b", owner_changes_180d=0)


def test_tickets_are_answered_by_the_first_step_and_may_be_opened_again(wholesaler):
    _expect(wholesaler, "a", tickets_reopened_180d=1, first_response_hours_180d=(6 + 24) / 2)
    _expect(wholesaler, "b", tickets_reopened_180d=0, first_response_hours_180d=None)


def test_longer_windows_reach_back_to_their_first_day(wholesaler):
    _expect(
        wholesaler,
        "a",
        negative_reviews_365d=3,
        stockouts_90d=3,
        late_shipment_share_365d=pytest.approx(3 / 4),
        marketing_sent_365d=5,
        marketing_opened_365d=3,
        payment_delay_days_90d=-32,
        tickets_365d=5,
    )


def test_deals_are_open_until_the_day_after_they_are_closed(wholesaler):
    _expect(wholesaler, "a", open_opportunities=2, opportunities_won_180d=1, opportunities_lost_180d=1)
    _expect(wholesaler, "b", open_opportunities=0, opportunities_won_180d=0, opportunities_lost_180d=0)


def _behind(company: Company, account: str, *features: str, as_of_date: str = D) -> dict[str, Behind]:
    customer = company.customer(account)
    with company.connection.cursor() as cursor:
        found = records_behind(cursor, features, [customer], date.fromisoformat(as_of_date))
    return {feature: found[(customer, feature)] for feature in features}


@pytest.mark.capability("B4")
@pytest.mark.parametrize(
    ("account", "feature", "entity", "source", "records"),
    [
        ("a", "tenure_days", "account", "erp", ["a"]),
        ("b", "orders_7d", "order", "erp", ["b-k0"]),
        ("a", "orders_lifetime", "order", "erp", ["a-k0", "a-k0early", "a-k1", "a-k2", "a-old"]),
        ("a", "products_90d", "order", "erp", ["a-k0", "a-k0early", "a-k1", "a-k2"]),
        ("a", "stockouts_30d", "product", "erp", ["bolt", "washer"]),
        ("a", "late_shipments_90d", "shipment", "wms", ["first day", "on its way"]),
        ("a", "marketing_open_trend_90d", "marketing_event", "mail", ["0", "1", "2", "3", "4", "5", "6"]),
        ("a", "attendances_180d", "marketing_event", "mail", ["10", "8", "9"]),
        ("a", "nps_latest", "survey_response", "voice", ["1", "2", "3"]),
        ("a", "negative_reviews_90d", "review", "voice", ["1", "2"]),
        (
            "a",
            "survey_answer_share_180d",
            "ticket",
            "desk",
            ["answered", "no answer", "answered on D", "before", "first of before"],
        ),
        ("b", "open_tickets", "ticket", "desk", ["open"]),
        ("a", "satisfaction_180d", "ticket", "desk", ["answered"]),
        ("a", "credit_used_share", "invoice", "fin", ["v1"]),
        ("b", "overdue_invoices", "invoice", "fin", ["v3"]),
        ("a", "payment_delay_days_365d", "payment", "fin", ["p1"]),
        ("a", "open_opportunities", "opportunity", "crm", ["closed on D", "open"]),
        ("a", "opportunities_lost_180d", "opportunity", "crm", ["lost"]),
        ("c", "orders_year_trend_90d", "order", "erp", ["c-2023-04-03", "c-2023-07-01", "c-2024-06-01"]),
        ("a", "discount_contacts_90d", "interaction", "crm", ["1", "3", "4"]),
        ("a", "owner_changes_180d", "owner_assignment", "crm", ["3", "4"]),
        ("a", "tickets_reopened_180d", "ticket", "desk", ["answered"]),
        ("a", "first_response_hours_180d", "ticket", "desk", ["answered", "no answer"]),
        ("a", "stockouts_90d", "product", "erp", ["bolt", "saw", "washer"]),
    ],
)
def test_a_feature_names_the_records_that_it_was_computed_from(wholesaler, account, feature, entity, source, records):
    found = _behind(wholesaler, account, feature)[feature]
    named = [record.record_id for record in found.records]
    assert {(record.entity, record.source) for record in found.records} == {(entity, source)}
    assert found.total == len(named)
    assert sorted(named) == sorted(records)
    assert [record.day for record in found.records] == sorted((record.day for record in found.records), reverse=True)


@pytest.mark.capability("B4")
def test_where_nothing_came_the_last_that_did_is_named(wholesaler):
    (found,) = _behind(wholesaler, "a", "orders_30d", as_of_date="2024-09-01").values()
    assert [record.record_id for record in found.records] == ["a-k0"]
    assert (found.total, found.since) == (0, date(2024, 8, 2))
    (never,) = _behind(wholesaler, "b", "nps_latest").values()
    assert (never.records, never.total) == ((), 0)


@pytest.mark.capability("B4")
def test_every_feature_can_be_asked_for_its_records(wholesaler):
    found = _behind(wholesaler, "a", *TRACES)
    assert set(found) == set(TRACES)


@pytest.mark.capability("B6")
def test_departments_that_are_not_connected_are_unknown(company):
    company.land("erp", "order", "order_id account_id ordered_at amount", [("1", "a", "2024-06-01T00:00Z", 5)])
    company.build(D)
    _expect(
        company,
        "a",
        **dict.fromkeys(
            (
                "stockouts_30d",
                "late_shipments_90d",
                "attendances_180d",
                "nps_latest",
                "negative_reviews_90d",
                "credit_used_share",
                "open_opportunities",
                "survey_answer_share_180d",
            )
        ),
    )


# Somebody who sees every customer, and the day that is published.
ADA = """
with ada as (
    insert into workbench.account (email, name, role, locale, created_at)
    values ('ada@x.example', 'Ada', 'admin', 'en', now()) returning account_id
)
insert into workbench.session (digest, account_id, way, ends_at)
select sha256('secret'), account_id, 'password', now() + interval '1 hour' from ada;
insert into ops.publication (as_of_date, run_id, live, published_at, row_counts, build_number)
select %s, 'r', true, now(), '{}', build_number from ops.warehouse_build
"""


@pytest.mark.capability("B4")
def test_the_desk_finds_the_same_records_behind_each_feature_and_opens_every_one(wholesaler: Company) -> None:
    customer = wholesaler.customer("a")
    expected = {
        feature: {(record.entity, record.source, record.record_id) for record in behind.records}
        for feature, behind in _behind(wholesaler, "a", *TRACES).items()
    }
    with wholesaler.connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(ADA, [D])
        keep_evidence(cursor)
        cursor.execute("select set_config('role', 'desk', true), set_config('forewarn.session', 'secret', true)")
        cursor.execute(
            "select features, entity, source, record_id from workbench.records_behind(%s, %s, %s)",
            [customer, list(TRACES), D],
        )
        found: dict[str, set[tuple[str, str, str]]] = {feature: set() for feature in TRACES}
        for features, entity, *record in cursor.fetchall():
            for feature in features:
                found[feature].add((TELLS_OF.get(entity, entity), *record))
        closed = []
        for entity, source, record_id in sorted(set().union(*found.values())):
            cursor.execute("select from workbench.record(%s, %s, %s, %s)", [customer, entity, source, record_id])
            closed += [] if cursor.rowcount else [(entity, source, record_id)]
        cursor.execute("rollback")
    assert found == expected
    # No source of theirs has a list of articles.
    assert {entity for entity, _, _ in closed} == {"product"}
