"""How features and scores lay when a model learned: what later days are held against.

Made once for a model version, from the dates that it could learn from, and kept in `ml.reference`: bins and shares, no
row of a customer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg2 import extensions
from psycopg2.extras import execute_values

from churn_model.economy import one_thread
from churn_model.explain import Explainer
from churn_model.features import NAMES
from churn_model.reader import Floats
from churn_model.snapshots import EPOCH, Snapshots
from churn_model.split import is_too_short, rolling_origin

BINS = 10
SMALLEST = 1e-4  # share of an empty bin, so that the logarithm exists
PROBABILITY = "probability"
EXPLAINED_ROWS = 2_000

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reference:
    """One feature, or the probability, over the dates of the training.

    Attributes
    ----------
    edges : ndarray (k,)
        Inner edges of the bins, ascending; bin i holds values in (edges[i - 1], edges[i]].
    shares : ndarray (k + 2,)
        Share of unknown values, then of each bin.
    weight : float
        Share of the feature in what moves scores; 0 for the probability.
    usual_psi : float
        The largest distance of one date of the training from all of them, or of one that the model was judged on from
        those before it: where no customer is new, all of them age, and a model that was good then is good now.
    """

    feature: str
    edges: Floats
    shares: Floats
    weight: float
    usual_psi: float

    @property
    def known_share(self) -> float:
        """Share of the values that were known."""
        return float(1 - self.shares[0])

    def psi(self, values: Floats) -> float:
        """Return the population stability index of values (n,) against the training; NaN is a bin of its own."""
        return psi(shares(values, self.edges), self.shares)


def shares(values: Floats, edges: Floats) -> Floats:
    """Return the share of unknown values and of each bin, (len(edges) + 2,)."""
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    result: Floats = np.r_[len(values) - len(known), counts] / max(len(values), 1)
    return result


def psi(found: Floats, expected: Floats) -> float:
    """Return the population stability index of two lists of shares: sum of (f - e) · ln(f / e).

    By habit of the trade below 0.1 is stable and above 0.25 has moved; it grows with few rows, so it is a diagnostic.
    """
    f, e = np.maximum(found, SMALLEST), np.maximum(expected, SMALLEST)
    return float(((f - e) * np.log(f / e)).sum())


def make_references(snapshots: Snapshots, model: Any) -> list[Reference]:
    """Return a reference for each feature and one for the probability."""
    with one_thread():
        probability = model.predict_proba(snapshots.features)[:, 1]
    step = max(1, len(probability) // EXPLAINED_ROWS)
    contributions = np.abs(Explainer(model, currency="").contributions(snapshots.features[::step])).sum(axis=0)
    weights = contributions / max(contributions.sum(), SMALLEST)
    columns = [(name, snapshots.features[:, place], float(weights[place])) for place, name in enumerate(NAMES)]
    dates = {day: snapshots.days == (day - EPOCH).days for day in snapshots.dates}
    folds = _folds(snapshots, dates)
    return [
        _reference(name, values, weight, dates.values(), folds)
        for name, values, weight in [*columns, (PROBABILITY, probability, 0.0)]
    ]


def _folds(snapshots: Snapshots, dates: Mapping[date, Rows]) -> list[tuple[Rows, Rows]]:
    """Return the rows that each fold of the evaluation learned from, and those that it was judged on."""
    if is_too_short(snapshots.dates, horizon_days=snapshots.horizon_days):
        return []
    folds = rolling_origin(snapshots.dates, horizon_days=snapshots.horizon_days)
    return [(np.any([dates[day] for day in fold.train], axis=0), dates[fold.test]) for fold in folds]


def _reference(
    name: str, values: Floats, weight: float, dates: Collection[Rows], folds: Sequence[tuple[Rows, Rows]]
) -> Reference:
    edges, expected = _bins(values)
    distances = [psi(shares(values[rows], edges), expected) for rows in dates]
    for learned, judged in folds:
        before, known = _bins(values[learned])
        distances.append(psi(shares(values[judged], before), known))
    return Reference(name, edges, expected, weight, max(distances))


def _bins(values: Floats) -> tuple[Floats, Floats]:
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    return edges, shares(values, edges)


def keep(cursor: extensions.cursor, model: tuple[str, str], references: list[Reference]) -> None:
    """Keep the references of a model version, (name, version); the caller commits."""
    cursor.execute("delete from ml.reference where (model_name, model_version) = (%s, %s)", model)
    execute_values(
        cursor,
        "insert into ml.reference (model_name, model_version, feature, edges, shares, known_share, weight, usual_psi)"
        " values %s",
        [
            (*model, one.feature, one.edges.tolist(), one.shares.tolist(), one.known_share, one.weight, one.usual_psi)
            for one in references
        ],
        template="(%s, %s, %s, %s::float8[], %s::float8[], %s, %s, %s)",
    )


def kept(cursor: extensions.cursor, model: tuple[str, str]) -> list[Reference]:
    """Return the references of a model version, in the order of the features; empty where there are none."""
    cursor.execute(
        "select feature, edges, shares, weight, usual_psi from ml.reference"
        " where (model_name, model_version) = (%s, %s)",
        model,
    )
    found = {row[0]: Reference(row[0], np.array(row[1]), np.array(row[2]), *row[3:]) for row in cursor.fetchall()}
    return [found[name] for name in (*NAMES, PROBABILITY) if name in found]
