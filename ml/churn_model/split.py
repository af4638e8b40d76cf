"""Rolling origin with a gap: each test looks back only at labels that had closed before its cut-off.

A label of as-of date `d` is known on `d + horizon`. A split that trains on every as-of date before the test cut-off `t`
would use labels whose windows reach past `t`: the model would be told what customers did in the very days it is asked
about. So an as-of date may train for `t` only if `d + horizon <= t`; the dates between `t - horizon` and `t` are the
gap, and take part in no fold as training. It is also how the champion lives: on scoring day the newest labels that
exist are a horizon old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from forewarn.errors import ModelRejected

TESTS = 6
FOUR_WEEKS = 28
HELD_OUT_PARTS = 5


@dataclass(frozen=True)
class Fold:
    """One test cut-off and the as-of dates whose label windows had closed by then, oldest first."""

    test: date
    train: tuple[date, ...]


def rolling_origin(dates: Sequence[date], *, horizon_days: int, tests: int = TESTS, every_days: int = 1) -> list[Fold]:
    """Return the newest `tests` folds that have something to train on, oldest first.

    Parameters
    ----------
    dates : sequence of date
        As-of dates with mature labels, in any order.
    horizon_days : int
        Length of the label window `[date, date + horizon_days)`.
    tests : int
        Greatest number of test cut-offs.
    every_days : int
        Where the dates are closer together, only those on a fixed grid of so many days are tests, like
        `Churn.training_dates`; all may train. Tests a few days apart are the same customers in the same weeks.

    Raises
    ------
    ModelRejected
        No date has another one at least a horizon before it.
    """
    ordered = sorted(set(dates))
    horizon = timedelta(days=horizon_days)
    folds = [Fold(test, tuple(day for day in ordered if day + horizon <= test)) for test in ordered]
    usable = [fold for fold in folds if fold.train]
    if not usable:
        raise ModelRejected(
            "rolling-origin evaluation",
            expected=f"two as-of dates at least {horizon_days} days apart, both with closed label windows",
            got=f"{len(ordered)} dates from {ordered[0]} to {ordered[-1]}" if ordered else "no dates",
            next_step="load more history, or raise churn.snapshots in forewarn.yml",
        )
    on_grid = [fold for fold in usable if fold.test.toordinal() % every_days == 0]
    return (on_grid or usable)[-tests:]


def spacing(snapshot_days: int, horizon_days: int) -> int:
    """Return the days between test cut-offs: whole steps of the snapshots, up to four weeks or the horizon.

    1 where the snapshots are no closer together than that: every date is a test.
    """
    steps = min(horizon_days, FOUR_WEEKS) // snapshot_days
    return snapshot_days * steps if steps > 1 else 1


def is_too_short(dates: Sequence[date], *, horizon_days: int) -> bool:
    """Whether no date has another one at least a horizon before it, so that time cannot be held out."""
    return not dates or max(dates) - min(dates) < timedelta(days=horizon_days)


def held_out_customers(numbers: npt.NDArray[np.int64]) -> list[npt.NDArray[np.bool_]]:
    """Return, for each of `HELD_OUT_PARTS` tests, which rows (n,) belong to customers that it holds out.

    For histories that are too short to hold out time: each customer is judged by a model that never saw them, though it
    saw their days. What that cannot tell is whether the causes of churn last.
    """
    # Customers are numbered in the order of their ids, which may follow their age; an odd multiplier mixes them.
    mixed = (numbers * 2_654_435_761) % 4_294_967_296 % HELD_OUT_PARTS
    return [mixed == part for part in range(HELD_OUT_PARTS)]
