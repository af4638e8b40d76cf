"""What a silence says depends on the customer's own rhythm."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import gamma

from churn_model.features import NAMES
from churn_model.rhythm import INPUTS, OwnRhythm

HORIZON = 60


def _told(*customers: tuple[float, float, float, float]) -> np.ndarray:
    """Return the three columns of customers given by silence, mean gap, its spread, and orders."""
    features = np.full((len(customers), len(NAMES)), np.nan)
    features[:, [NAMES.index(name) for name in INPUTS]] = customers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = OwnRhythm(HORIZON).fit(features).transform(features)
    np.testing.assert_array_equal(made[:, : len(NAMES)], features)
    return made[:, len(NAMES) :]


@pytest.mark.capability("B13")
def test_an_equal_silence_says_more_of_the_regular_buyer_and_of_the_frequent_one():
    regular, erratic, weekly, yearly = _told((40, 20, 5, 30), (40, 20, 30, 30), (40, 7, 7, 50), (40, 365, 365, 5))[:, 0]
    assert regular < erratic < np.log(0.2)
    assert weekly < -4
    assert yearly > np.log(0.85)


def test_the_probabilities_are_those_of_a_gamma_distribution_of_the_own_gaps():
    # So many orders that the prior has nothing to say: mean 20 and spread 10 are shape 4 and scale 5.
    so_far, through, shape = _told((30, 20, 10, 1e9))[0]
    gap = gamma(4, scale=5)
    assert shape == pytest.approx(4)
    assert so_far == pytest.approx(np.log(gap.sf(30)))
    assert through == pytest.approx(np.log(gap.sf(30 + HORIZON) / gap.sf(30)))


def test_few_gaps_are_held_back_to_chance():
    few, many = _told((30, 20, 1, 2), (30, 20, 1, 100))[:, 2]
    assert few < 1.5
    assert many > 8


def test_what_is_unknown_or_impossible_is_unknown_and_nothing_is_infinite():
    told = _told((30, np.nan, np.nan, 1), (np.nan, 20, 5, 9), (30, 0, 0, 9), (4000, 1, 0, 400), (30, 20, np.nan, 3))
    assert np.isnan(told[[0, 2]]).all()
    assert np.isnan(told[1, :2]).all()
    assert np.isfinite(told[3:]).all()
