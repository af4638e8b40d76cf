"""Candidates for a table of any columns: how strongly they are held back is chosen within the training rows.

Each chooses on a quarter of its training rows by log loss, and is then fitted on all of them: the rows that it is
judged by take no part.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

from churn_model.calibration import log_odds, probability
from churn_model.reader import Floats

PENALTIES = (0.01, 0.1, 1.0)
TREES = ({"max_leaf_nodes": 4, "max_iter": 300}, {"max_leaf_nodes": 8}, {"max_leaf_nodes": 16})
RULE = "one column"
PRIOR_ROWS = 10
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)

Labels = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


def curves(categorical: Mask, penalty: float) -> Pipeline:
    """Logistic regression on smooth curves of each number and a level for each category (an additive model)."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        SplineTransformer(n_knots=5, knots="quantile", extrapolation="constant"),
        StandardScaler(),
    )
    levels = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("numbers", numbers, ~categorical), ("levels", levels, categorical)])
    return make_pipeline(columns, LogisticRegression(C=penalty, max_iter=2000))


def trees(categorical: Mask, rows: int, size: dict[str, int]) -> HistGradientBoostingClassifier:
    """Histogram boosting that splits categories as such."""
    options: dict[str, Any] = {"learning_rate": 0.05, "max_iter": 150, "l2_regularization": 10.0, "max_features": 0.5}
    return HistGradientBoostingClassifier(
        categorical_features=categorical,
        min_samples_leaf=int(np.clip(rows // 100, 5, 20)),
        early_stopping=False,
        random_state=0,
        **(options | size),
    )


class OneColumn:
    """The simple rule of a table: the share of leavers by the column that tells them apart best, a number in ten parts.

    Attributes
    ----------
    column_ : int
    """

    def __init__(self, categorical: Mask) -> None:
        self.categorical = categorical

    def fit(self, X: Floats, y: Labels) -> Self:  # noqa: N803
        """Learn the shares, drawn towards the mean where few rows tell of one."""
        self.borders_ = [
            None if is_code else np.unique(np.nanquantile(values, np.arange(0.1, 1, 0.1)))
            for values, is_code in zip(X.T, self.categorical, strict=True)
        ]
        found = [self._shares(self._levels(X, place), y) for place in range(X.shape[1])]
        told = [
            roc_auc_score(y, [shares[level] for level in self._levels(X, place)]) for place, shares in enumerate(found)
        ]
        self.column_ = int(np.argmax(told))
        self.shares_, self.mean_ = found[self.column_], float(y.mean())
        return self

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """Return probabilities (n, 2)."""
        share = np.array([self.shares_.get(level, self.mean_) for level in self._levels(X, self.column_)])
        return np.column_stack([1 - share, share])

    def _levels(self, X: Floats, place: int) -> list[float]:  # noqa: N803
        values, borders = X[:, place], self.borders_[place]
        levels = values if borders is None else np.searchsorted(borders, values).astype(np.float64)
        return list(np.where(np.isnan(values), -1.0, levels).tolist())

    def _shares(self, levels: list[float], y: Labels) -> dict[float, float]:
        every = np.asarray(levels)
        return {
            level: float((y[every == level].sum() + PRIOR_ROWS * y.mean()) / ((every == level).sum() + PRIOR_ROWS))
            for level in set(levels)
        }


class TableModels:
    """The simple rule and the three candidates, fitted on the same rows.

    Parameters
    ----------
    categorical : ndarray of bool (n_features,)
        Which columns hold codes of categories.
    """

    def __init__(self, categorical: Mask) -> None:
        self.categorical = categorical

    def fit(self, X: Floats, y: Labels) -> Self:  # noqa: N803
        """Choose and fit.

        Parameters
        ----------
        X : ndarray (n, n_features)
            NaN where unknown; no column that is unknown throughout.
        y : ndarray of 0 and 1 (n,)
        """
        learn, hold, told, asked = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
        linear = [curves(self.categorical, penalty) for penalty in PENALTIES]
        boosted = [trees(self.categorical, len(y), size) for size in TREES]
        line, first = _best(linear, learn, told, hold, asked)
        tree, second = _best(boosted, learn, told, hold, asked)
        mixtures = [log_loss(asked, _mixed(first, second, weight)) for weight in WEIGHTS]
        self.rule_ = OneColumn(self.categorical).fit(X, y)
        self.weight_ = WEIGHTS[int(np.argmin(mixtures))]
        self.logistic_ = curves(self.categorical, PENALTIES[line]).fit(X, y)
        self.boosting_ = trees(self.categorical, len(y), TREES[tree]).fit(X, y)
        return self

    def scores(self, X: Floats) -> dict[str, Floats]:  # noqa: N803
        """Return each candidate's probabilities (n,)."""
        rule, line, tree = (model.predict_proba(X)[:, 1] for model in (self.rule_, self.logistic_, self.boosting_))
        return {RULE: rule, "logistic": line, "boosting": tree, "average": _mixed(line, tree, self.weight_)}


def _best(models: list[Any], learn: Floats, told: Labels, hold: Floats, asked: Labels) -> tuple[int, Floats]:
    """Return the place of the model with the least log loss on the rows held out, and its probabilities of them."""
    found = [model.fit(learn, told).predict_proba(hold)[:, 1] for model in models]
    place = int(np.argmin([log_loss(asked, one) for one in found]))
    return place, found[place]


def _mixed(first: Floats, second: Floats, weight: float) -> Floats:
    return probability(weight * log_odds(first) + (1 - weight) * log_odds(second))
