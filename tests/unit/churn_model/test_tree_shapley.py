"""Values that are looked up against the definition, spelt out for one customer and one tree at a time."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from churn_model.tree_shapley import TreeShapley

FEATURES = 4


@pytest.fixture(scope="module")
def fitted() -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    random = np.random.default_rng(3)
    features = random.integers(0, 9, (600, FEATURES)).astype(float)
    features[random.random(features.shape) < 0.2] = np.nan
    odds = np.nan_to_num(features[:, 0], nan=-2) - features[:, 1] * np.isnan(features[:, 2])
    churned = (random.random(600) < 1 / (1 + np.exp(-np.nan_to_num(odds)))).astype(int)
    # Eight leaves of four features: some split a way twice.
    model = HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=8, min_samples_leaf=5, random_state=0)
    return model.fit(features, churned), features


def _worth(nodes: np.ndarray, customer: np.ndarray, known: set[int], place: int = 0) -> float:
    """The value of a tree when only some features are known: else both ways, by their shares of the training."""
    node = nodes[place]
    if node["is_leaf"]:
        return float(node["value"])
    ways = {side: _worth(nodes, customer, known, int(node[side])) for side in ("left", "right")}
    if int(node["feature_idx"]) not in known:
        return sum(worth * float(nodes["count"][node[side]]) for side, worth in ways.items()) / float(node["count"])
    value = customer[int(node["feature_idx"])]
    goes_left = bool(node["missing_go_to_left"]) if np.isnan(value) else value <= node["num_threshold"]
    return ways["left" if goes_left else "right"]


def test_values_are_the_mean_gain_over_all_orders_in_which_features_become_known(fitted) -> None:
    model, features = fitted
    found = TreeShapley(model).values(features[:25])
    for customer, values in zip(features[:25], found, strict=True):
        expected = np.zeros(FEATURES)
        for (predictor,) in model._predictors:
            orders = list(permutations(range(FEATURES)))
            for order in orders:
                for place, feature in enumerate(order):
                    before, after = set(order[:place]), set(order[: place + 1])
                    gain = _worth(predictor.nodes, customer, after) - _worth(predictor.nodes, customer, before)
                    expected[feature] += gain / len(orders)
        np.testing.assert_allclose(values, expected, atol=1e-12)


def test_values_of_a_customer_add_up_to_the_score_less_what_is_expected_of_all(fitted) -> None:
    model, features = fitted
    rest = model.decision_function(features) - TreeShapley(model).values(features).sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-12)
