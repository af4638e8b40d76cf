"""The recency-frequency rule, by hand."""

import numpy as np

from churn_model.baseline import recency_frequency
from churn_model.features import NAMES


def _customers(silent: list[float], orders: list[float]) -> np.ndarray:
    features = np.full((len(silent), len(NAMES)), np.nan)
    features[:, NAMES.index("days_since_last_order")] = silent
    features[:, NAMES.index("orders_365d")] = orders
    return features


def test_the_score_is_the_rank_of_silence_and_twice_the_rank_of_rarity():
    # Silence ranks 1 3 2; rarity (fewest orders highest) ranks 1 2 3.
    score = recency_frequency(_customers([5, 90, 30], [40, 10, 2]))
    np.testing.assert_allclose(score, [(1 + 2) / 9, (3 + 4) / 9, (2 + 6) / 9])


def test_equal_customers_share_their_rank():
    score = recency_frequency(_customers([10, 10], [3, 3]))
    assert score[0] == score[1] == 0.75


def test_a_customer_without_any_order_is_the_most_at_risk():
    score = recency_frequency(_customers([5, np.nan], [9, np.nan]))
    assert score[1] > score[0]
