"""Life cycle, value and health of a small company: one class each for every customer, and unknown without a source."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.warehouse.company import Company

from forewarn.config.health import STANDARD, load_health
from forewarn.warehouse import dbt

DATES = ("2024-05-01", "2024-07-01")


@pytest.fixture(scope="module")
def shop(new_company: Callable[[], Company]) -> Company:
    """Twelve buyers, of whom the n-th stopped n months ago, and one that never bought."""
    company = new_company()
    names = [f"c{number}" for number in range(13)]
    company.land(
        "erp", "account", "account_id name segment created_at", [(n, n, "small", "2022-01-01T00:00Z") for n in names]
    )
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at amount",
        [
            (f"{name}-{month}", name, f"{2022 + month // 12}-{month % 12 + 1:02d}-15T00:00Z", 100 * 2**number)
            for number, name in enumerate(names[1:], start=1)
            for month in range(30 - number)
        ],
    )
    health = load_health(STANDARD, dbt.measures(company.settings)).variable()
    company.build(*DATES, definitions={"health": health})
    return company


@pytest.mark.capability("C23")
def test_every_customer_has_one_stage_one_segment_and_one_class_a_date(shop: Company) -> None:
    for table in ("customer_lifecycle", "customer_value", "customer_health"):
        (found,) = shop.rows(f"select count(*), count(distinct (customer_id, as_of_date)) as ids from marts.{table}")
        assert found == {"count": 26, "ids": 26}, table
    stages = shop.rows(
        "select stage, count(*) from marts.customer_lifecycle where as_of_date = '2024-07-01' group by 1 order by 1"
    )
    # The last order is n months old: 46 days for c1, up to 380 for c12.
    assert {row["stage"]: row["count"] for row in stages} == {
        "active": 2,
        "at_risk": 3,
        "dormant": 6,
        "lost": 1,
        "prospect": 1,
    }


@pytest.mark.capability("C23")
def test_the_shares_of_revenue_add_up_and_the_classes_follow_them(shop: Company) -> None:
    (sums,) = shop.rows(
        "select sum(revenue_share) as share, max(cumulative_revenue_share) as most from marts.customer_value"
        " where as_of_date = '2024-07-01'"
    )
    assert sums == {"share": pytest.approx(1), "most": pytest.approx(1)}
    wrong = shop.rows(
        "select * from marts.customer_value"
        " where (revenue_class = 'a' and cumulative_revenue_share - revenue_share >= 0.8)"
        " or (revenue_class = 'c' and cumulative_revenue_share - revenue_share < 0.95)"
    )
    assert wrong == []
    classes = shop.rows("select distinct revenue_class from marts.customer_value where as_of_date = '2024-07-01'")
    assert {row["revenue_class"] for row in classes} == {"a", "b", "c", "none"}


def test_a_change_of_stage_names_the_one_before(shop: Company) -> None:
    changes = shop.rows(
        "select previous_stage, stage from marts.customer_lifecycle_changes where customer_id = %s order by as_of_date",
        shop.customer("c4"),
    )
    assert changes == [{"previous_stage": None, "stage": "active"}, {"previous_stage": "active", "stage": "at_risk"}]


@pytest.mark.capability("C22")
def test_health_has_history_its_components_and_the_share_that_is_known(shop: Company) -> None:
    rows = shop.rows(
        "select orders_score, usage_score, health_score, known_share from marts.customer_health"
        " where customer_id = %s order by as_of_date",
        shop.customer("c4"),
    )
    assert len(rows) == 2
    assert rows[0]["health_score"] > rows[1]["health_score"]
    for row in rows:
        assert row["usage_score"] is None
        assert row["health_score"] == row["orders_score"]
        assert row["known_share"] == pytest.approx(4 / 12)


def test_without_orders_and_subscriptions_nothing_is_claimed(company: Company) -> None:
    company.land("erp", "account", "account_id name created_at", [("a", "a", "2022-01-01T00:00Z")])
    company.build("2024-07-01")
    (stage,) = company.rows("select stage, silent_days from marts.customer_lifecycle")
    assert stage == {"stage": "unknown", "silent_days": None}
    (value,) = company.rows("select rfm_segment, revenue_class, monetary, clv from marts.customer_value")
    assert value == {"rfm_segment": "unknown", "revenue_class": "unknown", "monetary": None, "clv": None}
    (health,) = company.rows("select health_score from marts.customer_health")
    assert health == {"health_score": None}
