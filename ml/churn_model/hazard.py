"""A discrete-time hazard model: one fit tells every horizon and the expected time.

Time from the as-of date is cut into periods; the model learns the probability that the event happens in a period, given
that it has not happened before (Singer & Willett 1993, It's About Time: Using Discrete-Time Survival Analysis).
A customer who was followed for less than a horizon still teaches the periods that it was followed through.

The event is the next purchase where churn is its absence, and the end of the contract where churn is that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from churn_model.pipelines import boosting
from churn_model.reader import Floats

HORIZONS = (30, 60, 90, 180)
MOST_ROWS = 30_000
BATCH_ROWS = 10_000


class Hazard(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The probability of churn within any horizon.

    Parameters
    ----------
    ends : sequence of int
        Last day of each period, counted from the as-of date, rising.
    horizon_days : int
        The horizon of `predict_proba`.
    event_is_churn : bool
        True where the event ends a contract, False where it is a purchase.

    Attributes
    ----------
    classifier_ : Pipeline
        Reads the features and the period's number.
    """

    def __init__(self, ends: Sequence[int], horizon_days: int, event_is_churn: bool) -> None:
        self.ends, self.horizon_days, self.event_is_churn = ends, horizon_days, event_is_churn

    def fit(self, X: Floats, event_days: Floats, followed_days: Floats) -> Self:  # noqa: N803
        """Learn from rows that were followed for some time.

        Parameters
        ----------
        X : ndarray (n, n_features)
        event_days : ndarray (n,)
            Days to the event; inf where none was seen.
        followed_days : ndarray (n,)
            Days through which the row was followed.

        Raises
        ------
        ValueError
            Nobody was followed through the first period, or no event was seen, or nothing else.
        """
        rows, periods, happened = [], [], []
        before = 0.0
        for number, end in enumerate(self.ends):
            at_risk = np.flatnonzero((followed_days >= end) & (event_days > before))
            rows.append(at_risk)
            periods.append(np.full(len(at_risk), float(number)))
            happened.append(event_days[at_risk] <= end)
            before = float(end)
        taken, outcome = np.concatenate(rows), np.concatenate(happened).astype(np.int8)
        if len(np.unique(outcome)) < 2:
            raise ValueError("customers were not followed long enough to see the event both happen and not happen")
        # Whole periods of evenly taken rows, so that a long history costs no more than a shorter one.
        step = -(-len(taken) // MOST_ROWS)
        matrix = np.column_stack([X[taken[::step]], np.concatenate(periods)[::step]])
        self.classifier_ = boosting(len(matrix), self.horizon_days).fit(matrix, outcome[::step])
        self.n_features_in_, self.classes_ = X.shape[1], np.array([0, 1])
        return self

    def survival(self, X: Floats) -> Floats:  # noqa: N803
        """Return the probability (n, len(ends)) that the event has not happened by each period's end."""
        survived: Floats = np.empty((len(X), len(self.ends)))
        for start in range(0, len(X), BATCH_ROWS):
            # All periods of a batch at once: each of the trees is asked once, and not once a period.
            batch = X[start : start + BATCH_ROWS]
            numbers = np.repeat(np.arange(float(len(self.ends))), len(batch))
            asked = np.column_stack([np.tile(batch, (len(self.ends), 1)), numbers])
            hazards = self.classifier_.predict_proba(asked)[:, 1].reshape(len(self.ends), len(batch))
            survived[start : start + BATCH_ROWS] = np.cumprod(1 - hazards, axis=0).T
        return survived

    def within(self, X: Floats, days: int) -> Floats:  # noqa: N803
        """Return the probability (n,) of churn within so many days; the hazard is even within a period."""
        return self._churned(self._at(self.survival(X), days))

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Return probabilities (n_rows, 2) of churn within the horizon."""
        churn = self.within(X, self.horizon_days)
        return np.column_stack([1 - churn, churn])

    def outlook(self, X: Floats) -> dict[str, Floats]:  # noqa: N803
        """Return the probability (n,) of churn within each of `HORIZONS`, and `expected_days`.

        `expected_days` is the mean time to the event within the longest horizon (restricted mean): to the end of the
        contract, or to the next purchase.
        """
        survived = self.survival(X)
        found = {str(days): self._churned(self._at(survived, days)) for days in HORIZONS}
        steps = np.linspace(0, HORIZONS[-1], 37)
        curve = np.column_stack([self._at(survived, day) for day in steps])
        found["expected_days"] = np.asarray(np.trapezoid(curve, steps, axis=1))
        return found

    def _at(self, survived: Floats, days: float) -> Floats:
        """Return survival (n,) at a day, by even hazard between the periods' ends and the last one's beyond them."""
        ends = np.concatenate([[0.0], np.asarray(self.ends, dtype=np.float64)])
        logs = np.column_stack([np.zeros(len(survived)), np.log(np.maximum(survived, 1e-12))])
        place = int(np.clip(np.searchsorted(ends, days), 1, len(ends) - 1))
        share = (days - ends[place - 1]) / (ends[place] - ends[place - 1])
        at: Floats = np.exp(logs[:, place - 1] + share * (logs[:, place] - logs[:, place - 1]))
        return at

    def _churned(self, survived: Floats) -> Floats:
        return 1 - survived if self.event_is_churn else survived


def periods(snapshot_days: int, horizon_days: int) -> list[int]:
    """Return the ends of the periods: the multiples of the snapshots' spacing nearest to each horizon."""
    return sorted({snapshot_days * max(1, round(days / snapshot_days)) for days in (*HORIZONS, horizon_days)})
