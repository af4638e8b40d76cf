"""KPIs of June 2024 against figures computed by hand, and the semantic layer against them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from tests.integration.warehouse.company import Company

from forewarn.errors import Permanent
from forewarn.warehouse.metrics import ask, metric_names

JUNE, JULY = date(2024, 6, 1), date(2024, 7, 1)
CONTRACT = "subscription_id account_id started_at ended_at cancelled_at mrr"
LONG_AGO = "2023-01-01T00:00Z"


@pytest.fixture(scope="module")
def meridian(artefacts: None, new_company: Callable[[], Company]) -> Company:
    """Contracts of A to F, purchases of a to e and `late`. Built on 1 and 25 June and, for the figures, on 20 July."""
    company = new_company()
    company.land("crm", "owner", "owner_id name team", [("1", "Anna", "east"), ("2", "Bert", "west")])
    accounts = [(letter, letter, "Retail" if letter in "aA" else "trade", "north", "1") for letter in "ABCDEFabcde"]
    company.land("erp", "account", "account_id name segment region owner_id", accounts)
    company.land(
        "erp",
        "subscription",
        CONTRACT,
        [
            ("A", "A", LONG_AGO, None, None, 100),
            # The last day is still in it: gone in June, not in May.
            ("B", "B", LONG_AGO, "2024-05-31T00:00Z", "2024-05-10T00:00Z", 50),
            ("D1", "D", LONG_AGO, "2024-03-31T00:00Z", "2024-03-01T00:00Z", 20),
            ("E1", "E", LONG_AGO, "2024-06-15T00:00Z", "2024-05-01T00:00Z", 40),
            ("F1", "F", LONG_AGO, "2024-06-30T00:00Z", "2024-05-01T00:00Z", 70),
        ],
    )
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at known_at cancelled_at amount",
        [
            ("a1", "a", "2024-04-10T00:00Z", None, None, 100),
            ("a2", "a", "2024-06-10T00:00Z", None, None, 40),
            ("a3", "a", "2024-06-13T00:00Z", None, "2024-06-14T00:00Z", 500),
            ("b1", "b", "2024-04-20T00:00Z", None, None, 60),
            ("c1", "c", "2024-06-15T00:00Z", None, None, 80),
            ("d1", "d", "2024-01-05T00:00Z", None, None, 10),
            ("d2", "d", "2024-06-20T00:00Z", None, None, 20),
            ("e1", "e", "2024-05-10T00:00Z", None, None, 10),
            ("e2", "e", "2024-06-11T00:00Z", None, None, 30),
            # Bought in May, which became known in June.
            ("l1", "late", "2024-05-30T00:00Z", "2024-06-03T00:00Z", None, 100),
            # Too late for June, which stands from 15 July on.
            ("a9", "a", "2024-06-12T00:00Z", "2024-07-16T00:00Z", None, 1000),
        ],
    )
    company.land(
        "voice",
        "survey_response",
        "survey_response_id account_id answered_at kind score",
        [
            (str(number), "a", at, kind, score)
            for number, (at, kind, score) in enumerate(
                [
                    ("2024-06-01T00:00Z", "nps", 10),
                    ("2024-06-30T23:59Z", "NPS", 9),
                    ("2024-06-10T00:00Z", "nps", 7),
                    ("2024-06-10T00:00Z", "nps", 3),
                    ("2024-05-31T23:59Z", "nps", 0),
                    ("2024-06-10T00:00Z", "other", 0),
                ]
            )
        ],
        account_source="erp",
    )
    company.land(
        "desk",
        "ticket",
        "ticket_id account_id opened_at closed_at satisfaction",
        [(str(points), "a", "2024-05-30T00:00Z", "2024-06-02T00:00Z", points) for points in (5, 4, 2)],
        account_source="erp",
    )
    company.land(
        "fin",
        "invoice",
        "invoice_id account_id issued_at due_at amount",
        [
            ("1", "a", "2024-06-01T00:00Z", "2024-07-01T00:00Z", 300),
            ("2", "a", "2024-04-20T00:00Z", "2024-05-20T00:00Z", 150),
            ("3", "b", "2024-01-10T00:00Z", "2024-02-10T00:00Z", 90),
            ("4", "c", "2024-06-25T00:00Z", "2024-07-25T00:00Z", 60),
        ],
        account_source="erp",
    )
    company.land(
        "fin",
        "payment",
        "payment_id account_id invoice_id paid_at amount",
        [
            ("1", "a", "1", "2024-06-20T00:00Z", 100),
            ("2", "a", "2", "2024-05-20T00:00Z", 150),
            ("3", "c", "4", "2024-07-03T00:00Z", 60),
        ],
        account_source="erp",
    )
    company.land(
        "crm",
        "lead",
        "lead_id created_at email account_id converted_at",
        [
            ("1", "2024-05-20T00:00Z", "one@x.org", "c", "2024-06-05T00:00Z"),
            ("2", "2024-06-02T00:00Z", "two@x.org", None, None),
            ("3", "2024-06-03T00:00Z", " Two@x.org", None, None),
            ("4", "2024-06-04T00:00Z", None, None, None),
            ("5", "2024-06-30T00:00Z", "five@x.org", None, None),
        ],
        account_source="erp",
    )
    company.land(
        "crm",
        "opportunity",
        "opportunity_id account_id opened_at closed_at outcome amount",
        [
            ("1", "a", "2024-05-01T00:00Z", "2024-06-10T00:00Z", "won", 1000),
            ("2", "b", "2024-05-01T00:00Z", "2024-06-11T00:00Z", "won", 500),
            ("3", "c", "2024-05-01T00:00Z", "2024-06-12T00:00Z", "lost", 700),
            ("4", "c", "2024-05-01T00:00Z", None, None, 900),
        ],
        account_source="erp",
    )
    company.build("2024-06-01")
    company.land(
        "erp",
        "subscription",
        CONTRACT,
        [
            ("A", "A", LONG_AGO, None, None, 90),
            ("C", "C", "2024-06-10T00:00Z", None, None, 30),
            ("D2", "D", "2024-06-05T00:00Z", None, None, 25),
            ("E2", "E", "2024-06-16T00:00Z", None, None, 60),
            ("F2", "F", "2024-07-01T00:00Z", None, None, 70),
        ],
    )
    company.build("2024-06-25")
    # What changes after the month is not the month's.
    company.land("erp", "account", "account_id name segment region owner_id", [("A", "A", "trade", "south", "2")])
    company.land("erp", "subscription", CONTRACT, [("A", "A", LONG_AGO, None, None, 500)])
    company.build("2024-07-20")
    return company


def _june(company: Company, columns: str) -> tuple[Any, ...]:
    (row,) = company.rows(f"select {columns} from marts.kpi_monthly where month = %s", JUNE)
    return tuple(row.values())


@pytest.mark.capability("C31")
def test_contracts_open_move_and_close(meridian: Company) -> None:
    names = ("opening", "new", "reactivated", "churned", "closing")
    assert _june(meridian, ", ".join(f"contractual_{name}_customers" for name in names)) == (4, 1, 1, 1, 5)
    names = ("opening", "new", "reactivated", "expansion", "contraction", "churned", "closing")
    columns = ", ".join(f"contractual_{name}_value" for name in names)
    assert _june(meridian, columns) == (260, 30, 25, 20, 10, 50, 275)
    rates = "contractual_logo_churn_rate, contractual_revenue_churn_rate, contractual_grr, contractual_nrr"
    assert _june(meridian, rates) == pytest.approx((1 / 4, 50 / 260, 200 / 260, 220 / 260))
    assert _june(meridian, "is_restated, is_settled") == (False, True)


@pytest.mark.capability("C31")
def test_purchases_open_move_and_close_beside_them(meridian: Company) -> None:
    names = ("opening", "new", "reactivated", "churned", "closing")
    assert _june(meridian, ", ".join(f"non_contractual_{name}_customers" for name in names)) == (3, 2, 1, 1, 5)
    names = ("opening", "new", "reactivated", "expansion", "contraction", "churned", "closing")
    columns = ", ".join(f"non_contractual_{name}_value" for name in names)
    assert _june(meridian, columns) == (85, 90, 10, 15, 30, 30, 140)
    rates = "non_contractual_logo_churn_rate, non_contractual_grr, non_contractual_nrr"
    assert _june(meridian, rates) == pytest.approx((1 / 3, 25 / 85, 40 / 85))


@pytest.mark.capability("C31")
def test_what_happened_in_the_month_and_what_stood_open(meridian: Company) -> None:
    assert _june(meridian, "orders, buyers, revenue, average_order_value") == (4, 4, 170, 42.5)
    assert _june(meridian, "nps_answers, nps, ratings, csat") == pytest.approx((4, 25, 3, 2 / 3))
    assert _june(meridian, "receivables, dso_days") == pytest.approx((350, 350 / 510 * 90))
    assert _june(meridian, "leads, lead_conversion_rate") == pytest.approx((3, 1 / 3))
    assert _june(meridian, "opportunities_closed, win_rate, opportunities_won_amount") == pytest.approx(
        (3, 2 / 3, 1500)
    )


def test_the_segment_is_that_of_the_months_end(meridian: Company) -> None:
    rows = meridian.rows(
        "select segment, region, closing_value from marts.kpi_movements"
        " where month = %s and definition = 'contractual' order by segment",
        JUNE,
    )
    assert [tuple(row.values()) for row in rows] == [("retail", "north", 90), ("trade", "north", 185)]


@pytest.mark.capability("C31")
def test_a_months_end_is_the_next_ones_beginning_and_the_movements_lie_between(meridian: Company) -> None:
    months = meridian.rows("select * from marts.kpi_monthly order by month")
    assert [(row["month"].year, row["month"].month) for row in months] == [
        *((2023, month) for month in range(1, 13)),
        *((2024, month) for month in range(1, 7)),
    ]
    for definition in ("contractual", "non_contractual"):
        for before, row in itertools.pairwise(months):
            for what in ("customers", "value"):
                gone, came = before[f"{definition}_closing_{what}"], row[f"{definition}_opening_{what}"]
                assert (gone or 0) == (came or 0), (row["month"], definition, what)
    assert [row["is_restated"] for row in months] == [True] * 17 + [False]


@pytest.mark.capability("B3")
def test_a_month_that_stands_stays_and_one_that_is_computed_later_is_the_same(meridian: Company) -> None:
    tables = ("marts.kpi_movements", "marts.kpi_activity")
    before = [meridian.digest(table, "month = '2024-06-01'") for table in tables]
    meridian.land(
        "erp",
        "order",
        "order_id account_id ordered_at known_at cancelled_at amount",
        [("n1", "new", "2024-06-09T00:00Z", "2024-07-19T00:00Z", None, 7)],
    )
    meridian.rows("delete from marts.kpi_movements where month = '2024-06-01' returning 1")
    meridian.rows("delete from marts.kpi_activity where month = '2024-06-01' returning 1")
    meridian.build("2024-08-20")
    assert [meridian.digest(table, "month = '2024-06-01'") for table in tables] == before
    (july,) = meridian.rows("select contractual_opening_value from marts.kpi_monthly where month = %s", JULY)
    assert july == {"contractual_opening_value": 275}
    # An earlier day, run again, leaves the months after it alone.
    before = [meridian.digest(table) for table in tables]
    meridian.build("2024-06-25")
    assert [meridian.digest(table) for table in tables] == before


@pytest.mark.capability("C31")
def test_the_semantic_layer_and_sql_agree_on_every_metric(meridian: Company) -> None:
    names = metric_names(meridian.settings)
    assert len(names) > 35
    columns = {
        row["attname"]
        for row in meridian.rows("select attname from pg_attribute where attrelid = 'marts.kpi_monthly'::regclass")
    }
    rates = [name for name in names if names[name] and name in columns and not _is_sum(meridian, name)]
    movements = [name for name in names if _is_sum(meridian, name, "kpi_movements")]
    activity = [name for name in names if _is_sum(meridian, name, "kpi_activity")]
    assert sorted([*rates, *movements, *activity]) == sorted(names)
    for table, wanted, keys in (
        ("kpi_movements", movements, {"metric_time__month": "month", "movement__definition": "definition"}),
        ("kpi_activity", activity, {"metric_time__month": "month"}),
        ("kpi_monthly", rates, {"metric_time__month": "month"}),
    ):
        figures = ", ".join(f"sum({name}) as {name}" for name in wanted)
        by = ", ".join(keys.values())
        expected = meridian.rows(f"select {by}, {figures} from marts.{table} group by {by} order by {by}")
        answer = ask(meridian.settings, wanted, by=list(keys))
        found = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        assert len(found) == len(expected) > 0
        for asked, told in zip(found, expected, strict=True):
            for name, key in keys.items():
                assert str(asked[name])[:10] == str(told[key])[:10]
            for name in wanted:
                assert _number(asked[name]) == _number(told[name]), (table, told["month"], name)


def _is_sum(company: Company, name: str, *tables: str) -> bool:
    """Whether one of the tables of sums has the column."""
    found = company.rows(
        "select 1 from pg_attribute where attname = %s and attrelid::regclass::text = any(%s)",
        name,
        [f"marts.{table}" for table in tables or ("kpi_movements", "kpi_activity")],
    )
    return bool(found)


def _number(value: Any) -> Any:
    return None if value is None else pytest.approx(float(value))


def test_a_quarter_opens_with_its_first_month_and_closes_with_its_last(meridian: Company) -> None:
    where = "{{ Dimension('movement__definition') }} = 'contractual'"
    answer = ask(
        meridian.settings,
        ["opening_value", "churned_value", "closing_value"],
        by=["metric_time__quarter"],
        where=where,
    )
    (quarter,) = [
        row
        for row in (dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
        if str(row["metric_time__quarter"]).startswith("2024-04-01")
    ]
    # D, 20 a month, has its last day in March and is gone in April; B follows in June.
    assert (quarter["opening_value"], quarter["churned_value"], quarter["closing_value"]) == (280, 70, 275)


def test_a_metric_that_is_not_there_is_named(meridian: Company) -> None:
    with pytest.raises(Permanent, match="no_such_metric"):
        ask(meridian.settings, ["no_such_metric"])
