"""What a rule would have said on past dates, judged by what became of the customers: no database, no clock.

A rule is replayed on as-of dates some days apart, on the features of each, which hold only what was known then. An
alert is the first of the dates on which it is true without a break, as a case would open only once. A leaver is a
customer whose label says churned on one date or on several in a row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

SHOWN = 5


@dataclass(frozen=True)
class Firing:
    """A date on which the rule is true for a customer.

    Attributes
    ----------
    manager
        Who looks after the customer today.
    churned
        The label of the date; None where the customer was not eligible, or the label window has not closed.
    """

    customer_id: str
    day: date
    manager: str
    churned: bool | None


@dataclass(frozen=True)
class Leaving:
    """A date on which a customer was to leave within the horizon, and the day on which they counted as gone."""

    customer_id: str
    day: date
    gone_on: date


@dataclass(frozen=True)
class Example:
    """One customer as an example; `day` is that of the alert, or the first on which an alert would have been right."""

    customer_id: str
    day: date
    said: str
    name: str = ""


@dataclass(frozen=True)
class Replayed:
    """What a rule would have done.

    Attributes
    ----------
    dates, first, last
        Number of the as-of dates replayed, and the span of them.
    alerts, alerts_per_week, managers
        In total, a week, and a week by manager, the most burdened first.
    judged, right, precision
        Alerts whose label is known, those whose customer left, and the share; None where none is known.
    leavers, foreseen, recall
        Leavers of the span, those for whom the rule was true on a date before they were gone, and the share.
    lead_days
        Median of the days from the first such date to the day on which a foreseen leaver counted as gone.
    examples, missed
        The newest alerts, those that are judged before the others, and the newest leavers that it would have missed.
    """

    dates: int
    first: date | None
    last: date | None
    alerts: int = 0
    alerts_per_week: float = 0.0
    managers: tuple[tuple[str, float], ...] = ()
    judged: int = 0
    right: int = 0
    precision: float | None = None
    leavers: int = 0
    foreseen: int = 0
    recall: float | None = None
    lead_days: float | None = None
    examples: tuple[Example, ...] = ()
    missed: tuple[Example, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the figures and examples in the words of JSON."""
        plain = {name: value for name, value in vars(self).items() if name not in {"examples", "missed", "managers"}}
        return (
            {name: value.isoformat() if isinstance(value, date) else value for name, value in plain.items()}
            | {"managers": [list(one) for one in self.managers]}
            | {
                name: [vars(one) | {"day": one.day.isoformat()} for one in given]
                for name, given in (("examples", self.examples), ("missed", self.missed))
            }
        )


def spaced(days: Iterable[date], *, least_days: int) -> list[date]:
    """Return dates at least `least_days` apart, oldest first, the newest always among them."""
    chosen: list[date] = []
    for day in sorted(days, reverse=True):
        if not chosen or day <= chosen[-1] - timedelta(days=least_days):
            chosen.append(day)
    return chosen[::-1]


def replay(dates: Sequence[date], firings: Iterable[Firing], leavings: Iterable[Leaving]) -> Replayed:
    """Judge a rule by its firings on the replayed dates.

    Parameters
    ----------
    dates : sequence of date
        All dates that were replayed, oldest first; a week of alerts is counted over their span.
    firings : iterable of Firing
        Only of these dates, in any order.
    leavings : iterable of Leaving
        Every (customer, date) of these dates whose label is churned.
    """
    if not dates:
        return Replayed(0, None, None)
    place = {day: number for number, day in enumerate(dates)}
    fired = {(one.customer_id, place[one.day]): one for one in firings}
    alerts = sorted(
        (one for (customer, at), one in fired.items() if (customer, at - 1) not in fired),
        key=lambda one: (one.day, one.customer_id),
        reverse=True,
    )
    judged = [one for one in alerts if one.churned is not None]
    unjudged = [one for one in alerts if one.churned is None]
    right = sum(bool(one.churned) for one in judged)
    weeks = _weeks(dates)
    managers = Counter(one.manager for one in alerts)
    runs = list(_runs(leavings, place))
    leads, missed = [], []
    for run in runs:
        warned = next((one for one in run if (one.customer_id, place[one.day]) in fired), None)
        if warned:
            leads.append((warned.gone_on - warned.day).days)
        else:
            missed.append(run[0])
    missed.sort(key=lambda one: (one.day, one.customer_id), reverse=True)
    return Replayed(
        dates=len(dates),
        first=dates[0],
        last=dates[-1],
        alerts=len(alerts),
        alerts_per_week=len(alerts) / weeks,
        managers=tuple((name, count / weeks) for name, count in sorted(managers.items(), key=_most_first)),
        judged=len(judged),
        right=right,
        precision=right / len(judged) if judged else None,
        leavers=len(runs),
        foreseen=len(leads),
        recall=len(leads) / len(runs) if runs else None,
        lead_days=median(leads) if leads else None,
        examples=tuple(Example(one.customer_id, one.day, _became(one.churned)) for one in [*judged, *unjudged][:SHOWN]),
        missed=tuple(Example(one.customer_id, one.day, f"gone on {one.gone_on}") for one in missed[:SHOWN]),
    )


def _weeks(dates: Sequence[date]) -> float:
    """Return the weeks that the dates stand for: their span, and one step before the first."""
    steps = [(later - earlier).days for earlier, later in pairwise(dates)]
    return ((dates[-1] - dates[0]).days + (median(steps) if steps else 7)) / 7


def _most_first(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]


def _runs(leavings: Iterable[Leaving], place: Mapping[date, int]) -> Iterator[list[Leaving]]:
    """Return the dates of each leaver, oldest first; a break between dates is a second leaving."""
    by_customer: dict[str, list[Leaving]] = defaultdict(list)
    for one in leavings:
        by_customer[one.customer_id].append(one)
    for dates in by_customer.values():
        dates.sort(key=lambda one: one.day)
        run = [dates[0]]
        for one in dates[1:]:
            if place[one.day] == place[run[-1].day] + 1:
                run.append(one)
            else:
                yield run
                run = [one]
        yield run


def _became(churned: bool | None) -> str:
    return {True: "left", False: "stayed", None: "not judged"}[churned]
