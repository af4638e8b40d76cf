"""Contributions are exact, and reasons come from them."""

import numpy as np
import pytest
from unfitted import candidate

from churn_model.explain import FAMILIES, Explainer
from churn_model.features import BY_NAME, NAMES

RISING = "days_since_last_order"


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    features = np.full((1500, len(NAMES)), np.nan)
    for name in ("days_since_last_order", "order_gap_days", "revenue_90d", "revenue_prior_90d", "open_tickets"):
        features[:, NAMES.index(name)] = random.integers(0, 60, 1500)
    features[random.random(1500) < 0.3, NAMES.index("revenue_prior_90d")] = np.nan
    silent, open_tickets = features[:, NAMES.index(RISING)], features[:, NAMES.index("open_tickets")]
    churned = (random.random(1500) < 1 / (1 + np.exp(4 - 0.06 * silent - 0.04 * open_tickets))).astype(np.int8)
    return features, churned


def _log_odds(model, features):
    probability = model.predict_proba(features)[:, 1]
    return np.log(probability / (1 - probability))


@pytest.mark.parametrize("name", ["logistic", "boosting", "average"])
def test_contributions_add_up_to_the_score(data, name):
    features, churned = data
    model = candidate(name, len(features)).fit(features, churned)
    contributions = Explainer(model, currency="EUR").contributions(features)
    rest = _log_odds(model, features) - contributions.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-6)


@pytest.mark.capability("C24")
@pytest.mark.parametrize("name", ["logistic", "boosting", "average"])
def test_the_planted_cause_contributes_most(data, name):
    features, churned = data
    model = candidate(name, len(features)).fit(features, churned)
    strength = np.abs(Explainer(model, currency="EUR").contributions(features)).mean(axis=0)
    assert NAMES[int(strength.argmax())] == RISING


def test_columns_never_seen_contribute_nothing(data):
    features, churned = data
    model = candidate("average", len(features)).fit(features, churned)
    contributions = Explainer(model, currency="EUR").contributions(features)
    assert not contributions[:, NAMES.index("disputes_180d")].any()


def test_at_most_three_families_speak_once_each_strongest_first(data):
    features, churned = data
    model = candidate("average", len(features)).fit(features, churned)
    explainer = Explainer(model, currency="EUR")
    contributions = explainer.contributions(features)
    spoken = explainer.reasons(features, explainer.contributions(features))
    assert any(len(reasons) > 1 for reasons in spoken)
    for row, reasons in enumerate(spoken):
        families = [reason.family for reason in reasons]
        assert len(reasons) <= 3
        assert len(set(families)) == len(families)
        weights = [reason.contribution for reason in reasons]
        assert weights == sorted(weights, reverse=True)
        assert all(weight > 0 for weight in weights)
        for reason in reasons:
            places = [n for n, name in enumerate(NAMES) if BY_NAME[name].family == reason.family]
            assert reason.contribution == pytest.approx(contributions[row, places].sum(), abs=1e-4)


def test_a_family_with_nothing_true_to_say_is_passed_over(data):
    features, churned = data
    model = candidate("logistic", len(features)).fit(features, churned)
    row = np.full((1, len(NAMES)), np.nan)
    # Long silence raises the score; without a gap of the customer's own there is nothing to compare it with.
    for name, value in {RISING: 55.0, "open_tickets": 50.0}.items():
        row[0, NAMES.index(name)] = value
    explainer = Explainer(model, currency="EUR")
    families = [explainer.contributions(row)[0, [BY_NAME[n].family == f for n in NAMES]].sum() for f in FAMILIES]
    assert FAMILIES[int(np.argmax(families))] == "rhythm"
    reasons = explainer.reasons(row, explainer.contributions(row))[0]
    assert "No order" not in " ".join(reason.text for reason in reasons)
    assert "50 tickets open" in [reason.text for reason in reasons]
