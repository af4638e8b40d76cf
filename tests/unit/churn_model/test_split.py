"""The split never lets a label window reach past the test cut-off."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_model.split import rolling_origin
from forewarn.errors import ModelRejected

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
