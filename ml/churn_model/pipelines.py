"""The two scikit-learn Pipelines that take the whole feature matrix, and the average of models.

Each is one fitted artefact: guards, transforms and classifier together, so that nothing is fitted anew at scoring.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler

from churn_model.bg_nbd import BgNbd
from churn_model.calibration import log_odds, probability
from churn_model.features import NAMES
from churn_model.reader import Floats
from churn_model.rhythm import OwnRhythm

LARGEST_DEVIATION = 5.0
Labels = npt.NDArray[np.int8]


class ColumnGuard(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the columns that said something in training; drop those that were NULL throughout.

    A department that is not connected leaves its columns NULL, and histogram boosting crashes on such a column. The
    guard also remembers each column's median, the "typical customer" of the reasons.

    Attributes
    ----------
    names_, kept_ : ndarray of int
        Width of the input, and positions of the kept columns.
    medians_ : ndarray of float (n_features,)
        NaN for a dropped column.
    """

    def fit(self, X: Floats, y: object = None) -> Self:  # noqa: N803
        """Learn which columns hold values."""
        X = np.asarray(X, dtype=np.float64)  # noqa: N806
        known = ~np.isnan(X).all(axis=0)
        self.n_features_in_ = X.shape[1]
        self.kept_ = np.flatnonzero(known)
        self.medians_ = np.full(X.shape[1], np.nan)
        self.medians_[self.kept_] = np.nanmedian(X[:, self.kept_], axis=0)
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        """Return the kept columns (n_rows, n_kept)."""
        return np.asarray(X, dtype=np.float64)[:, self.kept_]


class SignedLog(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Compress counts and amounts of any sign: sign(x) · log(1 + |x|); NaN stays NaN."""

    def fit(self, X: Floats, y: object = None) -> Self:  # noqa: N803
        """Learn nothing but the width."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        """Return the compressed values."""
        compressed: Floats = np.sign(X) * np.log1p(np.abs(X))
        return compressed


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Hold scaled values within a few spreads of the middle, so that one odd customer cannot steer a linear score."""

    def fit(self, X: Floats, y: object = None) -> Self:  # noqa: N803
        """Learn nothing but the width."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803
        """Return the clipped values."""
        return np.clip(X, -LARGEST_DEVIATION, LARGEST_DEVIATION)


class LogitAverage(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The mean of models on the log-odds scale, where their contributions to a score add up as well.

    Parameters
    ----------
    logistic, boosting : Pipeline
    process : BgNbd, optional
        A purchase process that is averaged in as well.
    """

    def __init__(self, logistic: Pipeline, boosting: Pipeline, process: BgNbd | None = None) -> None:
        self.logistic, self.boosting, self.process = logistic, boosting, process

    @property
    def parts(self) -> list[Any]:
        """The models that are averaged."""
        return [part for part in (self.logistic, self.boosting, self.process) if part is not None]

    def fit(self, X: Floats, y: Labels) -> Self:  # noqa: N803
        """Fit each."""
        for part in self.parts:
            part.fit(X, y)
        return self.of_fitted()

    def of_fitted(self) -> Self:
        """Take the parts as they are, fitted already."""
        self.classes_ = self.logistic.classes_
        return self

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Return probabilities (n_rows, 2)."""
        churn = average(*(part.predict_proba(X)[:, 1] for part in self.parts))
        return np.column_stack([1 - churn, churn])


def average(*probabilities: Floats) -> Floats:
    """Return the probabilities whose log-odds are the mean of several models' log-odds."""
    total: Floats = np.sum([log_odds(one) for one in probabilities], axis=0)
    return probability(total / len(probabilities))


def logistic(horizon_days: int) -> Pipeline:
    """Logistic regression on compressed, imputed (with a flag for each gap), robustly scaled features."""
    return Pipeline(
        [
            ("rhythm", OwnRhythm(horizon_days)),
            ("guard", ColumnGuard()),
            ("log", SignedLog()),
            ("impute", SimpleImputer(strategy="median", add_indicator=True)),
            ("scale", RobustScaler()),
            ("clip", Clip()),
            ("classify", LogisticRegression(C=0.03, max_iter=1000)),
        ]
    )


def boosting(rows: int, horizon_days: int) -> Pipeline:
    """Regularised histogram boosting: shallow trees, large leaves, half of the columns a split.

    Early stopping is off: it would hold out random rows of the same customers and days, and so never stop in time.
    Leaves shrink with the training set, so that a small company still gets trees.
    """
    classifier = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=int(np.clip(rows // 100, 20, 100)),
        l2_regularization=10.0,
        max_features=0.5,
        early_stopping=False,
        random_state=0,
    )
    return Pipeline([("rhythm", OwnRhythm(horizon_days)), ("guard", ColumnGuard()), ("classify", classifier)])


def guard_of(model: Any) -> ColumnGuard:
    """Return the fitted guard of any candidate that may be champion."""
    pipeline = model.boosting if isinstance(model, LogitAverage) else model
    guard: ColumnGuard = pipeline.named_steps["guard"]
    return guard


def width_of(model: Any) -> int:
    """Return how many features a fitted model reads."""
    return int(model.boosting.n_features_in_ if isinstance(model, LogitAverage) else model.n_features_in_)


def typical(model: Any) -> dict[str, float]:
    """Return the median of each feature over the training rows, without those that were never known."""
    medians = guard_of(model).medians_[: len(NAMES)]
    return {name: float(value) for name, value in zip(NAMES, medians, strict=True) if not np.isnan(value)}
