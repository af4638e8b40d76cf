"""Weighted ranking and its interval."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn_model.resample import customer_weights, interval, weighted_auc


def test_each_resample_has_the_auc_of_the_customers_drawn_ties_included():
    random = np.random.default_rng(0)
    churned = (random.random(300) < 0.3).astype(np.int8)
    score = np.round(random.random(300) + 0.3 * churned, 1)
    weights = customer_weights(300, resamples=30, seed=1)
    found = weighted_auc(churned, score, weights)
    expected = [roc_auc_score(churned, score, sample_weight=row) for row in weights]
    assert found == pytest.approx(expected)
    assert weights[0].tolist() == [1] * 300
    assert set(weights[1:].sum(axis=1)) == {300}


def test_a_resample_without_a_leaver_is_left_out_of_the_interval():
    found = weighted_auc(
        np.array([0, 0, 1], dtype=np.int8), np.array([0.1, 0.2, 0.3]), np.array([[1, 1, 1], [2, 1, 0]])
    )
    assert found[0] == 1
    assert np.isnan(found[1])
    assert interval(found) == (1, 1)


def test_the_interval_covers_what_chance_gives():
    random = np.random.default_rng(3)
    churned, score = (random.random(2_000) < 0.5).astype(np.int8), random.random(2_000)
    low, high = interval(weighted_auc(churned, score, customer_weights(2_000)))
    assert low < 0.5 < high
    assert 0.02 < high - low < 0.08
