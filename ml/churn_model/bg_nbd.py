"""BG/NBD: how likely a customer has stopped buying, from frequency, recency and age alone.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing
Science 24(2). A living customer buys at a rate of its own; after each purchase it may stop for good, with a
probability of its own. Rates follow a gamma distribution, probabilities a beta distribution.
"""

from __future__ import annotations

from itertools import product
from math import comb
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln
from sklearn.base import BaseEstimator, ClassifierMixin

from churn_model.calibration import Straightened, log_odds
from churn_model.features import NAMES
from churn_model.reader import Floats

INPUTS = ("tenure_days", "orders_lifetime", "days_since_last_order", "order_gap_days")
PLACES = [NAMES.index(name) for name in INPUTS]
MOST_FITTED = 20_000
DAYS_A_WEEK = 7.0
WIDEST = 12.0  # logarithm of the largest parameter: beyond it the distribution is a point


def purchases(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Return repeat purchase days, and weeks from the first purchase to the last one and to the as-of date.

    Parameters
    ----------
    features : ndarray (n, len(NAMES))

    Returns
    -------
    frequency, recency, age : ndarray (n,)
        NaN for customers without a purchase.
    """
    tenure, orders, silent, gap = features[:, PLACES].T
    # Several orders on one day are one purchase. The mean gap tells their number where the tenure begins with the first
    # purchase; where the account is older, the number of orders bounds it.
    with np.errstate(invalid="ignore", divide="ignore"):
        days = np.round((tenure - silent) / gap)
    repeats = np.where(np.isnan(gap), 0.0, np.fmin(orders - 1, days))
    frequency = np.where(np.isnan(silent), np.nan, np.maximum(repeats, 0.0))
    recency = np.where(frequency > 0, frequency * gap, 0.0)
    return frequency, recency / DAYS_A_WEEK, (recency + silent) / DAYS_A_WEEK


class BgNbd(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The probability of no purchase within the horizon.

    Parameters
    ----------
    horizon_days : int
        Length of the label window.

    Attributes
    ----------
    parameters_ : ndarray (4,)
        r and alpha of the purchase rates (a week), a and b of the probability to stop.
    typical_ : ndarray (4,)
        Median of each of `INPUTS` in training.
    straight_ : Straightened
        Log-odds as the closed labels of training had them: the model is fitted on customers who were active lately, who
        are not all customers.
    """

    def __init__(self, horizon_days: int) -> None:
        self.horizon_days = horizon_days

    def fit(self, X: Floats, y: npt.NDArray[np.int8]) -> Self:  # noqa: N803
        """Fit the process, and straighten it to the labels of both classes.

        Raises
        ------
        ValueError
            No customer bought twice.
        """
        self.fit_process(X)
        self.straight_ = Straightened().fit(self.no_purchase(X), y)
        self.n_features_in_, self.classes_ = X.shape[1], np.array([0, 1])
        return self

    def fit_process(self, X: Floats) -> Self:  # noqa: N803
        """Fit by maximum likelihood, without labels, on at most `MOST_FITTED` rows evenly taken.

        Raises
        ------
        ValueError
            No customer bought twice.
        """
        known = np.column_stack(purchases(X))
        known = known[~np.isnan(known).any(axis=1)]
        if not (known[:, 0] > 0).any():
            raise ValueError("no customer bought twice")
        known = known[:: -(-len(known) // MOST_FITTED)]
        self.typical_ = np.nanmedian(X[:, PLACES], axis=0)
        start = np.log([1.0, known[:, 2].mean() + 1, 1.0, 2.0])
        found = minimize(
            lambda log: -_log_likelihood(np.exp(log), *known.T).mean(),
            start,
            method="L-BFGS-B",
            bounds=[(-WIDEST, WIDEST)] * 4,
        )
        self.parameters_ = np.exp(found.x)
        return self

    def no_purchase(self, X: Floats) -> Floats:  # noqa: N803
        """Return the model's own probability (n,) of no purchase within the horizon; 1 for who never bought."""
        frequency, recency, age = purchases(X)
        r, alpha, _, _ = self.parameters_
        weeks = self.horizon_days / DAYS_A_WEEK
        silent = np.exp((r + frequency) * np.log((alpha + age) / (alpha + age + weeks)))
        left = 1 - _alive(self.parameters_, frequency, recency, age) * (1 - silent)
        known: Floats = np.nan_to_num(left, nan=1.0)
        return known

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Return probabilities (n_rows, 2)."""
        churn = self.straight_.transform(self.no_purchase(X))
        return np.column_stack([1 - churn, churn])

    def contributions(self, X: Floats) -> Floats:  # noqa: N803
        """Return what each feature adds to the log-odds against a customer who is typical in all of `INPUTS`.

        Shapley values (Shapley 1953), exact: each input's part is its mean effect over all orders in which the typical
        values could be replaced by the customer's own.

        Returns
        -------
        ndarray (n, n_features)
            Zero for all but the inputs.
        """
        own, count = X[:, PLACES], len(PLACES)
        asked = np.full(X.shape, np.nan)
        value = {}
        for chosen in product((False, True), repeat=count):
            asked[:, PLACES] = np.where(chosen, own, self.typical_)
            value[chosen] = log_odds(self.predict_proba(asked)[:, 1])
        spread = np.zeros(X.shape)
        for place, column in enumerate(PLACES):
            for chosen, without in value.items():
                if not chosen[place]:
                    weight = 1 / (count * comb(count - 1, sum(chosen)))
                    spread[:, column] += weight * (value[(*chosen[:place], True, *chosen[place + 1 :])] - without)
        return spread


def _log_likelihood(parameters: Floats, frequency: Floats, recency: Floats, age: Floats) -> Floats:
    r, alpha, a, b = parameters
    bought = frequency > 0
    shared = gammaln(r + frequency) - gammaln(r) + r * np.log(alpha) + betaln(a, b + frequency) - betaln(a, b)
    alive = -(r + frequency) * np.log(alpha + age)
    stopped = np.log(a) - np.log(b + np.maximum(frequency, 1) - 1) - (r + frequency) * np.log(alpha + recency)
    likelihood: Floats = shared + np.where(bought, np.logaddexp(alive, stopped), alive)
    return likelihood


def _alive(parameters: Floats, frequency: Floats, recency: Floats, age: Floats) -> Floats:
    r, alpha, a, b = parameters
    odds = np.log(a / (b + np.maximum(frequency, 1) - 1)) + (r + frequency) * np.log((alpha + age) / (alpha + recency))
    alive: Floats = np.where(frequency > 0, 1 / (1 + np.exp(np.minimum(odds, 500.0))), 1.0)
    return alive
