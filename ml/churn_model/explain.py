"""Why a customer's score is high: exact contributions by family, in sentences that are true for the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.bg_nbd import BgNbd
from churn_model.features import FEATURES, NAMES
from churn_model.pipelines import LogitAverage, typical
from churn_model.reader import Floats
from churn_model.rhythm import SPEAKER
from churn_model.sentences import Facts
from churn_model.tree_shapley import TreeShapley

MOST_REASONS = 3
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(feature.family for feature in FEATURES))


@dataclass(frozen=True)
class Reason:
    """One sentence of a score.

    Attributes
    ----------
    family : str
        The group of features it speaks for.
    feature : str
        The feature that says it, of the strongest of the family: `forewarn.warehouse.records` finds what is behind it.
    text : str
        In plain words, true for this customer on this day.
    value, baseline : float or None
        The number in the sentence and what it is compared with.
    contribution : float
        What the whole family adds to the score, in log-odds against an average customer.
    """

    family: str
    feature: str
    text: str
    value: float
    baseline: float | None
    contribution: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of `ml.score.reasons`."""
        return {
            "family": self.family,
            "feature": self.feature,
            "text": self.text,
            "value": self.value,
            "baseline": self.baseline,
            "contribution": self.contribution,
        }


class Explainer:
    """Explains scores of one fitted model; built once and used for every batch."""

    def __init__(self, model: Any, *, currency: str) -> None:
        self._parts = model.parts if isinstance(model, LogitAverage) else [model]
        self._trees = [_tree_explainer(part) for part in self._parts]
        self._typical, self._currency = typical(model), currency
        self._index = {name: place for place, name in enumerate(NAMES)}
        self._places = [
            [place for place, feature in enumerate(FEATURES) if feature.family == family] for family in FAMILIES
        ]

    def contributions(self, features: Floats) -> Floats:
        """Return what each feature adds to the log-odds.

        Parameters
        ----------
        features : ndarray (n, len(NAMES))

        Returns
        -------
        ndarray (n, len(NAMES))
            Exact tree SHAP values for boosting, coefficient times deviation from the median customer for logistic
            regression, exact Shapley values for a purchase process, and the mean for an average of them. Zero for a
            column that training never saw.
        """
        total = np.zeros(features.shape)
        for part, trees in zip(self._parts, self._trees, strict=True):
            total += _of_part(part, trees, features)
        return total / len(self._parts)

    def families(self, contributions: Floats) -> Floats:
        """Return what each family adds: (n, len(FAMILIES)), the sums of its features' contributions."""
        return np.column_stack([contributions[:, places].sum(axis=1) for places in self._places])

    def reasons(self, features: Floats, contributions: Floats) -> list[list[Reason]]:
        """Return up to three reasons per customer, strongest family first; `contributions` are those of the features.

        A family that lowers the score, or has nothing true to say about the customer, gives none.
        """
        families = self.families(contributions)
        order = np.argsort(-families, axis=1, kind="stable")
        speakers = [_strongest_first(contributions[:, places], places) for places in self._places]
        rows = zip(features.tolist(), families.tolist(), order.tolist(), strict=True)
        return [
            self._of_row(Facts(row, self._index, self._typical, self._currency), weights, ranked, speakers, number)
            for number, (row, weights, ranked) in enumerate(rows)
        ]

    def _of_row(
        self, facts: Facts, weights: list[float], order: list[int], speakers: list[list[list[int]]], number: int
    ) -> list[Reason]:
        reasons: list[Reason] = []
        for family in order:
            if weights[family] <= 0 or len(reasons) == MOST_REASONS:
                break
            for place in speakers[family][number]:
                if said := FEATURES[place].say(facts):
                    weight = round(weights[family], 4)
                    name = FEATURES[place].name
                    reasons.append(Reason(FAMILIES[family], name, said.text, said.value, said.baseline, weight))
                    break
        return reasons


def _strongest_first(contributions: Floats, places: list[int]) -> list[list[int]]:
    """Return per row the features of one family that raise the score, strongest first."""
    order = np.argsort(-contributions, axis=1, kind="stable")
    raising = (contributions > 0).sum(axis=1)
    ranked = np.asarray(places)[order].tolist()
    return [row[:size] for row, size in zip(ranked, raising.tolist(), strict=True)]


def _of_part(part: Any, trees: Any, features: Floats) -> Floats:
    if isinstance(part, BgNbd):
        return part.contributions(features)
    return _linear(part, features) if trees is None else _boosted(part, trees, features)


def _tree_explainer(pipeline: Any) -> Any:
    if isinstance(pipeline, BgNbd):
        return None
    classifier = pipeline.named_steps["classify"]
    if hasattr(classifier, "coef_"):
        return None
    return TreeShapley(classifier)


def _boosted(pipeline: Any, trees: Any, features: Floats) -> Floats:
    guard = pipeline.named_steps["guard"]
    return _spread(trees.values(pipeline[:-1].transform(features)), guard.kept_, features)


def _linear(pipeline: Any, features: Floats) -> Floats:
    guard, impute = pipeline.named_steps["guard"], pipeline.named_steps["impute"]
    pieces = pipeline[:-1].transform(features) * pipeline.named_steps["classify"].coef_[0]
    # The flag "was unknown" belongs to the feature that was unknown.
    return _spread(pieces, np.concatenate([guard.kept_, guard.kept_[impute.indicator_.features_]]), features)


def _spread(pieces: Floats, places: npt.NDArray[np.int64], features: Floats) -> Floats:
    """Return pieces (n, k), each of the input at its place, as contributions of the features (n, n_features)."""
    spread = np.zeros(features.shape)
    for piece, place in zip(pieces.T, places.tolist(), strict=True):
        # What the model itself makes of a customer's rhythm stands behind the features.
        spread[:, place if place < features.shape[1] else SPEAKER] += piece
    return spread
