"""The rule that a model must beat: who buys seldom and has not bought for long leaves first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_model.features import NAMES
from churn_model.reader import Floats

_RECENCY = NAMES.index("days_since_last_order")
_FREQUENCY = NAMES.index("orders_365d")


def recency_frequency(features: Floats) -> Floats:
    """Rank customers by silence and by the rarity of their orders, frequency counting twice.

    Frequency says more than recency about customers who are all recent enough to be eligible; with equal weights
    the rule is weaker on both public benchmarks, and a weak rule would flatter the models.

    Parameters
    ----------
    features : ndarray (n, len(NAMES))
        The customers of one as-of date.

    Returns
    -------
    ndarray (n,)
        In (0, 1]; a higher score means likelier to leave. It is a rank, not a probability.
    """
    silence = pd.Series(np.nan_to_num(features[:, _RECENCY], nan=np.inf)).rank().to_numpy()
    rarity = pd.Series(-np.nan_to_num(features[:, _FREQUENCY], nan=0.0)).rank().to_numpy()
    score: Floats = (silence + 2 * rarity) / (3 * len(features))
    return score
