"""Company figures out of the ordinary: noticed each night, kept in `alerts.anomaly`, told once by the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json

from forewarn.config.project import Project
from forewarn.loop.company_figures import FIGURES, Figure, read_members, read_series, weekly
from forewarn.loop.figures import ask
from forewarn.loop.usual import Grain, Series, Unusual, Value, contribution, unusual_day, unusual_period

# How many members of how many divisions are named at most.
NAMED = 5
# A member is named that moves the figure by at least so much of what the one does that moves it most.
LEAST_PART = 0.1

_OPEN = "select figure, grain, anomaly_id, since from alerts.anomaly where over_as_of is null"
_BEGIN = """
insert into alerts.anomaly (figure, grain, since, period, seen, expected, usual_from, usual_to, segments, noticed_as_of,
    noticed_at)
values (%(figure)s, %(grain)s, %(since)s, %(period)s, %(seen)s, %(expected)s, %(low)s, %(high)s, %(segments)s, %(day)s,
    %(now)s)
"""
_GOES_ON = """
update alerts.anomaly set since = least(since, %(since)s), period = %(period)s, seen = %(seen)s,
    expected = %(expected)s, usual_from = %(low)s, usual_to = %(high)s, segments = %(segments)s
where anomaly_id = %(anomaly_id)s
"""
_READ = """
select figure, grain, since, period, seen, expected, usual_from, usual_to, segments, noticed_as_of, over_as_of
from alerts.anomaly
where noticed_as_of > %(since)s and noticed_as_of <= %(until)s and figure = any(%(figures)s)
order by noticed_as_of, figure, grain
"""


@dataclass(frozen=True)
class Anomaly:
    """A row of `alerts.anomaly`; `segments` name division, member, what was seen and what is usual of each."""

    figure: str
    grain: Grain
    since: date
    period: date
    seen: float
    expected: float
    usual_from: float
    usual_to: float
    segments: Sequence[Mapping[str, Any]]
    noticed_as_of: date
    over_as_of: date | None


def judge(
    series: Mapping[str, Series], *, as_of_date: date, holidays: Collection[date]
) -> dict[tuple[str, Grain], Any]:
    """Return what is out of the ordinary by figure and grain: no database, no clock.

    A holiday is no day to judge by or to compare with, nor is a week that has one. Where a day of a week is told, the
    week is not told again.
    """
    found: dict[tuple[str, Grain], Unusual | None] = {}
    newest = as_of_date - timedelta(days=1)
    monday = as_of_date - timedelta(days=as_of_date.weekday() + 7)
    for figure in FIGURES:
        told = series.get(figure.name) or {}
        if "day" in figure.grains:
            found[figure.name, "day"] = unusual_day(told, newest, figure.kind, holidays)
        if "week" in figure.grains:
            of_day = found.get((figure.name, "day"))
            calm = not any(monday + timedelta(days=n) in holidays for n in range(7))
            alone = of_day is None or of_day.period < monday
            week = unusual_period(weekly(dict(told)), monday, figure.kind, "week") if calm and alone else None
            found[figure.name, "week"] = week
        if "month" in figure.grains and told:
            found[figure.name, "month"] = unusual_period(told, max(told), figure.kind, "month")
    return found


def watch(
    cursor: extensions.cursor,
    project: Project,
    *,
    as_of_date: date,
    now: datetime,
    unknown: Collection[str] = (),
    holidays: Collection[date] = (),
) -> int:
    """Hold every figure against its own past and keep what is out of the ordinary, in the caller's transaction.

    The same day again changes nothing but figures that were corrected meanwhile.

    Parameters
    ----------
    unknown
        Entities that late or blocked streams feed: what rests on them is neither begun nor ended.

    Returns
    -------
    int
        Figures that have newly left their range.
    """
    known = [one for one in FIGURES if not set(one.entities) & set(unknown)]
    definition = project.churn.definition
    series = read_series(cursor, known, as_of_date=as_of_date, definition=definition)
    cursor.execute(_OPEN)
    going_on = {(figure, grain): (number, since) for figure, grain, number, since in cursor.fetchall()}
    begun = 0
    judged = judge(series, as_of_date=as_of_date, holidays=holidays)
    for figure in known:
        for grain in figure.grains:
            one, before = judged.get((figure.name, grain)), going_on.get((figure.name, grain))
            if one is None:
                if before is not None:
                    cursor.execute(
                        "update alerts.anomaly set over_as_of = %s where anomaly_id = %s", [as_of_date, before[0]]
                    )
                continue
            segments = _segments(cursor, figure, grain, one, as_of_date=as_of_date, definition=definition)
            row = {
                "figure": figure.name,
                "grain": grain,
                "since": one.since,
                "period": one.period,
                "seen": one.seen,
                "expected": one.usual.expected,
                "low": one.usual.low,
                "high": one.usual.high,
                "segments": Json(segments),
                "day": as_of_date,
                "now": now,
            }
            if before is None:
                cursor.execute(_BEGIN, row)
                begun += 1
            else:
                cursor.execute(_GOES_ON, row | {"anomaly_id": before[0]})
    return begun


def noticed(
    cursor: extensions.cursor, figures: Collection[str], *, since: date, until: date
) -> tuple[list[Anomaly], str]:
    """Return what was first noticed after `since` and up to `until`, which tell of the days between; and the query."""
    asked = ask(cursor, _READ, {"since": since, "until": until, "figures": sorted(figures)})
    return [Anomaly(*row) for row in asked.rows], asked.sql


def _segments(
    cursor: extensions.cursor, figure: Figure, grain: Grain, one: Unusual, *, as_of_date: date, definition: str
) -> list[dict[str, Any]]:
    """Return who moves the figure most, in the direction in which it moved: the greatest part first."""
    moved: list[tuple[float, dict[str, Any]]] = []
    whole = 0.0
    members = read_members(cursor, figure, as_of_date=as_of_date, definition=definition)
    sizes = Counter(dimension for dimension, _ in members)
    for (dimension, member), days in members.items():
        if sizes[dimension] == 1:
            # One member of its own divides nothing.
            continue
        nothing = Value(0.0, 0.0 if figure.of else None)
        values = weekly(_whole(days, nothing, as_of_date)) if grain == "week" else days
        seen = values.get(one.period, nothing)
        before = _alike(values, one.period, grain, nothing)
        part = contribution(seen, before, one.usual.expected)
        usual = sorted(value.figure or 0.0 for value in before)
        told = {
            "dimension": dimension,
            "member": member,
            "seen": seen.figure,
            "expected": usual[len(usual) // 2] if usual else None,
        }
        moved.append((part, told))
        whole = max(whole, abs(part))
    down = one.seen < one.usual.expected
    ordered = sorted(moved, key=lambda pair: pair[0] if down else -pair[0])
    least = LEAST_PART * whole
    return [told for part, told in ordered if (part < -least if down else part > least)][:NAMED]


def _alike(values: Mapping[date, Value], period: date, grain: Grain, nothing: Value) -> list[Value]:
    """Return the periods that one is compared with; a member of whom nothing is told had nothing."""
    if grain == "month":
        return [value for month, value in values.items() if month < period]
    return [values.get(period - timedelta(days=7 * back), nothing) for back in range(1, 14)]


def _whole(days: Mapping[date, Value], nothing: Value, until: date) -> dict[date, Value]:
    first = min(days) - timedelta(days=min(days).weekday())
    return {day: days.get(day, nothing) for day in (first + timedelta(days=n) for n in range((until - first).days))}
