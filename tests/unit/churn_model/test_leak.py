"""A feature that knows the answer stops the training, by name."""

import numpy as np
import pytest

from churn_model.features import NAMES
from churn_model.leak import demand_no_leak
from churn_model.snapshots import Snapshots
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
