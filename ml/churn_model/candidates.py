"""The candidates: what may be tried on a churn definition. A new one is a class here, and its name in `forewarn.yml`.

Each learns from closed snapshots and gives a fitted model with `predict_proba`: probabilities (n, 2) of staying and
leaving for features (n, n_features). One that cannot be explained exactly, or that is no probability, says in
`withheld` why it may never be champion; it is judged all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from churn_model import pipelines
from churn_model.baseline import recency_frequency
from churn_model.bg_nbd import BgNbd
from churn_model.hazard import Hazard, periods
from churn_model.reader import Floats
from churn_model.snapshots import Snapshots
from forewarn.errors import ModelRejected

NOT_EXACT = "its parts do not add up to a score, so that no exact reasons can be given"


class Candidate(Protocol):
    """A way to learn who leaves.

    Attributes
    ----------
    name : str
        As `model.candidates` of forewarn.yml names it.
    is_probability : bool
        False for a rank.
    is_simple : bool
        Whether a model has to beat it before anybody hears of the model.
    withheld : str
        Why it may not be champion; empty where it may.
    """

    name: ClassVar[str]
    is_probability: ClassVar[bool] = True
    is_simple: ClassVar[bool] = False
    withheld: ClassVar[str] = ""

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Learn from snapshots; `fitted` are the candidates before it, fitted on the same.

        Raises
        ------
        ValueError
            The data do not hold what it needs; the message says what.
        """


class RecencyFrequency(Candidate):
    """Who buys seldom and has not bought for long."""

    name = "rule"
    is_probability = False
    is_simple = True
    withheld = "it is a rank of one day's customers and no probability"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Learn nothing: the rule ranks the customers that it is asked about."""
        return _Ranks()


class PurchaseProcess(Candidate):
    """BG/NBD, from frequency, recency and age."""

    name = "bg_nbd"
    is_simple = True
    withheld = "it is one of the simple rules, there to be beaten"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit the process to purchases, and straighten it to the labels."""
        if learnt.event_is_churn:
            raise ValueError("it knows purchases only, and a contract ends otherwise")
        return BgNbd(learnt.horizon_days).fit(learnt.features, learnt.churned)


class Logistic(Candidate):
    """Logistic regression."""

    name = "logistic"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit to features and labels."""
        return pipelines.logistic(learnt.horizon_days).fit(learnt.features, learnt.churned)


class Boosting(Candidate):
    """Regularised histogram gradient boosting."""

    name = "boosting"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit to features and labels."""
        boosting = pipelines.boosting(len(learnt.churned), learnt.horizon_days)
        return boosting.fit(learnt.features, learnt.churned)


class Average(Candidate):
    """The mean of both on the log-odds scale."""

    name = "average"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit both, or take those that are fitted."""
        parts = [fitted.get(one.name) or one.fit(learnt, {}) for one in (Logistic(), Boosting())]
        return pipelines.LogitAverage(*parts).of_fitted()


class Blend(Candidate):
    """The mean of both and of the purchase process, which keeps its level where the season turns."""

    name = "blend"

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit all three, or take those that are fitted."""
        parts = [fitted.get(one.name) or one.fit(learnt, {}) for one in (Logistic(), Boosting(), PurchaseProcess())]
        return pipelines.LogitAverage(*parts).of_fitted()


class DiscreteHazard(Candidate):
    """One fit for every horizon and the expected time."""

    name = "hazard"
    withheld = NOT_EXACT

    def fit(self, learnt: Snapshots, fitted: Mapping[str, Any]) -> Any:
        """Fit to what followed each row."""
        if not len(learnt.followed_days):
            raise ValueError("nothing is known of what followed")
        ends = periods(learnt.snapshot_days, learnt.horizon_days)
        followed = [end for end in ends if (learnt.followed_days >= end).any()]
        if not followed or max(followed) < learnt.horizon_days:
            raise ValueError(f"nobody was followed for {learnt.horizon_days} days")
        model = Hazard(followed, learnt.horizon_days, learnt.event_is_churn)
        return model.fit(learnt.features, learnt.event_days, learnt.followed_days)


class _Ranks:
    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        rank = recency_frequency(X)
        return np.column_stack([1 - rank, rank])


ALL: dict[str, Candidate] = {
    one.name: one
    for one in (
        RecencyFrequency(),
        PurchaseProcess(),
        Logistic(),
        Boosting(),
        Average(),
        Blend(),
        DiscreteHazard(),
    )
}


def chosen(names: Sequence[str]) -> list[Candidate]:
    """Return the candidates of these names, those that others are built of first.

    Raises
    ------
    ModelRejected
        A name is unknown.
    """
    if unknown := sorted(set(names) - set(ALL)):
        raise ModelRejected(
            "model.candidates of forewarn.yml",
            expected=f"names of {', '.join(ALL)}",
            got=", ".join(unknown),
            next_step="mend the names; a new candidate is a class in churn_model.candidates",
        )
    return [one for name, one in ALL.items() if name in names]


def fit_all(candidates: Sequence[Candidate], learnt: Snapshots) -> tuple[dict[str, Any], dict[str, str]]:
    """Fit candidates on the same snapshots; return the models, and why each of the others could not be fitted."""
    fitted: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for one in candidates:
        try:
            fitted[one.name] = one.fit(learnt, fitted)
        except ValueError as error:
            left_out[one.name] = str(error)
    return fitted, left_out
