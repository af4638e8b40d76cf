"""The definition of churn in `forewarn.yml`."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn.config.project import Churn

CHURN = Churn(definition="non_contractual", horizon_days=60, eligible_days=90, snapshot_days=30, snapshots=3)


@pytest.mark.capability("B3")
@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)), step=st.integers(1, 90))
def test_training_dates_stay_where_they_are_from_one_night_to_the_next(day: date, step: int) -> None:
    churn = CHURN.model_copy(update={"snapshot_days": step})
    tonight, tomorrow = churn.training_dates(day), churn.training_dates(day + timedelta(days=1))
    assert len(set(tomorrow) - set(tonight)) <= 1
    assert day - timedelta(days=step) <= tonight[0] < day
    assert {newer - older for newer, older in pairwise(tonight)} == {timedelta(days=step)}
