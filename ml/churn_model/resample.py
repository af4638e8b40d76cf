"""How sure a figure is that was measured on some customers: the same figure on many resamples of them.

The bootstrap of Efron (1979), by whole customers: one who was judged on several dates is drawn with all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from churn_model.reader import Floats

RESAMPLES = 200
INTERVAL = (2.5, 97.5)  # per cent
CHUNK = 20


def customer_weights(customers: int, *, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Return how often each customer is drawn: (1 + resamples, customers), the first row once each."""
    random = np.random.default_rng(seed)
    drawn = random.multinomial(customers, np.full(customers, 1 / customers), size=resamples)
    return np.vstack([np.ones(customers), drawn])


def weighted_auc(churned: npt.NDArray[np.int8], score: Floats, weights: Floats) -> Floats:
    """Return the area under the ROC curve for each row of weights (resamples, n); ties count half.

    NaN where a resample drew no leaver or no stayer.
    """
    order = np.argsort(score, kind="stable")
    ranked, left = score[order], churned[order].astype(bool)
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    result = np.empty(len(weights))
    for first in range(0, len(weights), CHUNK):
        drawn = weights[first : first + CHUNK][:, order]
        leavers = np.add.reduceat(drawn * left, starts, axis=1)
        stayers = np.add.reduceat(drawn * ~left, starts, axis=1)
        below = np.cumsum(stayers, axis=1) - stayers / 2
        pairs = leavers.sum(axis=1) * stayers.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            result[first : first + CHUNK] = (leavers * below).sum(axis=1) / pairs
    return result


def interval(values: Floats) -> tuple[float, float]:
    """Return the bounds of 95% of the resamples, those that could not be measured left out."""
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
