"""What a ranking of customers is worth, measured on one as-of date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

TOP_SHARE = 0.10
BINS = 10


@dataclass(frozen=True)
class Metrics:
    """Figures of one score on one as-of date; `brier` and `calibration_error` are None for what is no probability."""

    auc: float
    average_precision: float
    precision_at_10: float
    lift_at_10: float
    brier: float | None
    calibration_error: float | None = None


NAMES = ("auc", "average_precision", "precision_at_10", "lift_at_10", "brier", "calibration_error")


def measure(churned: npt.NDArray[Any], score: npt.NDArray[np.float64], *, probability: bool = True) -> Metrics:
    """Measure a score against what happened.

    Parameters
    ----------
    churned : ndarray of 0 and 1 (n,)
        Both values must occur.
    score : ndarray (n,)
        Higher means likelier to leave.
    probability : bool
        Whether the score is a probability, which the Brier score needs.
    """
    precision = precision_at(churned, score, TOP_SHARE)
    return Metrics(
        auc=float(roc_auc_score(churned, score)),
        average_precision=float(average_precision_score(churned, score)),
        precision_at_10=precision,
        lift_at_10=precision / float(churned.mean()),
        brier=float(brier_score_loss(churned, score)) if probability else None,
        calibration_error=calibration_error(churned, score) if probability else None,
    )


def calibration_error(churned: npt.NDArray[Any], score: npt.NDArray[np.float64]) -> float:
    """Return the expected calibration error: how far promised and observed churn are apart, over tenths of them."""
    tenths = [part for part in np.array_split(np.argsort(score, kind="stable"), BINS) if len(part)]
    gaps = [len(part) * abs(float(score[part].mean()) - float(churned[part].mean())) for part in tenths]
    return sum(gaps) / len(score)


def precision_at(churned: npt.NDArray[Any], score: npt.NDArray[np.float64], share: float) -> float:
    """Return the share of leavers among the `share` of customers with the highest scores.

    Equal scores at the border count with their average, so that the figure does not depend on the order of rows.
    """
    size = max(1, round(share * len(score)))
    border = np.partition(score, -size)[-size]
    above, at_border = score > border, score == border
    left = size - int(above.sum())
    return float((churned[above].sum() + left * churned[at_border].mean()) / size)
