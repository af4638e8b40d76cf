"""BG/NBD against its own process, and against the formulas worked out by hand."""

import numpy as np
import pytest

from churn_model.bg_nbd import PLACES, BgNbd, purchases
from churn_model.calibration import log_odds
from churn_model.features import NAMES


def _features(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Customers with so many repeat purchases, the last one and today so many days after the first."""
    features = np.full((len(age), len(NAMES)), np.nan)
    told = {
        "tenure_days": age,
        "orders_lifetime": frequency + 1,
        "days_since_last_order": age - recency,
        "order_gap_days": np.where(frequency > 0, recency / np.maximum(frequency, 1), np.nan),
    }
    for name, values in told.items():
        features[:, NAMES.index(name)] = values
    return features


def _company(customers: int, seed: int, horizon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let customers buy by the process itself for up to two years; return features, silence in the horizon, alive."""
    random = np.random.default_rng(seed)
    age = random.uniform(200, 730, customers)
    rate, stop = random.gamma(2.0, 1 / 60, customers), random.beta(1.5, 6.0, customers)
    frequency, recency = np.zeros(customers), np.zeros(customers)
    silent, alive = np.ones(customers, dtype=np.int8), np.ones(customers, dtype=bool)
    for row in range(customers):
        at = 0.0
        while True:
            at += random.exponential(1 / rate[row])
            if at >= age[row]:
                silent[row] = at >= age[row] + horizon
                break
            frequency[row], recency[row] = frequency[row] + 1, at
            if random.random() < stop[row]:
                alive[row] = False
                break
    return _features(frequency, recency, age), silent, alive


def test_frequency_recency_and_age_come_back_in_weeks_from_the_features():
    features = _features(np.array([4.0, 0.0]), np.array([70.0, 0.0]), np.array([98.0, 21.0]))
    frequency, recency, age = purchases(features)
    np.testing.assert_allclose(frequency, [4, 0])
    np.testing.assert_allclose(recency, [10, 0])
    np.testing.assert_allclose(age, [14, 3])


def test_several_orders_on_one_day_are_one_purchase_and_an_older_account_adds_none():
    features = _features(np.array([4.0, 4.0]), np.array([70.0, 70.0]), np.array([98.0, 98.0]))
    features[0, NAMES.index("orders_lifetime")] = 12
    features[1, NAMES.index("tenure_days")] = 500
    assert purchases(features)[0].tolist() == [4, 4]


def test_the_probability_of_silence_by_hand():
    model = BgNbd(horizon_days=14)
    model.parameters_ = np.array([1.0, 10.0, 1.0, 2.0])
    # r=1, alpha=10, a=1, b=2; x=1, t_x=4, T=10 weeks, t=2.
    # odds of having stopped: a/(b+x-1) ((alpha+T)/(alpha+t_x))^(r+x) = 1/2 (20/14)^2 = 1.0204; alive 0.49495.
    # silent while alive: (20/22)^2 = 0.826446; no purchase: 1 - 0.49495 (1 - 0.826446) = 0.914100.
    found = model.no_purchase(_features(np.array([1.0]), np.array([28.0]), np.array([70.0])))
    assert found == pytest.approx([0.914100], abs=1e-5)


def test_the_fit_recovers_the_share_of_living_customers_and_the_silence_of_the_horizon():
    features, silent, alive = _company(3000, seed=4, horizon=60)
    model = BgNbd(horizon_days=60).fit(features, silent)
    r, alpha, a, b = model.parameters_
    assert r / alpha * 7 == pytest.approx(2 / 60 * 7 * 7, rel=0.15), "purchases a week"
    assert a / (a + b) == pytest.approx(1.5 / 7.5, rel=0.15)
    assert model.no_purchase(features).mean() == pytest.approx(silent.mean(), abs=0.02)
    order = np.argsort(model.no_purchase(features))
    for tenth in np.array_split(order, 5):
        assert model.no_purchase(features)[tenth].mean() == pytest.approx(silent[tenth].mean(), abs=0.06)
    assert alive.mean() < 0.9


def test_customers_who_bought_once_cannot_be_fitted():
    features = _features(np.zeros(10), np.zeros(10), np.full(10, 50.0))
    with pytest.raises(ValueError, match="no customer bought twice"):
        BgNbd(30).fit(features, np.array([0, 1] * 5, dtype=np.int8))


def test_contributions_add_up_to_the_log_odds_against_the_typical_customer():
    features, silent, _ = _company(400, seed=6, horizon=60)
    model = BgNbd(horizon_days=60).fit(features, silent)
    typical = np.full((1, len(NAMES)), np.nan)
    typical[:, PLACES] = model.typical_
    found = model.contributions(features)
    odds = [log_odds(model.predict_proba(rows)[:, 1]) for rows in (features, typical)]
    np.testing.assert_allclose(found.sum(axis=1), odds[0] - odds[1], atol=1e-9)
    np.testing.assert_allclose(model.contributions(typical), 0, atol=1e-12)
    assert not found[:, [place for place in range(len(NAMES)) if place not in PLACES]].any()
    longer = features[:1].copy()
    longer[0, NAMES.index("days_since_last_order")] += 100
    longer[0, NAMES.index("tenure_days")] += 100
    assert model.contributions(longer)[0].sum() > found[0].sum()
