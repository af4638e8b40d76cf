"""Exact Shapley values of small trees, looked up.

Tree SHAP (Lundberg, Erion & Lee 2018, Consistent Individualized Feature Attribution for Tree Ensembles) explains a tree
by the game in which a feature that is left out splits by the shares that training saw. What it gives a customer
depends on nothing but the way the customer goes at each split: a tree of eight leaves has seven splits, so that all
its answers are 128 rows, computed once. Explaining is then to compare, and to look up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_model.reader import Floats

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Tree:
    """One tree.

    Attributes
    ----------
    splits : list of (int, float, bool)
        Feature, largest value that goes left, and whether an unknown one does.
    features : list of int
        The distinct features of the splits.
    answers : ndarray (len(features), 2 ** len(splits))
        Shapley values of each feature by the splits at which a customer goes left, split i being bit i.
    """

    splits: list[tuple[int, float, bool]]
    features: list[int]
    answers: Floats


class TreeShapley:
    """Explains a fitted histogram boosting of two classes.

    Memory and the time to build it double with each split of a tree: it is made for trees of about ten leaves.
    """

    def __init__(self, classifier: Any) -> None:
        # scikit-learn has no public way to its trees; `shap` takes the same.
        self._trees = [_tree(predictor.nodes) for (predictor,) in classifier._predictors]

    def values(self, features: Floats) -> Floats:
        """Return what each feature adds to the log-odds: (n, n_features), for features of that shape."""
        columns = np.ascontiguousarray(features.T)
        unknown = np.isnan(columns)
        added = np.zeros(columns.shape)
        for tree in self._trees:
            way = np.zeros(len(features), dtype=np.int32)
            for place, (feature, border, unknown_left) in enumerate(tree.splits):
                left = columns[feature] <= border  # False where unknown
                way |= (left | unknown[feature] if unknown_left else left).astype(np.int32) << place
            for feature, answers in zip(tree.features, tree.answers, strict=True):
                added[feature] += answers[way]
        return added.T


def _tree(nodes: npt.NDArray[Any]) -> _Tree:
    inner = np.flatnonzero(nodes["is_leaf"] == 0).tolist()
    split_of = {node: place for place, node in enumerate(inner)}
    features = sorted({int(nodes["feature_idx"][node]) for node in inner})
    goes_left = _bits(len(inner))
    is_known = _bits(len(features))

    def worth(node: int) -> Floats:
        """Return the tree's value (ways, sets of features that are known) from a node on."""
        at = nodes[node]
        if at["is_leaf"]:
            return np.full((1, 1), float(at["value"]))
        left, right = worth(int(at["left"])), worth(int(at["right"]))
        share = float(nodes["count"][at["left"]]) / float(at["count"])
        known = is_known[features.index(int(at["feature_idx"]))][None, :]
        gone: Floats = np.where(goes_left[split_of[node]][:, None], left, right)
        return np.where(known, gone, share * left + (1 - share) * right)

    splits = [
        (int(one["feature_idx"]), float(one["num_threshold"]), bool(one["missing_go_to_left"])) for one in nodes[inner]
    ]
    return _Tree(splits, features, _shapley(worth(0), is_known))


def _bits(count: int) -> Bits:
    """Return (count, 2 ** count): of each number, whether bit i is set."""
    bits: Bits = (np.arange(2**count)[None, :] >> np.arange(count)[:, None]) & 1 == 1
    return bits


def _shapley(worth: Floats, is_known: Bits) -> Floats:
    """Return the values (players, ways) of games whose worth is (ways, sets); `is_known` says who is in which set."""
    players = len(is_known)
    sizes = is_known.sum(axis=0)
    weights = np.array([factorial(size) * factorial(players - size - 1) for size in range(players)])
    found = np.zeros((players, len(worth)))
    for player in range(players):
        without = np.flatnonzero(~is_known[player])
        gains = worth[:, without + 2**player] - worth[:, without]
        found[player] = gains @ (weights[sizes[without]] / factorial(players))
    return found
