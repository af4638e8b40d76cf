"""Straighten a score's log-odds to what became of customers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from churn_model.reader import Floats

WEAK = 100.0  # inverse of the penalty on the slope


def log_odds(probability: Floats) -> Floats:
    """Return log(p / (1 - p)), with p held inside (0, 1)."""
    inside = np.clip(probability, 1e-9, 1 - 1e-9)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def probability(odds: Floats) -> Floats:
    """Return the probability of log-odds."""
    found: Floats = 1 / (1 + np.exp(-odds))
    return found


class Straightened(BaseEstimator):  # type: ignore[misc]
    """A straight line through log-odds (Platt 1999): it moves level and spread, and keeps the order of customers.

    Attributes
    ----------
    level_, slope_ : float
        A slope below 0 would turn the order round: it is held at 0.
    """

    def fit(self, score: Floats, y: npt.NDArray[Any]) -> Self:
        """Learn from probabilities (n,) and labels (n,) of both classes."""
        found = LogisticRegression(C=WEAK, max_iter=1000).fit(log_odds(score)[:, None], y)
        self.slope_ = max(0.0, float(found.coef_[0, 0]))
        self.level_ = float(found.intercept_[0])
        return self

    def transform(self, score: Floats) -> Floats:
        """Return the straightened probabilities (n,)."""
        return probability(self.level_ + self.slope_ * log_odds(score))
