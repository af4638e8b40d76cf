"""Change one thing, and it gets the blame for the movement of a score."""

from __future__ import annotations

import numpy as np
import pytest
from unfitted import candidate

from churn_model.explain import FAMILIES
from churn_model.features import NAMES
from churn_model.movement import CAUSES, Movement, State, decompose, log_odds

MOVED = ("days_since_last_order", "order_gap_ratio", "complaints_90d", "competitor_mentions_90d")


@pytest.fixture(scope="module")
def models():
    """Two fitted models of two histories, and a customer at rest."""
    fitted = []
    for seed in (0, 1):
        random = np.random.default_rng(seed)
        features = np.full((1200, len(NAMES)), np.nan)
        for name in MOVED:
            features[:, NAMES.index(name)] = random.integers(0, 30, 1200)
        risk = features[:, [NAMES.index(name) for name in MOVED]].mean(axis=1) / 5 - 3 - seed
        churned = (random.random(1200) < 1 / (1 + np.exp(-risk))).astype(np.int8)
        fitted.append(candidate("average", 1200).fit(features, churned))
    return fitted


def _customer(**values: float) -> np.ndarray:
    row = np.full((1, len(NAMES)), np.nan)
    for name in MOVED:
        row[0, NAMES.index(name)] = values.get(name, 5.0)
    return row


def _movement(parts) -> Movement:
    return Movement("c", (None, None), ("", ""), (0, 0), parts, (), ())


def _blame(first: State, second: State, **changes) -> tuple[Movement, np.ndarray]:
    parts, families = decompose(first, second, **changes)
    whole = log_odds(second.model, second.kept) - log_odds(first.model, first.kept)
    assert sum(parts.values()) == pytest.approx(whole, abs=1e-9), "the parts add up to what the score moved"
    return _movement(parts), families


CALM = _customer()
WORSE = _customer(days_since_last_order=28, order_gap_ratio=25)


@pytest.mark.capability("B9")
def test_a_customer_who_behaves_otherwise_is_to_blame(models):
    model = models[0]
    moved, families = _blame(State(model, CALM, CALM), State(model, WORSE, WORSE))
    assert moved.total > 0.5
    assert moved.share("behaviour") >= 0.95
    assert families.sum() == pytest.approx(moved.total, abs=1e-6)
    assert FAMILIES[int(np.argmax(families))] == "rhythm"


@pytest.mark.capability("B9")
def test_a_correction_of_what_was_known_then_is_to_blame(models):
    model = models[0]
    moved, _ = _blame(State(model, CALM, WORSE), State(model, WORSE, WORSE))
    assert moved.total > 0.5
    assert moved.share("data correction") >= 0.95


@pytest.mark.capability("B9")
def test_a_configuration_that_was_changed_is_to_blame(models):
    model, named = models[0], _customer(competitor_mentions_90d=28)
    moved, _ = _blame(
        State(model, CALM, named), State(model, named, named), configured={"competitor_mentions_90d", "complaints_90d"}
    )
    assert abs(moved.total) > 0.2
    assert moved.share("configuration") >= 0.95


@pytest.mark.capability("B9")
@pytest.mark.parametrize(("redefined", "cause"), [(False, "model"), (True, "configuration")])
def test_another_model_is_to_blame_or_the_configuration_that_asked_it_another_question(models, redefined, cause):
    moved, _ = _blame(State(models[0], CALM, CALM), State(models[1], CALM, CALM), redefined=redefined)
    assert abs(moved.total) > 0.2
    assert moved.share(cause) >= 0.95


@pytest.mark.capability("B9")
def test_what_came_to_light_after_the_second_date_does_not_count_as_behaviour(models):
    model = models[0]
    moved, _ = _blame(State(model, CALM, WORSE), State(model, CALM, WORSE))
    assert moved.total == pytest.approx(0, abs=1e-9)
    assert moved.parts["behaviour"] == 0


@pytest.mark.capability("B9")
def test_several_causes_at_once_are_told_apart(models):
    half = _customer(days_since_last_order=28)
    moved, _ = _blame(State(models[0], CALM, half), State(models[1], WORSE, WORSE))
    assert all(moved.share(cause) > 0.02 for cause in ("behaviour", "data correction", "model"))
    assert moved.parts["configuration"] == 0
    assert sum(moved.share(cause) for cause in CAUSES) == pytest.approx(1)


def test_of_a_score_that_did_not_move_nothing_has_a_share():
    assert _movement(dict.fromkeys(CAUSES, 0.0)).share("model") == 0
