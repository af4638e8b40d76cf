"""Find what knows the answer: an evaluation that is too good is worse than none.

Each check refuses to train, and names what it found: a feature alone that separates leavers from stayers, a feature
that knows what happened on the as-of date or later, a fold whose training labels reach past its test cut-off, a
customer who is both learned from and judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from churn_model.reader import Floats
from churn_model.snapshots import Snapshots
from churn_model.split import Fold
from forewarn.errors import ModelRejected

SUSPICIOUS_AUC = 0.99
PAST = "days_since_"


def demand_sound(snapshots: Snapshots, names: Sequence[str]) -> None:
    """Refuse to train on features that know the answer, on features of the future, or on a customer counted twice.

    Raises
    ------
    ModelRejected
        What was found is named.
    """
    _demand_once(snapshots)
    _demand_past(snapshots, names)
    demand_no_leak(snapshots, names)


def demand_no_leak(snapshots: Snapshots, names: Sequence[str]) -> None:
    """Refuse to train where one feature alone tells the label almost perfectly.

    Raises
    ------
    ModelRejected
        Each suspicious feature is named with its AUC.
    """
    found = []
    for position, name in enumerate(names):
        auc = separation(snapshots.features[:, position], snapshots.churned)
        if auc > SUSPICIOUS_AUC:
            found.append(f"{name} (AUC {auc:.4f} alone)")
    if found:
        raise ModelRejected(
            "training features",
            expected=f"no feature that alone separates leavers from stayers (AUC above {SUSPICIOUS_AUC})",
            got=", ".join(found),
            next_step="the feature sees its own label window or the source records the outcome: look at its known_at",
        )


def demand_honest_fold(fold: Fold, learnt: Snapshots, asked: Snapshots, *, by_customer: bool) -> None:
    """Refuse a fold that tells its answer: in time, or by customers on both sides.

    Raises
    ------
    ModelRejected
        A training label window reaches past the test cut-off; or a customer is learned from and judged, where customers
        are held out.
    """
    if by_customer:
        both = np.intersect1d(learnt.numbers, asked.numbers)
        if len(both):
            raise ModelRejected(
                f"test on customers held out, {fold.test}",
                expected="no customer who is learned from and judged",
                got=f"{len(both)} of {len(np.unique(asked.numbers))}",
                next_step="look for customers that are there twice: forewarn identity list",
            )
        return
    horizon = timedelta(days=learnt.horizon_days)
    overlapping = [day for day in learnt.dates if day + horizon > fold.test]
    if overlapping:
        raise ModelRejected(
            f"test cut-off {fold.test}",
            expected=f"training label windows of {learnt.horizon_days} days that close by then",
            got=f"{', '.join(map(str, overlapping))}, whose windows are open",
            next_step="leave a gap of the horizon between training and test (churn_model.split)",
        )


def _demand_once(snapshots: Snapshots) -> None:
    if not len(snapshots.numbers):
        return
    _, counts = np.unique(np.column_stack([snapshots.days, snapshots.numbers]), axis=0, return_counts=True)
    twice = int((counts > 1).sum())
    if twice:
        raise ModelRejected(
            "training data",
            expected="one row per customer and as-of date",
            got=f"{twice} that are there more than once",
            next_step="a customer that stands twice is learned from and judged at once: mend marts.churn_labels",
        )


def _demand_past(snapshots: Snapshots, names: Sequence[str]) -> None:
    """Refuse features that know of an event younger than the day before the as-of date."""
    found = []
    for position, name in enumerate(names):
        if name.startswith(PAST) and (late := int((snapshots.features[:, position] < 1).sum())):
            found.append(f"{name} below 1 in {late} rows")
    if found:
        raise ModelRejected(
            "training features",
            expected="nothing that happened on the as-of date or after it",
            got=", ".join(found),
            next_step="the feature is computed later than its date says: look at known_at and the condition on it",
        )


def separation(values: Floats, churned: npt.NDArray[Any]) -> float:
    """Return the AUC that values (n,) have alone, whatever their sign; NaN is a value of its own."""
    known = ~np.isnan(values)
    if not known.any():
        return 0.5
    # NULL gets a value of its own below all others: being unknown may be the leak.
    filled = np.where(known, values, values[known].min() - 1)
    auc = float(roc_auc_score(churned, filled))
    return max(auc, 1 - auc)
