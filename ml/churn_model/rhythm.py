"""How a silence looks against the customer's own rhythm, from what the features tell of it.

Gaps between purchases are taken as gamma distributed (Platzer & Reutterer 2016, Ticking Away the Moments: Timing
Regularity Helps to Better Predict Customer Activity), with the customer's own mean and regularity. A regular buyer's
silence of twice the mean gap says much, an erratic one's little: neither a sum of features nor a few splits tell that.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import gammaincc
from sklearn.base import BaseEstimator, TransformerMixin

from churn_model.features import NAMES
from churn_model.reader import Floats

INPUTS = ("days_since_last_order", "order_gap_days", "order_gap_sd_days", "orders_lifetime")
PLACES = [NAMES.index(name) for name in INPUTS]
SPEAKER = NAMES.index("order_gap_ratio")  # whose sentence tells of the rhythm in a reason
PRIOR_GAPS = 3  # of chance, by which few gaps of a customer are held back
LEAST_SPREAD = 0.05
SHAPES = (0.2, 12.0)
LEAST = 1e-12


class OwnRhythm(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Append what a customer's own rhythm foretells: three columns behind those of `features.NAMES`.

    The logarithms of the probability of a gap as long as the silence, and, given that, of one that lasts through the
    horizon as well; and how regular the gaps are, 1 for chance. NaN where no two purchases tell of a gap.

    Parameters
    ----------
    horizon_days : int
    """

    def __init__(self, horizon_days: int) -> None:
        self.horizon_days = horizon_days

    def fit(self, X: Floats, y: object = None) -> Self:  # noqa: N803
        """Learn nothing but the width."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        """Return (n_rows, n_features + 3)."""
        X = np.asarray(X, dtype=np.float64)  # noqa: N806
        silent, mean, spread, orders = X[:, PLACES].T
        mean = np.where(mean > 0, mean, np.nan)
        gaps = np.maximum(np.nan_to_num(orders, nan=1.0) - 1, 0)
        # The squared spread relative to the mean is 1 for chance; it is what few gaps are held back to.
        relative = np.nan_to_num((spread / mean) ** 2, nan=1.0)
        relative = (gaps * relative + PRIOR_GAPS) / (gaps + PRIOR_GAPS)
        shape = np.where(np.isnan(mean), np.nan, np.clip(1 / np.maximum(relative, LEAST_SPREAD), *SHAPES))
        scale = mean / shape
        so_far, through = (
            np.log(np.maximum(gammaincc(shape, days / scale), LEAST)) for days in (silent, silent + self.horizon_days)
        )
        return np.column_stack([X, so_far, through - so_far, shape])
