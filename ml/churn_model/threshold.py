"""From which probability on a score is worth an alert: by what a contact costs and saves, and by who has time.

All is judged on out-of-time predictions. A contact pays where churn probability × saved share × value at stake is more
than its cost; how many there may be is bounded by the week's capacity and by the share of customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churn_model.reader import Floats
from forewarn.config.model import Model


@dataclass(frozen=True)
class Judged:
    """Customers of one test cut-off with one method's probabilities.

    Attributes
    ----------
    churned : ndarray of 0 and 1 (n,)
    score : ndarray (n,)
    values : ndarray (n,)
        What is at stake; NaN where unknown.
    lead_days : ndarray (n,)
        Days from the cut-off to the day on which a leaver would count as gone anyway.
    """

    churned: npt.NDArray[np.int8]
    score: Floats
    values: Floats
    lead_days: Floats


@dataclass(frozen=True)
class Threshold:
    """A probability, and what it was chosen by."""

    probability: float
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What contacting everybody at or above a threshold comes to on one cut-off.

    `cost` is the mean cost a customer, contacts and the value of leavers that is lost, in the project's currency; None
    where costs or values are unknown. `lead_days` is the median of the leavers found.
    """

    contacts: int
    precision: float | None
    recall: float
    cost: float | None
    lead_days: float | None


def choose(tests: Sequence[Judged], model: Model, *, share: float) -> Threshold:
    """Return the lowest probability that costs, capacity and share allow.

    Parameters
    ----------
    tests : sequence of Judged
        Test cut-offs; each was scored by models that had not seen it.
    share : float
        Greatest share of the customers at or above.
    """
    scores = np.concatenate([test.score for test in tests])
    bounds = {f"at most {share:.0%} of the customers (churn.alert_share)": float(np.quantile(scores, 1 - share))}
    if model.weekly_capacity is not None:
        bounds[f"at most {model.weekly_capacity} contacts a week (model.weekly_capacity)"] = max(
            _of_rank(test.score, model.weekly_capacity) for test in tests
        )
    if (pays := _pays_from(tests, model)) is not None:
        bounds[f"a contact for {model.contact_cost:g} pays from here on (model.contact_cost)"] = pays
    reason = max(bounds, key=lambda name: bounds[name])
    return Threshold(bounds[reason], reason)


def outcome(test: Judged, threshold: float, model: Model) -> Outcome:
    """Return what a threshold would have come to on a cut-off."""
    contacted = test.score >= threshold
    left = test.churned == 1
    found = contacted & left
    cost = None
    if model.contact_cost is not None and (values := filled(test.values)) is not None:
        lost = values * left * (1 - model.saved_share * contacted)
        cost = float((model.contact_cost * contacted + lost).mean())
    return Outcome(
        contacts=int(contacted.sum()),
        precision=float(found.sum() / contacted.sum()) if contacted.any() else None,
        recall=float(found.sum() / left.sum()),
        cost=cost,
        lead_days=float(np.median(test.lead_days[found])) if len(test.lead_days) and found.any() else None,
    )


def filled(values: Floats) -> Floats | None:
    """Return values (n,) with the median where one is unknown; None where all are."""
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), np.median(known), values) if len(known) else None


def _pays_from(tests: Sequence[Judged], model: Model) -> float | None:
    """Return the score down to which contacting had paid best; a number above all where it never did."""
    values = filled(np.concatenate([test.values for test in tests]))
    if model.contact_cost is None or values is None:
        return None
    scores = np.concatenate([test.score for test in tests])
    gain = np.concatenate([test.churned for test in tests]) * model.saved_share * values - model.contact_cost
    order = np.argsort(-scores, kind="stable")
    ranked, total = scores[order], np.cumsum(gain[order])
    # Equal scores are contacted together.
    last = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.argmax(np.where(last, total, -np.inf)))
    return float(ranked[best]) if total[best] > 0 else float(np.nextafter(ranked[0], 2))


def _of_rank(score: Floats, capacity: int) -> float:
    """Return the lowest threshold that no more than `capacity` customers reach."""
    ranked = np.sort(score)[::-1]
    return float(np.nextafter(ranked[capacity], 2)) if capacity < len(ranked) else 0.0
