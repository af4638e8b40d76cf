"""Whether today's scores may be trusted: gaps and drift of what they are made from, and what became of earlier ones.

Each thing is watched against a bound of its own and gets a verdict: fine, warn, or hold. One hold, and the scores of
the day are not used: rules go on alone and operations are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
from psycopg2 import extensions, sql
from psycopg2.extras import execute_values

from churn_model.contacts import contacted
from churn_model.features import NAMES
from churn_model.metrics import TOP_SHARE
from churn_model.reader import Floats
from churn_model.reference import PROBABILITY, Reference
from forewarn.config.project import Churn
from forewarn.config.watch import Watch

Kind = Literal["gap", "drift", "scores", "calibration", "lift"]
Verdict = Literal["fine", "warn", "hold"]

SEEN = 0.01  # share of known values that a feature must have had to be missed
OWN, EARLIER, CONTACTED = "live scores", "earlier versions", "contacted customers"
STANDARD = Watch()


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
    """What became of scores of one earlier date: how many, promised and observed leavers, and who left of the top.

    `contacted` says whom it is about: customers of whom somebody was told within the label window, or the others. `top`
    is the tenth with the highest scores of these.
    """

    day: date
    customers: int
    promised: float
    variance: float
    left: int
    top: int
    top_left: int
    contacted: bool = False


def watch_inputs(
    features: Floats,
    probability: Floats,
    references: Sequence[Reference],
    *,
    late: Collection[str],
    bounds: Watch = STANDARD,
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
            distance, bound = one.psi(probability), _bound(one, bounds)
            verdict: Verdict = "hold" if distance > max(bound, bounds.scores_hold_psi) else _warn(distance > bound)
            said = f"scores lie {distance:.2f} (PSI) from those of the training; up to {bound:.2f} is usual"
            found.append(Watched("scores", PROBABILITY, distance, bound, verdict, said))
        elif one.feature not in late:
            found.append(_watch_feature(one, features[:, NAMES.index(one.feature)], bounds))
    limits: dict[Kind, float] = {"gap": bounds.gap_holds, "drift": bounds.drift_holds}
    for kind, limit in limits.items():
        suspects = [one for one in found if one.kind == kind and one.verdict == "warn"]
        weight = sum(weights[one.subject] for one in suspects)
        heaviest = sorted(suspects, key=lambda one: -weights[one.subject])[:5]
        said = f"{kind} in {len(suspects)} features that carry {weight:.0%} of the scores"
        said += f": {', '.join(one.subject for one in heaviest)}" if heaviest else ""
        found.append(Watched(kind, "all features", weight, limit, "hold" if weight > limit else "fine", said))
    return found


def _watch_feature(one: Reference, values: Floats, bounds: Watch) -> Watched:
    known = float(1 - np.isnan(values).mean()) if len(values) else 0.0
    few = bounds.gone_share * one.known_share
    if one.known_share >= SEEN and known < few:
        said = f"known of {known:.0%} of the customers; {one.known_share:.0%} in training"
        return Watched("gap", one.feature, known, few, "warn", said)
    distance, bound = one.psi(values), _bound(one, bounds)
    said = f"lies {distance:.2f} (PSI) from the training; up to {bound:.2f} is usual"
    return Watched("drift", one.feature, distance, bound, _warn(distance > bound), said)


def _bound(one: Reference, bounds: Watch) -> float:
    return max(bounds.moved_psi, bounds.beyond_usual * one.usual_psi)


def _warn(moved: bool) -> Verdict:
    return "warn" if moved else "fine"


def watch_past(past: Sequence[Past], *, own: bool, bounds: Watch = STANDARD) -> list[Watched]:
    """Hold what earlier scores promised against what became of the customers.

    Customers who were contacted are told apart and judge nothing: a contact changes what was foretold.

    Parameters
    ----------
    past : sequence of Past
        Dates of live scores whose label window has closed.
    own : bool
        Whether the version that scores today made them; what an earlier one promised warns at most.
    """
    alone, contacted = ([one for one in past if one.contacted is side] for side in (False, True))
    found: list[Watched] = []
    if sum(one.left for one in alone) >= bounds.fewest_leavers:
        found += _judge_past(alone, OWN if own else EARLIER, own, bounds)
    if contacted:
        found += [replace(one, verdict="fine") for one in _judge_past(contacted, CONTACTED, False, bounds)]
    return found


def _judge_past(past: Sequence[Past], subject: str, own: bool, bounds: Watch) -> list[Watched]:
    left = sum(one.left for one in past)
    promised = sum(one.promised for one in past)
    sure = abs(left - promised) > bounds.standard_errors * float(np.sqrt(sum(one.variance for one in past)))
    ratio = left / promised if promised else float("inf")
    far = max(ratio, 1 / ratio if ratio else float("inf"))
    of = f" of {sum(one.customers for one in past)} {CONTACTED}" if past[0].contacted else ""
    days = f"{past[0].day} to {past[-1].day}"
    said = f"scores of {days} promised {promised:.0f} leavers{of}, and {left} left"
    verdict: Verdict = "fine"
    if sure and far >= bounds.ratio_warns:
        verdict = "hold" if own and far > bounds.ratio_holds else "warn"
    calibration = Watched("calibration", subject, ratio, bounds.ratio_holds, verdict, said)
    base = left / sum(one.customers for one in past)
    top = sum(one.top for one in past)
    lift = sum(one.top_left for one in past) / top / base if top and base else 1.0
    verdict = "hold" if own and lift < bounds.lift_holds else _warn(lift < bounds.lift_warns)
    said = f"of the {TOP_SHARE:.0%}{of} with the highest scores of {days}, {lift:.1f} times as many left as of all"
    return [calibration, Watched("lift", subject, lift, bounds.lift_holds, verdict, said)]


def read_past(cursor: extensions.cursor, churn: Churn, model: tuple[str, str | None], as_of_date: date) -> list[Past]:
    """Return what became of the live scores of a model whose windows have closed, oldest first.

    `model` is its name and a version; None stands for all of them.
    One date a `snapshot_days`, the newest three: daily scores of the same customers say the same thing again.
    """
    first = as_of_date - timedelta(days=churn.horizon_days + 4 * churn.snapshot_days)
    asked = contacted(
        sql.SQL("select distinct as_of_date from ops.publication where live"),
        horizon_days=churn.horizon_days,
        since=first,
        until=as_of_date,
    )
    query = sql.SQL(
        """
        with live as (select distinct as_of_date from ops.publication where live),
        judged as (
            select s.customer_id, s.as_of_date, s.probability, l.churned, asked.customer_id is not null as contacted
            from ml.score as s
            join live on live.as_of_date = s.as_of_date
            join marts.churn_labels as l on l.customer_id = s.customer_id and l.as_of_date = s.as_of_date
                and l.definition = s.definition and l.horizon_days = %(horizon)s
            left join {asked} as asked on asked.customer_id = s.customer_id and asked.as_of_date = s.as_of_date
            where s.definition = %(definition)s
                and s.model_name = %(name)s and s.model_version = coalesce(%(version)s, s.model_version)
                and s.as_of_date >= %(first)s and l.is_mature and l.label_matures_on <= %(as_of_date)s
                and l.churned is not null
        ),
        ranked as (
            select *, row_number() over (partition by as_of_date, contacted order by probability desc, customer_id)
                <= ceil(count(*) over (partition by as_of_date, contacted) * %(top)s) as is_top
            from judged
        )
        select as_of_date, count(*), sum(probability), sum(probability * (1 - probability)),
            count(*) filter (where churned), count(*) filter (where is_top),
            count(*) filter (where churned and is_top), contacted
        from ranked group by as_of_date, contacted order by as_of_date desc, contacted
        """
    ).format(asked=asked)
    cursor.execute(
        query,
        {
            "horizon": churn.horizon_days,
            "definition": churn.definition,
            "name": model[0],
            "version": model[1],
            "first": first,
            "as_of_date": as_of_date,
            "top": TOP_SHARE,
        },
    )
    found = [Past(*row) for row in cursor.fetchall()]
    chosen: list[date] = []
    for day in dict.fromkeys(one.day for one in found):
        if not chosen or day <= chosen[-1] - timedelta(days=churn.snapshot_days):
            chosen.append(day)
    return [one for one in reversed(found) if one.day in chosen[:3]]


def rewrite(
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
