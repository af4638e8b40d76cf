"""A feature that knows the answer stops the training, by name."""

import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from churn_model.evaluate import assess
from churn_model.features import NAMES
from churn_model.leak import demand_no_leak, demand_sound
from churn_model.snapshots import EPOCH, Snapshots
from churn_model.split import Fold
from forewarn.config.model import Model
from forewarn.errors import ModelRejected


def _snapshots(leak: str = "", *, null_leak: str = "") -> Snapshots:
    random = np.random.default_rng(1)
    churned = (random.random(500) < 0.2).astype(np.int8)
    features = random.random((500, len(NAMES)))
    features[:, NAMES.index("disputes_180d")] = np.nan
    features[:, NAMES.index("days_since_last_order")] += 1.2 * churned  # strong and honest: AUC about .95
    features[:, NAMES.index("days_since_last_order")] += random.random(500)
    if leak:
        features[:, NAMES.index(leak)] = -churned + 0.001 * random.random(500)
    if null_leak:
        features[churned == 1, NAMES.index(null_leak)] = np.nan
    return Snapshots(np.zeros(500, dtype=np.int64), features, churned, 30, 500)


def test_a_strong_honest_feature_passes():
    demand_no_leak(_snapshots(), NAMES)


def test_a_planted_leak_is_named_whatever_its_sign():
    with pytest.raises(ModelRejected, match=r"got subscriptions_ended_180d \(AUC 1\.0000 alone\)"):
        demand_no_leak(_snapshots("subscriptions_ended_180d"), NAMES)


def test_being_null_can_be_the_leak():
    with pytest.raises(ModelRejected, match="got usage_days_30d "):
        demand_no_leak(_snapshots(null_leak="usage_days_30d"), NAMES)


def _sound() -> Snapshots:
    """Everything that happened, happened before the as-of date."""
    snapshots = _snapshots()
    for place, name in enumerate(NAMES):
        if name.startswith("days_since_"):
            snapshots.features[:, place] += 1
    return replace(snapshots, numbers=np.arange(len(snapshots.days)))


@pytest.mark.capability("C28", "B11")
def test_a_feature_of_the_as_of_date_or_later_is_named():
    snapshots = _sound()
    demand_sound(snapshots, NAMES)
    snapshots.features[:7, NAMES.index("days_since_last_usage")] -= 5  # computed a week late
    message = r"expected nothing that happened on the as-of date .* got days_since_last_usage below 1 in 7 rows"
    with pytest.raises(ModelRejected, match=message):
        demand_sound(snapshots, NAMES)


def test_a_customer_that_stands_twice_on_a_date_is_refused():
    snapshots = _sound()
    snapshots.numbers[1] = snapshots.numbers[0]
    with pytest.raises(ModelRejected, match="one row per customer and as-of date, got 1 that are there more than once"):
        demand_sound(snapshots, NAMES)


def _dated() -> Snapshots:
    """Four dates 30 days apart; labels close after 60 days."""
    whole = _snapshots()
    first = (date(2026, 1, 1) - EPOCH).days
    days = first + 30 * (np.arange(500) % 4)
    return replace(whole, days=days, horizon_days=60, numbers=np.arange(500) // 4)


@pytest.mark.capability("C28", "B11")
def test_a_split_without_a_gap_stops_the_evaluation(monkeypatch):
    def naive(dates, **_):
        return [Fold(dates[-1], tuple(dates[:-1]))]

    assess(_dated(), "non_contractual", model=Model(candidates=["rule", "logistic"]))
    monkeypatch.setattr(sys.modules["churn_model.evaluate"], "rolling_origin", naive)
    message = r"test cut-off 2026-04-01: expected .* got 2026-03-02, whose windows are open"
    with pytest.raises(ModelRejected, match=message):
        assess(_dated(), "non_contractual", model=Model(candidates=["rule", "logistic"]))


@pytest.mark.capability("C28", "B11")
def test_a_customer_in_both_parts_of_a_split_by_customers_stops_the_evaluation(monkeypatch):
    short = replace(_dated(), horizon_days=365)
    assess(short, "contractual", model=Model(candidates=["rule", "logistic"]))

    def by_row(numbers):
        return [np.arange(len(numbers)) % 5 == part for part in range(5)]

    monkeypatch.setattr(sys.modules["churn_model.evaluate"], "held_out_customers", by_row)
    with pytest.raises(ModelRejected, match=r"expected no customer who is learned from and judged, got \d+ of \d+"):
        assess(short, "contractual", model=Model(candidates=["rule", "logistic"]))
