"""The candidates take what a warehouse can hold: unconnected departments, gaps, amounts of any sign."""

import numpy as np
import pytest
from unfitted import candidate

from churn_model.features import NAMES
from churn_model.pipelines import ColumnGuard, SignedLog, average, guard_of, typical


def _data(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    features = np.full((rows, len(NAMES)), np.nan)
    features[:, :12] = random.gamma(2.0, 10.0, (rows, 12))
    features[random.random(rows) < 0.3, 3] = np.nan
    churned = (random.random(rows) < 1 / (1 + np.exp(3 - 0.1 * features[:, 0]))).astype(np.int8)
    return features, churned


@pytest.mark.parametrize("name", ["logistic", "boosting", "average"])
def test_columns_that_are_null_throughout_training_are_dropped_not_fatal(name):
    features, churned = _data()
    model = candidate(name, len(features)).fit(features, churned)
    own_rhythm = range(len(NAMES), len(NAMES) + 3)
    assert guard_of(model).kept_.tolist() == [*range(12), *own_rhythm]
    probabilities = model.predict_proba(features)
    assert probabilities.shape == (len(features), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("name", ["logistic", "boosting", "average"])
def test_a_department_connected_after_training_changes_no_score(name):
    features, churned = _data()
    model = candidate(name, len(features)).fit(features, churned)
    later = features.copy()
    later[:, 40] = 7.0
    np.testing.assert_array_equal(model.predict_proba(later), model.predict_proba(features))


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_column_that_goes_null_after_training_still_scores(name):
    features, churned = _data()
    model = candidate(name, len(features)).fit(features, churned)
    later = features.copy()
    later[:, 5] = np.nan
    assert np.isfinite(model.predict_proba(later)).all()


def test_training_twice_gives_the_same_scores():
    features, churned = _data()
    first, second = (candidate("average", 600).fit(features, churned).predict_proba(features) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_guard_remembers_the_typical_customer():
    features = np.full((3, len(NAMES)), np.nan)
    features[:, 0] = [10, 30, np.nan]
    guard = ColumnGuard().fit(features)
    assert guard.medians_[0] == 20
    assert np.isnan(guard.medians_[1])


def test_the_typical_customer_leaves_out_what_was_never_known():
    features, churned = _data()
    known = typical(candidate("boosting", 600).fit(features, churned))
    assert set(known) == set(NAMES[:12])
    assert known[NAMES[0]] == pytest.approx(np.median(features[:, 0]))


def test_the_average_is_taken_of_log_odds():
    # log-odds of .8 and .5 are log 4 and 0; their mean is log 2, a probability of 2/3.
    np.testing.assert_allclose(average(np.array([0.8]), np.array([0.5])), [2 / 3])


def test_signed_log_keeps_sign_zero_and_gaps():
    values = SignedLog().fit_transform(np.array([[-np.e + 1, 0.0, np.e - 1, np.nan]]))
    np.testing.assert_allclose(values, [[-1, 0, 1, np.nan]])
