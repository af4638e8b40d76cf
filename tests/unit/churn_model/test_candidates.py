"""Every candidate learns, comes back from its file without pickle, and can be explained or says why not."""

import numpy as np
import pytest
import skops.io

from churn_model.candidates import ALL, fit_all
from churn_model.economy import one_thread
from churn_model.explain import Explainer
from churn_model.features import NAMES
from churn_model.registry import load_pinned, sha256_of
from churn_model.snapshots import Snapshots

LEARNING = [name for name in ALL if name != "rule"]


@pytest.fixture(scope="module")
def snapshots() -> Snapshots:
    random = np.random.default_rng(8)
    gap = random.uniform(5, 40, 500).round()
    repeats = random.integers(0, 12, 500)
    silent = (gap * random.gamma(2.0, 0.6, 500)).round() + 1
    features = np.full((500, len(NAMES)), np.nan)
    told = {
        "orders_lifetime": repeats + 1,
        "order_gap_days": np.where(repeats > 0, gap, np.nan),
        "days_since_last_order": silent,
        "tenure_days": repeats * gap + silent,
        "orders_365d": repeats + 1,
        "open_tickets": random.integers(0, 3, 500),
    }
    for name, values in told.items():
        features[:, NAMES.index(name)] = values
    returns = random.exponential(gap * np.exp(0.7 * (silent / gap - 1)))
    return Snapshots(
        days=np.zeros(500, dtype=np.int64),
        features=features,
        churned=(returns > 60).astype(np.int8),
        horizon_days=60,
        customers=500,
        numbers=np.arange(500),
        event_days=np.where(returns <= 180, np.ceil(returns / 30) * 30, np.inf),
        followed_days=np.full(500, 180.0),
    )


@pytest.fixture(scope="module")
def fitted(snapshots):
    with one_thread():
        models, left_out = fit_all(list(ALL.values()), snapshots)
    assert left_out == {}
    return models


@pytest.mark.parametrize("name", LEARNING)
def test_each_comes_back_from_its_file_with_the_same_scores(tmp_path, fitted, snapshots, name):
    file = tmp_path / "model.skops"
    skops.io.dump(fitted[name], file)
    loaded = load_pinned(file, sha256_of(file), "churn")
    expected = fitted[name].predict_proba(snapshots.features)
    np.testing.assert_array_equal(loaded.predict_proba(snapshots.features), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    assert expected[snapshots.churned == 1, 1].mean() > expected[snapshots.churned == 0, 1].mean() + 0.05


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if not one.withheld])
def test_what_may_be_champion_is_explained_exactly(fitted, snapshots, name):
    rows = snapshots.features[:100]
    contributions = Explainer(fitted[name], currency="EUR").contributions(rows)
    probability = fitted[name].predict_proba(rows)[:, 1]
    rest = np.log(probability / (1 - probability)) - contributions.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-6)


def test_the_others_say_why_they_may_not():
    assert {name: bool(one.withheld) for name, one in ALL.items()} == {
        "rule": True,
        "bg_nbd": True,
        "logistic": False,
        "boosting": False,
        "average": False,
        "blend": False,
        "hazard": True,
    }
