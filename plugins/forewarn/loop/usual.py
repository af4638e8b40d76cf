"""What is usual for a figure, and whether its newest value lies outside: no database, no clock.

The rule of `ops.batch_volume`: the median of comparable periods, plus or minus some deviations. A deviation is the
largest of 1.4826 times the median absolute deviation, what chance alone makes, and a share of the median.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import Literal

Grain = Literal["day", "week", "month"]
# Wider than the 3.5 of `ops.batch_volume`: a dozen figures are judged each night, and a quiet year should stay quiet.
DEVIATIONS = 4.0
MAD = 1.4826
LEAST_SHARE = 0.1
# How many comparable periods are looked back to, and how many must be known.
PERIODS = {"day": 13, "week": 13, "month": 12}
LEAST_PERIODS = {"day": 8, "week": 8, "month": 6}
# Below so many things a period chance says more than any rule.
LEAST_COUNT = 20
# A day outside its range belongs to the same event as one up to a week before: every weekday may be as usual once.
GAP = timedelta(days=7)
WALKS_BACK = timedelta(days=14)


@dataclass(frozen=True)
class Value:
    """A figure of one period: `number` counted or summed, or `number` out of `of` of a share or mean."""

    number: float
    of: float | None = None

    @property
    def figure(self) -> float | None:
        """The figure itself; None of a share of nothing."""
        return self.number if self.of is None else self.number / self.of if self.of else None


@dataclass(frozen=True)
class Range:
    """What is usual."""

    expected: float
    low: float
    high: float

    def holds(self, figure: float) -> bool:
        """Tell whether a figure is usual."""
        return self.low <= figure <= self.high


@dataclass(frozen=True)
class Unusual:
    """A figure outside its range.

    Attributes
    ----------
    since
        First day of the first of the periods outside that belong together.
    period
        First day of the newest one; `seen` and `usual` are of it.
    """

    since: date
    period: date
    seen: float
    usual: Range


Kind = Literal["count", "amount", "share", "mean"]
Series = Mapping[date, Value]


def usual_of_day(series: Series, day: date, kind: Kind, skipped: Collection[date] = ()) -> Range | None:
    """Return what is usual on a day: by the same weekday of the quarter before.

    How far days stray is taken from all weekdays together, each beside the root of what is usual on it, so that one odd
    Sunday does not decide of Sundays.
    """
    before = [day - timedelta(days=back) for back in range(1, 7 * PERIODS["day"] + 1)]
    known = {one: series[one].number for one in before if one in series and one not in skipped}
    weekdays = {weekday: [value for one, value in known.items() if one.weekday() == weekday] for weekday in range(7)}
    alike = weekdays[day.weekday()]
    if len(alike) < LEAST_PERIODS["day"] or (expected := median(alike)) < LEAST_COUNT:
        return None
    middle = {weekday: median(values) for weekday, values in weekdays.items() if values}
    strays = [
        abs(value - middle[one.weekday()]) / sqrt(middle[one.weekday()])
        for one, value in known.items()
        if middle[one.weekday()] >= LEAST_COUNT
    ]
    chance = 1.0 if kind == "count" else 0.0
    return _around(expected, max(MAD * median(strays), chance) * sqrt(expected), LEAST_SHARE * expected)


def usual_of_period(series: Series, period: date, kind: Kind, grain: Grain) -> Range | None:
    """Return what is usual in a week or a month: by those before."""
    before = sorted(one for one in series if one < period)[-PERIODS[grain] :]
    known = [(figure, series[one]) for one in before if (figure := series[one].figure) is not None]
    if len(known) < LEAST_PERIODS[grain]:
        return None
    expected = median(figure for figure, _ in known)
    if kind == "count" and expected < LEAST_COUNT:
        return None
    stray = MAD * median(abs(figure - expected) for figure, _ in known)
    least = LEAST_SHARE * abs(expected)
    if kind == "count":
        return _around(expected, max(stray, sqrt(expected)), least)
    if kind == "share":
        of = series[period].of or 0
        if of < LEAST_COUNT:
            return None
        chance = sqrt(max(expected * (1 - expected), 1 / of) / of)
        return _around(expected, max(stray, chance), LEAST_SHARE * min(expected, 1 - expected))
    return _around(expected, stray, least)


def unusual_day(series: Series, newest: date, kind: Kind, skipped: Collection[date] = ()) -> Unusual | None:
    """Return what began up to two weeks before and goes on: the newest day outside lies within a week."""
    outside: list[tuple[date, float, Range]] = []
    day, last = newest, newest
    while day > newest - WALKS_BACK and last - day <= GAP:
        found = None if day in skipped or day not in series else usual_of_day(series, day, kind, skipped)
        if found is not None and not found.holds(series[day].number):
            outside.append((day, series[day].number, found))
            last = day
        day -= timedelta(days=1)
    if not outside:
        return None
    period, seen, usual = outside[0]
    # A day above and a day below are two events.
    above = seen > usual.high
    since = period
    for one, number, there in outside[1:]:
        if (number > there.high) != above:
            break
        since = one
    return Unusual(since, period, seen, usual)


def unusual_period(series: Series, period: date, kind: Kind, grain: Grain) -> Unusual | None:
    """Return the week or month if it lies outside of its range."""
    figure = series[period].figure if period in series else None
    found = None if figure is None else usual_of_period(series, period, kind, grain)
    if figure is None or found is None or found.holds(figure):
        return None
    return Unusual(period, period, figure, found)


def contribution(seen: Value, before: Sequence[Value], expected: float) -> float:
    """Return how far one member of a division moves the figure of all from what is usual.

    Of a count or amount that is what was seen less the member's own median; of a share, what its part has too many or
    too few at the share that is usual for all.
    """
    if seen.of is not None:
        return seen.number - expected * seen.of
    return seen.number - (median(value.number for value in before) if before else 0.0)


def _around(expected: float, stray: float, least: float) -> Range:
    deviation = DEVIATIONS * max(stray, least)
    return Range(expected, expected - deviation, expected + deviation)
