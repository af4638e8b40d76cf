"""The split never lets a label window reach past the test cut-off."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_model.split import rolling_origin, spacing
from forewarn.config.project import Churn
from forewarn.errors import ModelRejected

CHURN = Churn(definition="non_contractual", horizon_days=28, eligible_days=56, snapshot_days=14, snapshots=12)
DATES = st.lists(st.dates(date(2020, 1, 1), date(2024, 1, 1)), min_size=1, max_size=30, unique=True)


@given(dates=DATES, horizon=st.integers(1, 400), tests=st.integers(1, 8))
def test_no_training_label_window_reaches_past_the_test_cut_off(dates, horizon, tests):
    try:
        folds = rolling_origin(dates, horizon_days=horizon, tests=tests)
    except ModelRejected:
        assert (max(dates) - min(dates)).days < horizon
        return
    assert 1 <= len(folds) <= tests
    for fold in folds:
        assert fold.train
        assert all(day + timedelta(days=horizon) <= fold.test for day in fold.train)
        closed = {day for day in dates if day + timedelta(days=horizon) <= fold.test}
        assert set(fold.train) == closed, "a label that had closed was left out"
    assert [fold.test for fold in folds] == sorted(fold.test for fold in folds)


def test_the_newest_dates_are_tested_and_the_gap_is_left_out():
    first = date(2026, 1, 1)
    dates = [first + timedelta(days=30 * n) for n in range(6)]
    folds = rolling_origin(dates, horizon_days=60, tests=2)
    assert [fold.test for fold in folds] == dates[4:]
    assert folds[0].train == tuple(dates[:3])
    assert folds[1].train == tuple(dates[:4])


def test_a_label_window_that_closes_on_the_cut_off_may_train():
    folds = rolling_origin([date(2026, 1, 1), date(2026, 3, 2)], horizon_days=60)
    assert folds[0].train == (date(2026, 1, 1),)
    with pytest.raises(ModelRejected, match="61 days apart"):
        rolling_origin([date(2026, 1, 1), date(2026, 3, 2)], horizon_days=61)


def test_no_dates_are_rejected():
    with pytest.raises(ModelRejected, match="got no dates"):
        rolling_origin([], horizon_days=30)


@pytest.mark.parametrize(
    ("snapshot_days", "horizon", "expected"),
    [(14, 28, 28), (7, 90, 28), (30, 60, 1), (28, 28, 1), (7, 14, 14), (10, 90, 20)],
)
def test_dense_dates_are_tested_four_weeks_apart_at_most(snapshot_days, horizon, expected):
    assert spacing(snapshot_days, horizon) == expected


def test_tests_of_dense_dates_stand_on_a_fixed_grid_and_all_dates_train():
    dates = CHURN.training_dates(date(2026, 6, 1))
    folds = rolling_origin(dates, horizon_days=28, tests=3, every_days=28)
    later = rolling_origin(CHURN.training_dates(date(2026, 6, 15)), horizon_days=28, tests=9, every_days=28)
    assert {(after.test - before.test).days for before, after in pairwise(folds)} == {28}
    assert {fold.test for fold in folds} <= {fold.test for fold in later}, "the grid stays as dates are added"
    assert all((b - a).days == 14 for fold in folds for a, b in pairwise(fold.train))
