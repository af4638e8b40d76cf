"""Groups that were planted are found, and keep their names while they stay where they were."""

from __future__ import annotations

import numpy as np
import pytest

from churn_model.segments import NAMES, Clustering, _names, _titles, match

ORDERS, BASKET = (NAMES.index(f"{name}_365d") for name in ("orders", "average_order_value"))


def _base(seed: int, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return behaviour of three planted groups, and who belongs to which: rare, frequent, few large orders."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 3, 600)
    features = np.full((600, len(NAMES)), np.nan)
    features[:, ORDERS] = np.array([3, 60, 4])[group] * random.lognormal(0, 0.15, 600) * shift
    features[:, BASKET] = np.array([100, 100, 5_000])[group] * random.lognormal(0, 0.15, 600)
    return features, group


@pytest.mark.capability("C26")
def test_planted_groups_are_found_with_what_they_differ_by():
    features, group = _base(0)
    clustering = Clustering(features)
    clusters, distance = clustering.assign(features)
    assert clustering.model.n_clusters == 3
    assert clustering.silhouette > 0.6
    assert all(len(np.unique(clusters[group == one])) == 1 for one in range(3))
    assert (distance >= 0).all()
    assert set(clustering.columns) == {ORDERS, BASKET}, "what is unknown of everybody groups nobody"
    centre = clustering.centres()[clusters[group == 1][0]]
    assert centre["orders_365d"] == pytest.approx(60, rel=0.1)
    titles = _titles(clustering)
    assert "frequent" in titles[clusters[group == 1][0]]
    assert "large orders" in titles[clusters[group == 2][0]]


@pytest.mark.capability("C26")
def test_a_later_run_gives_the_same_names_whatever_the_order_of_its_clusters():
    features, group = _base(0)
    first = Clustering(features)
    old = list(zip(_names(3, {}, []), first.centres(), strict=True))
    assert [name for name, _ in old] == ["S1", "S2", "S3"]
    later, later_group = _base(7, shift=1.1)
    second = Clustering(later, before=3)
    matched = match(second.model.cluster_centers_, second.place([centre for _, centre in old]))
    names = _names(3, {new: old[place][0] for new, place in matched.items()}, old)
    for one in range(3):
        before = old[first.assign(features)[0][group == one][0]][0]
        assert names[second.assign(later)[0][later_group == one][0]] == before


def test_a_group_that_is_elsewhere_gets_a_name_that_was_never_used():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    before = np.array([[0.5, 0.0], [10.0, 0.5], [30.0, 30.0]])
    matched = match(centres, before)
    assert matched == {0: 0, 1: 1}
    old = [("S1", {}), ("S2", {}), ("S4", {})]
    assert _names(3, {new: old[place][0] for new, place in matched.items()}, old) == ["S1", "S2", "S5"]
    assert match(centres, np.empty((0, 2))) == {}
