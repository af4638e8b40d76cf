"""Find a feature that knows the answer: an honest early-warning signal never separates leavers from stayers alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from churn_model.reader import Floats
from churn_model.snapshots import Snapshots
from forewarn.errors import ModelRejected

SUSPICIOUS_AUC = 0.99


def demand_no_leak(snapshots: Snapshots, names: Sequence[str]) -> None:
    """Refuse to train where one feature alone tells the label almost perfectly.

    Raises
    ------
    ModelRejected
        Each suspicious feature is named with its AUC.
    """
    found = []
    for position, name in enumerate(names):
        auc = _separation(snapshots.features[:, position], snapshots)
        if auc > SUSPICIOUS_AUC:
            found.append(f"{name} (AUC {auc:.4f} alone)")
    if found:
        raise ModelRejected(
            "training features",
            expected=f"no feature that alone separates leavers from stayers (AUC above {SUSPICIOUS_AUC})",
            got=", ".join(found),
            next_step="the feature sees its own label window or the source records the outcome: look at its known_at",
        )


def _separation(values: Floats, snapshots: Snapshots) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return 0.5
    # NULL gets a value of its own below all others: being unknown may be the leak.
    filled = np.where(known, values, values[known].min() - 1)
    auc = float(roc_auc_score(snapshots.churned, filled))
    return max(auc, 1 - auc)
