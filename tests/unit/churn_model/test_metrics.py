"""Figures computed by hand."""

import numpy as np
import pytest

from churn_model.metrics import measure, precision_at

CHURNED = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0])


def test_lift_of_a_ranking_by_hand():
    # 20 customers, 4 leave: base rate 0.2. The top two hold one leaver: precision 0.5, lift 2.5.
    score = np.linspace(1, 0.05, 20)
    figures = measure(CHURNED, score)
    assert figures.precision_at_10 == 0.5
    assert figures.lift_at_10 == pytest.approx(2.5)


def test_auc_and_brier_by_hand():
    # Pairs (leaver, stayer): .9>.8, .9>.1, .4<.8, .4>.1 → 3 of 4. Brier: (.01 + .64 + .36 + .01) / 4.
    figures = measure(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.4, 0.1]))
    assert figures.auc == 0.75
    assert figures.brier == pytest.approx(0.255)
    # Recall rises at ranks 1 (precision 1) and 3 (precision 2/3).
    assert figures.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_at_the_border_count_with_their_average_in_any_order():
    score = np.array([0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    churned = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    # Two places: the first is a leaver, the second one of four with a quarter of leavers.
    assert precision_at(churned, score, 0.2) == pytest.approx((1 + 0.25) / 2)
    shuffled = np.random.default_rng(0).permutation(10)
    assert precision_at(churned[shuffled], score[shuffled], 0.2) == pytest.approx(0.625)


def test_a_rule_that_is_no_probability_has_no_brier_score():
    assert measure(CHURNED, np.arange(20.0), probability=False).brier is None
