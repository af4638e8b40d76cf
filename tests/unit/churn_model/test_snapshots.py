"""Which dates a model may learn from: those of whose customers the source tells who left."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from churn_model.features import NAMES
from churn_model.snapshots import EPOCH, Snapshots, _where_leaving_is_told

DAYS = [0, 30, 60, 90]


@pytest.mark.parametrize(
    ("leavers", "kept"),
    [
        ({60: 15, 90: 20}, [60, 90]),  # told of within one horizon: before it nobody is known to have left
        ({0: 15, 90: 20}, DAYS),  # told of all the time
        ({60: 5, 90: 6}, DAYS),  # few leave: that nobody did is no surprise
        ({}, DAYS),
    ],
)
def test_dates_before_a_source_tells_who_left_are_no_dates_on_which_all_stayed(
    leavers: dict[int, int], kept: list[int]
) -> None:
    days = np.repeat(DAYS, 50)
    churned = np.concatenate([np.arange(50) < leavers.get(day, 0) for day in DAYS]).astype(np.int8)
    numbers = np.tile(np.arange(50), len(DAYS))
    snapshots = Snapshots(days, np.zeros((len(days), len(NAMES))), churned, 45, 50, numbers)
    told = _where_leaving_is_told(snapshots)
    assert told.dates == [EPOCH + timedelta(days=day) for day in kept]
    assert told.churned.sum() == sum(leavers.values())
