"""Drift, gaps, and promises that did not come true: what is warned of, and what holds the scores."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from unfitted import candidate

from churn_model.features import NAMES
from churn_model.reference import PROBABILITY, make_references, psi, shares
from churn_model.snapshots import Snapshots
from churn_model.watch import CONTACTED, OWN, Past, watch_inputs, watch_past
from forewarn.config.watch import Watch

HEAVY, LIGHT, GROWING = "days_since_last_order", "returns_90d", "tenure_days"
DAYS = (0, 30, 60, 90)


def _features(random, n, day):
    features = np.full((n, len(NAMES)), np.nan)
    features[:, NAMES.index(HEAVY)] = random.gamma(2, 10, n)
    features[:, NAMES.index(LIGHT)] = random.integers(0, 4, n)
    features[:, NAMES.index(GROWING)] = day + random.integers(0, 60, n)
    return features


@pytest.fixture(scope="module")
def trained():
    """A model of four dates, and its references."""
    random = np.random.default_rng(0)
    features = np.vstack([_features(random, 800, day) for day in DAYS])
    silent = features[:, NAMES.index(HEAVY)]
    churned = (random.random(len(silent)) < 1 / (1 + np.exp(3 - 0.1 * silent))).astype(np.int8)
    days = np.repeat(DAYS, 800)
    snapshots = Snapshots(days, features, churned, 30, 800, np.tile(np.arange(800), 4))
    model = candidate("logistic", len(silent)).fit(features, churned)
    return model, make_references(snapshots, model)


def _watched(trained, features, late=()):
    model, references = trained
    seen = watch_inputs(features, model.predict_proba(features)[:, 1], references, late=late)
    return {(one.kind, one.subject): one for one in seen}


def test_psi_is_zero_for_equal_shares_and_known_by_hand():
    assert psi(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0
    assert psi(np.array([0.2, 0.8]), np.array([0.5, 0.5])) == pytest.approx(-0.3 * np.log(0.4) + 0.3 * np.log(1.6))


def test_unknown_is_a_bin_of_its_own():
    found = shares(np.array([np.nan, 1.0, 2.0, 3.0]), np.array([1.0, 2.0]))
    assert found.tolist() == [0.25, 0.25, 0.25, 0.25]


def test_a_day_like_those_of_the_training_is_fine(trained):
    seen = _watched(trained, _features(np.random.default_rng(1), 1000, 100))
    assert {one.verdict for one in seen.values()} == {"fine"}
    assert ("scores", PROBABILITY) in seen


def test_a_feature_that_always_grew_may_grow_on(trained):
    seen = _watched(trained, _features(np.random.default_rng(1), 1000, 110))
    grown = seen["drift", GROWING]
    assert grown.value > 0.25
    assert grown.bound > 0.5
    assert grown.verdict == "fine"


def test_where_nobody_is_new_all_may_grow_older_as_they_did_when_the_model_was_judged():
    random = np.random.default_rng(0)
    born = random.integers(0, 20, 400)
    days = np.repeat(np.arange(0, 360, 30), 400)
    features = np.full((len(days), len(NAMES)), np.nan)
    features[:, NAMES.index(GROWING)] = days - np.tile(born, 12)
    churned = (random.random(len(days)) < 1 / (1 + np.exp(3 - days / 200))).astype(np.int8)
    snapshots = Snapshots(days, features, churned, 30, 400, np.tile(np.arange(400), 12))
    model = candidate("logistic", len(days)).fit(features, churned)

    seen = _watched((model, make_references(snapshots, model)), features[-400:] + 60)
    assert seen["drift", GROWING].value > 1
    assert {one.verdict for one in seen.values()} == {"fine"}


@pytest.mark.capability("B6")
def test_35_drift_in_what_the_scores_rest_on_holds_them(trained):
    features = _features(np.random.default_rng(1), 1000, 100)
    features[:, NAMES.index(HEAVY)] *= 100
    seen = _watched(trained, features)
    assert seen["drift", HEAVY].verdict == "warn"
    assert seen["drift", "all features"].verdict == "hold"
    assert HEAVY in seen["drift", "all features"].said


def test_35_drift_in_what_hardly_counts_is_a_diagnostic(trained):
    features = _features(np.random.default_rng(1), 1000, 100)
    features[:, NAMES.index(LIGHT)] += 100
    seen = _watched(trained, features)
    assert seen["drift", LIGHT].verdict == "warn"
    assert seen["drift", "all features"].verdict == "fine"


@pytest.mark.capability("B6")
def test_35_a_department_that_fell_silent_is_a_gap_and_holds_unless_it_is_known_to_be_late(trained):
    features = _features(np.random.default_rng(1), 1000, 100)
    features[:, NAMES.index(HEAVY)] = np.nan
    seen = _watched(trained, features)
    assert seen["gap", HEAVY].verdict == "warn"
    assert seen["gap", "all features"].verdict == "hold"
    told = _watched(trained, features, late=[HEAVY])
    assert ("gap", HEAVY) not in told
    assert told["gap", "all features"].verdict == "fine"


def test_35_scores_that_lie_elsewhere_are_held(trained):
    _, references = trained
    features = _features(np.random.default_rng(1), 1000, 100)
    seen = {one.kind: one for one in watch_inputs(features, np.full(1000, 0.9), references, late=())}
    assert seen["scores"].verdict == "hold"


def _past(promised, left, *, customers=1000, top_left=30):
    return [Past(date(2026, 1, 1), customers, promised, promised * 0.9, left, customers // 10, top_left)]


@pytest.mark.capability("B11")
@pytest.mark.parametrize(
    ("past", "own", "verdicts"),
    [
        (_past(100, 105), True, ["fine", "fine"]),
        (_past(100, 150), True, ["warn", "fine"]),
        (_past(100, 240), True, ["hold", "warn"]),
        (_past(100, 240), False, ["warn", "warn"]),
        (_past(100, 40, top_left=20), True, ["hold", "fine"]),
        (_past(100, 100, top_left=5), True, ["fine", "hold"]),
        (_past(100, 100, top_left=5), False, ["fine", "warn"]),
        (_past(100, 110, top_left=12), True, ["fine", "warn"]),
        (_past(10, 19), True, []),
        ([], True, []),
    ],
)
def test_what_scores_promised_is_held_against_who_left(past, own, verdicts):
    seen = watch_past(past, own=own)
    assert [one.verdict for one in seen] == verdicts
    if seen:
        assert f"{past[0].left} left" in seen[0].said


@pytest.mark.capability("B11")
def test_customers_who_were_contacted_are_told_apart_and_judge_nothing():
    saved = Past(date(2026, 1, 1), 100, 60.0, 24.0, 10, 10, 1, contacted=True)
    seen = watch_past([*_past(100, 105), saved], own=True)
    assert [(one.kind, one.subject, one.verdict) for one in seen] == [
        *(("calibration", OWN, "fine"), ("lift", OWN, "fine")),
        *(("calibration", CONTACTED, "fine"), ("lift", CONTACTED, "fine")),
    ]
    assert "promised 60 leavers of 100 contacted customers, and 10 left" in seen[2].said
    mixed = watch_past([Past(date(2026, 1, 1), 1100, 160.0, 114.0, 115, 110, 31)], own=True)
    assert mixed[0].verdict == "warn", "together they would have looked like a broken promise"


def test_bounds_are_the_companys_own(trained):
    assert watch_past(_past(100, 150), own=True, bounds=Watch(ratio_holds=1.4))[0].verdict == "hold"
    assert watch_past(_past(100, 150), own=True, bounds=Watch(ratio_warns=1.6))[0].verdict == "fine"
    assert watch_past(_past(10, 19), own=True, bounds=Watch(fewest_leavers=19)) != []
    features = _features(np.random.default_rng(1), 1000, 100)
    features[:, NAMES.index(HEAVY)] *= 100
    model, references = trained
    scores = model.predict_proba(features)[:, 1]
    seen = watch_inputs(features, scores, references, late=(), bounds=Watch(drift_holds=1.0, scores_hold_psi=99))
    assert {one.verdict for one in seen} == {"fine", "warn"}
    with pytest.raises(ValueError, match="ratio_warns must not be more than ratio_holds"):
        Watch(ratio_warns=3)
