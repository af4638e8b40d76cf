"""Whether today's scores may be trusted: gaps and drift of what they are made from, and what became of earlier ones.

Each thing is watched against a bound of its own and gets a verdict: fine, warn, or hold. One hold, and the scores of
the day are not used: rules go on alone and operations are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
from psycopg2 import extensions
from psycopg2.extras import execute_values

from churn_model.features import NAMES
from churn_model.metrics import TOP_SHARE
from churn_model.reader import Floats
from churn_model.reference import PROBABILITY, Reference
from forewarn.config.project import Churn

Kind = Literal["gap", "drift", "scores", "calibration", "lift"]
Verdict = Literal["fine", "warn", "hold"]

MOVED_PSI = 0.25
BEYOND_USUAL = 2.0  # times the largest distance of a date of the training
GONE = 0.2  # of the known values of the training
SEEN = 0.01  # share of known values that a feature must have had to be missed
GAP_HOLDS = 0.10  # of what moves scores
DRIFT_HOLDS = 0.33
SCORES_HOLD_PSI = 1.0
RATIO_WARNS, RATIO_HOLDS = 1.25, 2.0
SURE = 3.0  # standard errors
FEWEST_LEAVERS = 20
LIFT_WARNS, LIFT_HOLDS = 1.5, 1.0
OWN, EARLIER = "live scores", "earlier versions"


@dataclass(frozen=True)
class Watched:
    """One thing that was watched: its value, the bound that it was held against, and the verdict, in words too."""

    kind: Kind
    subject: str
    value: float
    bound: float
    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Past:
    """What became of scores of one earlier date: how many, promised and observed leavers, and who left of the top."""

    day: date
    customers: int
    promised: float
    variance: float
    left: int
    top: int
    top_left: int


def watch_inputs(
    features: Floats, probability: Floats, references: Sequence[Reference], *, late: Collection[str]
) -> list[Watched]:
    """Hold today's features and probabilities against those that the model learned from.

    Parameters
    ----------
    features : ndarray (n, len(NAMES))
        Of some of the scored customers, drawn without regard to what they are.
    probability : ndarray (m,)
    references : sequence of Reference
        Of the model; what has none is not watched.
    late : collection of str
        Features that are unknown since a stream is late: operations know, and their alerts are held one by one.
    """
    found: list[Watched] = []
    weights = {one.feature: one.weight for one in references}
    for one in references:
        if one.feature == PROBABILITY:
            distance, bound = one.psi(probability), _bound(one)
            verdict: Verdict = "hold" if distance > max(bound, SCORES_HOLD_PSI) else _warn(distance > bound)
            said = f"scores lie {distance:.2f} (PSI) from those of the training; up to {bound:.2f} is usual"
            found.append(Watched("scores", PROBABILITY, distance, bound, verdict, said))
        elif one.feature not in late:
            found.append(_watch_feature(one, features[:, NAMES.index(one.feature)]))
    limits: dict[Kind, float] = {"gap": GAP_HOLDS, "drift": DRIFT_HOLDS}
    for kind, limit in limits.items():
        suspects = [one for one in found if one.kind == kind and one.verdict == "warn"]
        weight = sum(weights[one.subject] for one in suspects)
        heaviest = sorted(suspects, key=lambda one: -weights[one.subject])[:5]
        said = f"{kind} in {len(suspects)} features that carry {weight:.0%} of the scores"
        said += f": {', '.join(one.subject for one in heaviest)}" if heaviest else ""
        found.append(Watched(kind, "all features", weight, limit, "hold" if weight > limit else "fine", said))
    return found


def _watch_feature(one: Reference, values: Floats) -> Watched:
    known = float(1 - np.isnan(values).mean()) if len(values) else 0.0
    if one.known_share >= SEEN and known < GONE * one.known_share:
        said = f"known of {known:.0%} of the customers; {one.known_share:.0%} in training"
        return Watched("gap", one.feature, known, GONE * one.known_share, "warn", said)
    distance, bound = one.psi(values), _bound(one)
    said = f"lies {distance:.2f} (PSI) from the training; up to {bound:.2f} is usual"
    return Watched("drift", one.feature, distance, bound, _warn(distance > bound), said)


def _bound(one: Reference) -> float:
    return max(MOVED_PSI, BEYOND_USUAL * one.usual_psi)


def _warn(moved: bool) -> Verdict:
    return "warn" if moved else "fine"


def watch_past(past: Sequence[Past], *, own: bool) -> list[Watched]:
    """Hold what earlier scores promised against what became of the customers.

    Parameters
    ----------
    past : sequence of Past
        Dates of live scores whose label window has closed.
    own : bool
        Whether the version that scores today made them; what an earlier one promised warns at most.
    """
    subject = OWN if own else EARLIER
    left = sum(one.left for one in past)
    if left < FEWEST_LEAVERS:
        return []
    promised = sum(one.promised for one in past)
    sure = abs(left - promised) > SURE * float(np.sqrt(sum(one.variance for one in past)))
    ratio = left / promised if promised else float("inf")
    far = max(ratio, 1 / ratio)
    days = f"{past[0].day} to {past[-1].day}"
    said = f"scores of {days} promised {promised:.0f} leavers, and {left} left"
    calibration = Watched("calibration", subject, ratio, RATIO_HOLDS, _graded(sure, far, own), said)
    base = left / sum(one.customers for one in past)
    top = sum(one.top for one in past)
    lift = sum(one.top_left for one in past) / top / base if top else 1.0
    verdict: Verdict = "hold" if own and lift < LIFT_HOLDS else _warn(lift < LIFT_WARNS)
    said = f"of the {TOP_SHARE:.0%} with the highest scores of {days}, {lift:.1f} times as many left as of all"
    return [calibration, Watched("lift", subject, lift, LIFT_HOLDS, verdict, said)]


def _graded(sure: bool, far: float, own: bool) -> Verdict:
    if not sure or far < RATIO_WARNS:
        return "fine"
    return "hold" if own and far > RATIO_HOLDS else "warn"


def read_past(cursor: extensions.cursor, churn: Churn, model: tuple[str, str | None], as_of_date: date) -> list[Past]:
    """Return what became of the live scores of a model whose windows have closed, oldest first.

    `model` is its name and a version; None stands for all of them.
    One date a `snapshot_days`, the newest three: daily scores of the same customers say the same thing again.
    """
    cursor.execute(
        """
        with live as (select distinct as_of_date from ops.publication where live),
        judged as (
            select s.as_of_date, s.probability, s.rank_of_day, l.churned,
                count(*) over (partition by s.as_of_date) as customers
            from ml.score as s
            join live on live.as_of_date = s.as_of_date
            join marts.churn_labels as l on l.customer_id = s.customer_id and l.as_of_date = s.as_of_date
                and l.definition = s.definition and l.horizon_days = %(horizon)s
            where s.definition = %(definition)s
                and s.model_name = %(name)s and s.model_version = coalesce(%(version)s, s.model_version)
                and s.as_of_date >= %(first)s and l.is_mature and l.label_matures_on <= %(as_of_date)s
                and l.churned is not null
        )
        select as_of_date, count(*), sum(probability), sum(probability * (1 - probability)),
            count(*) filter (where churned), count(*) filter (where rank_of_day <= ceil(customers * %(top)s)),
            count(*) filter (where churned and rank_of_day <= ceil(customers * %(top)s))
        from judged group by as_of_date order by as_of_date desc
        """,
        {
            "horizon": churn.horizon_days,
            "definition": churn.definition,
            "name": model[0],
            "version": model[1],
            "first": as_of_date - timedelta(days=churn.horizon_days + 4 * churn.snapshot_days),
            "as_of_date": as_of_date,
            "top": TOP_SHARE,
        },
    )
    chosen: list[Past] = []
    for row in cursor.fetchall():
        one = Past(*row)
        if not chosen or one.day <= chosen[-1].day - timedelta(days=churn.snapshot_days):
            chosen.append(one)
    return chosen[:3][::-1]


def replace(
    cursor: extensions.cursor,
    watched: Iterable[Watched],
    *,
    model: tuple[str, str],
    definition: str,
    as_of_date: date,
    now: datetime,
) -> None:
    """Replace what was watched on a date; the caller commits."""
    cursor.execute("delete from ml.watch where as_of_date = %s and definition = %s", [as_of_date, definition])
    execute_values(
        cursor,
        "insert into ml.watch (as_of_date, definition, kind, subject, value, bound, verdict, said, model_name,"
        " model_version, watched_at) values %s",
        [
            (as_of_date, definition, w.kind, w.subject, w.value, w.bound, w.verdict, w.said, *model, now)
            for w in watched
        ],
    )
