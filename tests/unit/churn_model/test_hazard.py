"""One fit for every horizon: against a hazard of known form."""

import numpy as np
import pytest

from churn_model.economy import one_thread
from churn_model.features import NAMES
from churn_model.followup import follow
from churn_model.hazard import HORIZONS, Hazard, periods
from churn_model.pipelines import boosting

ENDS = [30, 60, 90, 180]


def _company(customers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, days to an event at a rate that the first feature sets, and days of follow-up of 60 to 240."""
    random = np.random.default_rng(5)
    features = np.full((customers, len(NAMES)), np.nan)
    features[:, 0] = random.integers(0, 2, customers)
    rate = np.where(features[:, 0] > 0, 1 / 40, 1 / 200)
    event, followed = random.exponential(1 / rate), random.integers(2, 9, customers) * 30.0
    return features, np.where(event <= followed, event, np.inf), followed


@pytest.fixture(scope="module")
def fitted():
    with one_thread():
        yield Hazard(ENDS, 60, event_is_churn=True).fit(*_company(2000))


ROWS = np.full((2, len(NAMES)), np.nan)
ROWS[:, 0] = [0, 1]


def test_every_horizon_has_the_planted_probability(fitted):
    outlook = fitted.outlook(ROWS)
    for days in HORIZONS:
        np.testing.assert_allclose(outlook[str(days)], 1 - np.exp(-days / np.array([200, 40])), atol=0.08)
    np.testing.assert_allclose(fitted.predict_proba(ROWS)[:, 1], outlook["60"])


def test_the_expected_time_is_the_restricted_mean(fitted):
    mean = np.array([200, 40])
    np.testing.assert_allclose(fitted.outlook(ROWS)["expected_days"], mean * (1 - np.exp(-180 / mean)), rtol=0.12)


def test_horizons_never_cross_and_reach_beyond_and_between_the_periods(fitted):
    within = np.column_stack([fitted.within(ROWS, days) for days in (1, 15, 30, 45, 75, 180, 365)])
    assert (np.diff(within, axis=1) > 0).all()
    assert (within > 0).all()
    assert (within < 1).all()


def test_where_a_purchase_is_the_event_its_absence_is_churn(fitted):
    bought = Hazard(ENDS, 60, event_is_churn=False)
    bought.classifier_ = fitted.classifier_
    np.testing.assert_allclose(bought.within(ROWS, 60), 1 - fitted.within(ROWS, 60))


def test_rows_that_nobody_followed_teach_nothing():
    features, event, _ = _company(50)
    with pytest.raises(ValueError, match="not followed long enough"):
        Hazard(ENDS, 60, event_is_churn=True).fit(features, event, np.zeros(50))


def test_one_fit_says_of_its_horizon_what_a_model_of_that_alone_says(fitted):
    features, event, followed = _company(2000)
    whole = followed >= 60
    alone = boosting(2000, 60).fit(features[whole], (event[whole] <= 60).astype(np.int8))
    np.testing.assert_allclose(fitted.predict_proba(ROWS)[:, 1], alone.predict_proba(ROWS)[:, 1], atol=0.05)


@pytest.mark.parametrize(
    ("spacing", "horizon", "expected"),
    [(30, 60, [30, 60, 90, 180]), (28, 28, [28, 56, 84, 168]), (365, 92, [365]), (30, 120, [30, 60, 90, 120, 180])],
)
def test_periods_end_on_the_grid_of_the_snapshots(spacing, horizon, expected):
    assert periods(spacing, horizon) == expected


def test_the_next_purchase_is_read_off_the_later_dates():
    # One customer on days 0, 30, 60: silent for 5, 12, 42 days. Bought after 0 (seen on day 30), not after 30.
    states = np.array([[0, 5.0], [30, 12.0], [60, 42.0]])
    event, followed = follow(
        np.zeros(3, dtype=np.int64), np.array([0, 30, 60]), np.zeros(3, dtype=np.int64), states, event_is_churn=False
    )
    assert event.tolist() == [30, np.inf, np.inf]
    assert followed.tolist() == [60, 30, 0]


def test_the_end_of_a_contract_is_the_first_date_without_one():
    states = np.array([[0, 1.0], [30, 1.0], [60, 0.0], [90, 0.0]])
    event, followed = follow(
        np.zeros(2, dtype=np.int64), np.array([0, 30]), np.zeros(4, dtype=np.int64), states, event_is_churn=True
    )
    assert event.tolist() == [60, 30]
    assert followed.tolist() == [90, 60]
