"""Rhythm and breadth of random histories, late and cancelled records among them, against the definition in Python."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from tests.integration.warehouse.company import Company

START = date(2024, 1, 1)
DATES = [date(2024, 3, 1), date(2024, 5, 17), date(2024, 12, 31)]
# Each in a build of its own, when a part of the history is in int_customer_past.
LATER = [date(2025, 4, 1), date(2025, 9, 30)]


@dataclass(frozen=True)
class Purchase:
    """One order of one article."""

    account: str
    day: date
    known: date
    article: str
    cancelled: date | None = None


def _history(seed: int) -> list[Purchase]:
    """Many short histories: one order in three is told up to 40 days late, one in five is cancelled."""
    chance = random.Random(seed)
    purchases = []
    for number in range(60):
        for _ in range(chance.randint(1, 25)):
            day = START + timedelta(days=chance.randint(0, 360))
            delay = chance.randint(0, 40) if chance.random() < 1 / 3 else 0
            known = day + timedelta(days=delay)
            cancelled = known + timedelta(days=chance.randint(0, 60)) if chance.random() < 1 / 5 else None
            article = chance.choice(["p1", "p2", "q1", "q2", "q3"])
            purchases.append(Purchase(f"c{number}", day, known, article, cancelled))
    return purchases


def _expected(purchases: list[Purchase], as_of: date) -> dict[str, dict[str, float | None]]:
    expected: dict[str, dict[str, float | None]] = {}
    for account in {purchase.account for purchase in purchases}:
        heard_of = [purchase for purchase in purchases if purchase.account == account and purchase.known < as_of]
        known = [purchase for purchase in heard_of if purchase.cancelled is None or purchase.cancelled >= as_of]
        days = sorted({purchase.day for purchase in known})
        gaps = [(later - earlier).days for earlier, later in itertools.pairwise(days)]
        if not heard_of:
            continue
        recent = {length: {p.article for p in known if p.day >= as_of - timedelta(days=length)} for length in (90, 365)}
        expected[account] = {
            "orders_lifetime": len(known),
            "days_since_last_order": (as_of - days[-1]).days if days else None,
            "order_gap_days": statistics.mean(gaps) if gaps else None,
            "order_gap_sd_days": statistics.stdev(gaps) if len(gaps) > 1 else None,
            "products_90d": len(recent[90]),
            "products_365d": len(recent[365]),
            "categories_90d": len({article[0] for article in recent[90]}),
            "categories_365d": len({article[0] for article in recent[365]}),
        }
    return expected


def _land(company: Company, purchases: list[tuple[int, Purchase]]) -> None:
    company.land(
        "erp",
        "order",
        "order_id account_id ordered_at known_at cancelled_at amount",
        [
            (
                str(number),
                one.account,
                f"{one.day} 12:00Z",
                f"{one.known} 12:00Z",
                one.cancelled and f"{one.cancelled} 12:00Z",
                1,
            )
            for number, one in purchases
        ],
    )
    company.land(
        "erp",
        "order_line",
        "order_line_id order_id product_id",
        [(str(number), str(number), one.article) for number, one in purchases],
    )


@pytest.mark.capability("B3", "B13")
def test_random_histories_in_one_build_and_in_two(new_company: Callable[[], Company]):
    purchases = list(enumerate(_history(11)))
    articles = sorted({one.article for _, one in purchases})
    half_known = [(number, replace(one, cancelled=None)) for number, one in purchases[::2]]
    for parts in ([purchases], [half_known, purchases]):
        company = new_company()
        company.land("erp", "product", "product_id category", [(article, article[0]) for article in articles])
        for part in parts:
            _land(company, part)
            company.build(*map(str, DATES))
        for as_of in LATER:
            company.build(str(as_of))
        # A cancellation that a later landing corrects in counts from the day of the build that saw it (decision 0030),
        # also where an earlier date is built again.
        as_it_stood = dict(purchases) | (dict(half_known) if parts[0] is half_known else {})
        for as_of in DATES + LATER:
            expected = _expected(list((as_it_stood if as_of < DATES[-1] else dict(purchases)).values()), as_of)
            found = {
                row.pop("account_id"): row
                for row in company.rows(
                    "select account_id, " + ", ".join(next(iter(expected.values()))) + " from marts.churn_features"
                    " join marts.customer_crosswalk using (customer_id) where as_of_date = %s",
                    as_of,
                )
            }
            assert len(found) > 40
            assert found.keys() == expected.keys()
            for account, row in expected.items():
                assert found[account] == pytest.approx(row, abs=1e-9), (account, as_of)
