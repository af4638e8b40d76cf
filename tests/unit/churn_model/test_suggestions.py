"""Rules are found where they were planted, and chance gives none."""

from __future__ import annotations

import numpy as np
import pytest

from churn_model.suggestions import mine


@pytest.mark.capability("C25")
def test_a_planted_rule_is_found_with_its_figures():
    random = np.random.default_rng(0)
    baskets = []
    for _ in range(1_000):
        basket = {int(one) for one in random.integers(4, 20, 3)}
        if random.random() < 0.2:
            basket |= {1, 2} | ({3} if random.random() < 0.8 else set())
        baskets.append(sorted(basket))
    rules = {(rule.bought, rule.suggested): rule for rule in mine(baskets, 19)}
    both = rules[(1, 2), 3]
    had = [basket for basket in baskets if {1, 2} <= set(basket)]
    bought = sum(3 in basket for basket in had)
    assert both.confidence == pytest.approx(bought / len(had))
    assert both.lift == pytest.approx(bought / len(had) / (sum(3 in basket for basket in baskets) / 1_000))
    assert both.buyers == bought
    assert all(len(rule.bought) <= 2 and rule.suggested not in rule.bought for rule in rules.values())
    ordered = [rule.confidence for rule in mine(baskets, 19)]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.capability("C25")
def test_articles_bought_independently_give_no_rule_beyond_chance():
    random = np.random.default_rng(1)
    baskets = [np.flatnonzero(random.random(6) < 0.5) + 1 for _ in range(3_000)]
    assert mine([basket.tolist() for basket in baskets if len(basket)], 6) == []


def test_too_few_buyers_give_no_rule():
    assert mine([[1, 2]] * 10, 2) == []
