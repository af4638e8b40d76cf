"""Why a customer's score moved between two dates: what they did, what was corrected, what was configured, which model.

A score is a function (the model) of features. Between two dates both may change, and the features for three reasons.
The way from the first score to the second leads over the first date's features as they would be told today: what
differs there is no doing of the customer's, but a correction, or a part of the configuration that was changed since.
Each step is taken by both models and counts with its mean, and so does the change of the model at both ends: the parts
add up to the movement in log-odds, whatever the order (Shapley's value for two players).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from psycopg2 import extensions

from churn_model.explain import FAMILIES, Explainer
from churn_model.explanation import features_of, find_customer
from churn_model.features import NAMES
from churn_model.reader import Floats
from churn_model.registry import Champion, load_version
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

Cause = Literal["behaviour", "data correction", "configuration", "model"]
CAUSES: tuple[Cause, ...] = ("behaviour", "data correction", "configuration", "model")
# A customer's features of as-of dates, (1, len(NAMES)) each, by what had come to light before the last of them.
Restate = Callable[[str, Sequence[date]], Sequence[Floats]]


@dataclass(frozen=True)
class State:
    """A score of one date: the model, the features it was made from, and these as they would be told today."""

    model: Any
    kept: Floats
    restated: Floats


@dataclass(frozen=True)
class Movement:
    """What moved a score, in log-odds.

    Attributes
    ----------
    parts : dict
        Cause → its part; they add up to the movement.
    families : tuple of (str, float)
        What the customer's behaviour comes to by family, strongest first.
    changed : tuple of str
        Parts of the configuration that differ between the two scores.
    """

    customer_id: str
    dates: tuple[date, date]
    models: tuple[str, str]
    probabilities: tuple[float, float]
    parts: Mapping[Cause, float]
    families: tuple[tuple[str, float], ...]
    changed: tuple[str, ...]

    @property
    def total(self) -> float:
        """The movement in log-odds."""
        return float(sum(self.parts.values()))

    def share(self, cause: Cause) -> float:
        """Return a cause's share in all that moved, in whatever direction; 0 where nothing did."""
        moved = sum(abs(part) for part in self.parts.values())
        return abs(self.parts[cause]) / moved if moved else 0.0


def decompose(
    first: State, second: State, *, configured: Collection[str] = (), redefined: bool = False
) -> tuple[dict[Cause, float], Floats]:
    """Take the way from one score to another apart.

    Parameters
    ----------
    configured : collection of str
        Features that rest on a part of the configuration that was changed: what restating does to them is its part.
    redefined : bool
        Whether the second model was trained for another meaning of churn: then its part is the configuration's.

    Returns
    -------
    parts : dict
        Cause → log-odds.
    families : ndarray (len(FAMILIES),)
        The behaviour's part by family.
    """
    models = (first.model, second.model)
    places = [place for place, name in enumerate(NAMES) if name in configured]
    path: list[tuple[Cause, Floats, Floats]] = [
        *_restating(first.kept, first.restated, places),
        ("behaviour", first.restated, second.restated),
        *((cause, after, before) for cause, before, after in _restating(second.kept, second.restated, places)),
    ]
    parts: dict[Cause, float] = dict.fromkeys(CAUSES, 0.0)
    for cause, before, after in path:
        parts[cause] += float(np.mean([log_odds(model, after) - log_odds(model, before) for model in models]))
    ends = (first.kept, second.kept)
    by_model = float(np.mean([log_odds(second.model, at) - log_odds(first.model, at) for at in ends]))
    parts["configuration" if redefined else "model"] += by_model
    return parts, _by_family(models, first.restated, second.restated)


def log_odds(model: Any, features: Floats) -> float:
    """Return the log-odds of churn of one customer, `features` (1, len(NAMES))."""
    probability = np.clip(model.predict_proba(features)[0, 1], 1e-12, 1 - 1e-12)
    return float(np.log(probability / (1 - probability)))


def _restating(kept: Floats, restated: Floats, configured: Sequence[int]) -> list[tuple[Cause, Floats, Floats]]:
    half = kept.copy()
    half[:, configured] = restated[:, configured]
    return [("configuration", kept, half), ("data correction", half, restated)]


def _by_family(models: Sequence[Any], before: Floats, after: Floats) -> Floats:
    moved = []
    for model in models:
        explainer = Explainer(model, currency="")
        moved.append(explainer.families(explainer.contributions(after) - explainer.contributions(before))[0])
    mean: Floats = np.mean(moved, axis=0)
    return mean


def explain_movement(
    settings: Settings,
    project: Project,
    wanted: str,
    *,
    dates: tuple[date, date],
    restate: Restate,
    reads: Mapping[str, Collection[str]],
    configuration: Mapping[str, str],
) -> Movement:
    """Explain why the score of one customer moved between two dates that were scored.

    Parameters
    ----------
    wanted : str
        A customer_id or an account, as for `explain_customer`.
    restate : callable
        Computes features again, see `forewarn.warehouse.restate`.
    reads : dict
        Part of the configuration → the features that rest on it.
    configuration : dict
        Today's, part → digest: that is what `restate` computes with.

    Raises
    ------
    Permanent
        No such customer, or one of the dates was not scored for it.
    ModelRejected
        A model that scored cannot be loaded any more.
    """
    with connect(settings.warehouse_url, application="forewarn moved") as connection, connection.cursor() as cursor:
        customer = find_customer(cursor, wanted)
        scores = [_score(cursor, customer, day, project.churn.definition) for day in dates]
        kept = [features_of(connection, customer, day)[1] for day in dates]
    models = [load_version(settings, score.model_name, score.model_version) for score in scores]
    restated = restate(customer, dates)
    changed = _changed([scores[0].parts, scores[1].parts, configuration])
    states = [State(model.model, *rows) for model, rows in zip(models, zip(kept, restated, strict=True), strict=True)]
    parts, families = decompose(
        states[0],
        states[1],
        configured={feature for part in changed for feature in reads.get(part, ())},
        redefined="churn" in _changed([scores[0].parts, scores[1].parts]),
    )
    return Movement(
        customer_id=customer,
        dates=dates,
        models=(_named(models[0]), _named(models[1])),
        probabilities=(scores[0].probability, scores[1].probability),
        parts=parts,
        families=tuple(sorted(zip(FAMILIES, families.tolist(), strict=True), key=lambda one: -abs(one[1]))),
        changed=tuple(_changed([scores[0].parts, scores[1].parts])),
    )


@dataclass(frozen=True)
class _Score:
    probability: float
    model_name: str
    model_version: str
    parts: Mapping[str, str]


def _score(cursor: extensions.cursor, customer: str, day: date, definition: str) -> _Score:
    cursor.execute(
        "select probability, model_name, model_version, coalesce(parts, '{}') from ml.score"
        " left join ml.configuration using (configuration)"
        " where customer_id = %s and as_of_date = %s and definition = %s",
        [customer, day, definition],
    )
    row = cursor.fetchone()
    if row is None:
        raise Permanent(
            f"customer {customer}",
            expected=f"a score of {day}",
            got="none",
            next_step="choose dates on which the customer was eligible and scored: select as_of_date from ml.score",
        )
    return _Score(*row)


def _changed(configurations: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the parts that are not the same in all; what was not kept then is taken as unchanged."""
    names = sorted({name for one in configurations for name in one})
    return [name for name in names if len({one[name] for one in configurations if name in one}) > 1]


def _named(model: Champion) -> str:
    return f"{model.name} version {model.version}"
