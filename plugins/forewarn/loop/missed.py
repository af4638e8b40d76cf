"""The post-mortem of missed churn: when each customer who left without an alert could have been seen, and by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_query import looking_back_query
from forewarn.alerts.rules import Rule, stored_rule
from forewarn.config.project import Project

Why = Literal["not_in_use", "threshold", "low", "kept_back", "not_run", "unknown", "nothing"]
# Of several signals of the same day the one that would have told somebody comes first.
_IN_USE_FIRST = {"live": 0, "model": 1, "shadow": 2, "draft": 3}

MISSED = """
select l.customer_id, l.gone_on from marts.churn_leavers as l
where l.definition = %(definition)s and not l.was_foreseen and l.gone_on <= %(as_of_date)s
    and l.gone_on > (select min(as_of_date) from ops.publication where live)
order by l.gone_on, l.customer_id
"""
_DATES = "select as_of_date from marts.feature_dates where as_of_date >= %(after)s and as_of_date < %(as_of_date)s"
_RULES = """
select v.content, v.state, (
    select min(e.changed_at)::date from alerts.rule_event as e
    where e.rule_id = v.rule_id and e.to_state = 'live'
)
from alerts.rule_version as v where v.state <> 'retired'
    and v.version = (select max(o.version) from alerts.rule_version as o
        where o.rule_id = v.rule_id and o.state = v.state)
order by v.rule_id, v.state
"""
# The threshold that holds now is that of the newest scores.
_SCORES = """
select s.customer_id, s.as_of_date, s.probability >= s.threshold
from ml.score as s
where s.definition = %(definition)s and s.customer_id = any(%(customers)s) and s.as_of_date = any(%(dates)s)
    and s.probability >= (
        select n.threshold from ml.score as n where n.definition = s.definition order by n.as_of_date desc limit 1)
"""
_KEPT_BACK = """
select customer_id, began, ended from (
    select h.customer_id, h.held_as_of as began, coalesce(h.ended_as_of, 'infinity'::date) as ended
    from alerts.hold as h
    union all
    select c.customer_id, e.as_of_date, e.as_of_date + %(horizon)s
    from alerts.case_event as e join alerts."case" as c on c.case_id = e.case_id
    where e.kind = 'suppressed' and e.detail ->> 'why' = 'cool_down'
) as quiet where customer_id = any(%(customers)s)
"""


@dataclass(frozen=True)
class Candidate:
    """Something that would have fired for a customer on a date.

    Attributes
    ----------
    state
        `live`, `shadow` or `draft` of a rule; `model`.
    since
        First day on which a rule was live; None where it never was.
    above_then
        Whether the score was at or above the threshold of its own day; True of a rule.
    """

    day: date
    signal: str
    state: str
    level: str = "medium"
    since: date | None = None
    above_then: bool = True


@dataclass(frozen=True)
class Leaver:
    """One customer who left without an alert, and what is known of the horizon before.

    Attributes
    ----------
    days
        As-of dates of the horizon that the warehouse holds.
    unknown
        Rules that could not judge on one of them, and could on another date.
    quiet
        First and last day of what kept signals of the customer back.
    """

    customer_id: str
    gone_on: date
    looked_from: date
    days: tuple[date, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    unknown: tuple[str, ...] = ()
    quiet: tuple[tuple[date, date], ...] = ()


@dataclass(frozen=True)
class PostMortem:
    """When a leaver could first have been seen, by what, and why nobody was told."""

    leaver: Leaver
    detectable_on: date | None
    signal_kind: Literal["rule", "model"] | None
    signal: str | None
    why: Why
    reason: str


def examine(leaver: Leaver, live_days: Sequence[date] | set[date]) -> PostMortem:
    """Judge one leaver: no database, no clock.

    Parameters
    ----------
    live_days
        As-of dates that were published live: on no other could anybody have been told.
    """
    within = [one for one in leaver.candidates if leaver.looked_from <= one.day < leaver.gone_on]
    if not within:
        if leaver.unknown:
            names = ", ".join(leaver.unknown)
            reason = f"no rule was true, and for want of data {names} could not judge"
            return PostMortem(leaver, None, None, names, "unknown", reason)
        looked = f"{len(leaver.days)} dates from {leaver.looked_from}"
        return PostMortem(leaver, None, None, None, "nothing", f"nothing in the data showed it on {looked}")
    first = min(within, key=lambda one: (one.day, _IN_USE_FIRST[one.state], one.signal))
    kind: Literal["rule", "model"] = "model" if first.state == "model" else "rule"
    why, reason = _why(first, leaver, live_days)
    return PostMortem(leaver, first.day, kind, first.signal, why, f"{first.signal} from {first.day} on: {reason}")


def _why(first: Candidate, leaver: Leaver, live_days: Sequence[date] | set[date]) -> tuple[Why, str]:
    """Return the first of the causes that holds, in the order in which a signal meets them."""
    later = first.state == "live" and (first.since is None or first.since > first.day)
    causes: list[tuple[bool, Why, str]] = [
        (first.state in ("shadow", "draft"), "not_in_use", f"the rule is {first.state}, and tells nobody"),
        (later, "not_in_use", f"the rule is live since {first.since}"),
        (not first.above_then, "threshold", "the threshold was higher then"),
        (first.day not in live_days, "not_run", "no live run of that date"),
        (first.level == "low", "low", "a low signal alone is watched, and nobody is told"),
        (
            any(began <= first.day <= ended for began, ended in leaver.quiet),
            "kept_back",
            "it waited for late data, or a case had been closed shortly before",
        ),
    ]
    # Otherwise it is true by what is known today, and was not by what was known in that night.
    otherwise: tuple[Why, str] = "not_run", "the run of that date had other data, or another version of the rule"
    return next(((why, reason) for holds, why, reason in causes if holds), otherwise)


def post_mortem(cursor: extensions.cursor, project: Project, *, as_of_date: date, now: datetime) -> list[PostMortem]:
    """Examine every leaver until a day whom no alert foresaw, and keep what is found, in the caller's transaction.

    Returns
    -------
    list of PostMortem
        One a leaving, by day.
    """
    churn = project.churn
    values: dict[str, object] = {
        "definition": churn.definition,
        "as_of_date": as_of_date,
        "horizon": churn.horizon_days,
    }
    cursor.execute(MISSED, values)
    missed = cursor.fetchall()
    live_days = _live_days(cursor)
    found = [examine(one, live_days) for one in _leavers(cursor, missed, values, churn.horizon_days)]
    cursor.execute("delete from alerts.missed_churn where definition = %(definition)s", values)
    execute_values(
        cursor,
        "insert into alerts.missed_churn (customer_id, definition, gone_on, looked_from, dates, detectable_on,"
        " signal_kind, signal, why, reason, examined_as_of, examined_at) values %s",
        [
            (
                one.leaver.customer_id,
                churn.definition,
                one.leaver.gone_on,
                one.leaver.looked_from,
                len(one.leaver.days),
                one.detectable_on,
                one.signal_kind,
                one.signal,
                one.why,
                one.reason,
                as_of_date,
                now,
            )
            for one in found
        ],
        page_size=1000,
    )
    return found


@dataclass
class _Looked:
    candidates: list[Candidate] = field(default_factory=list)
    unknown: set[tuple[date, str]] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    quiet: list[tuple[date, date]] = field(default_factory=list)


def _leavers(
    cursor: extensions.cursor, missed: Sequence[tuple[str, date]], values: dict[str, object], horizon_days: int
) -> list[Leaver]:
    if not missed:
        return []
    horizon = timedelta(days=horizon_days)
    cursor.execute(_DATES, values | {"after": min(gone_on for _, gone_on in missed) - horizon})
    dates = sorted(day for (day,) in cursor.fetchall())
    values = values | {"customers": sorted({customer for customer, _ in missed}), "dates": dates}
    looked = _look_back(cursor, values)
    leavers = []
    for customer, gone_on in missed:
        looked_from, one = gone_on - horizon, looked[customer]
        leavers.append(
            Leaver(
                customer,
                gone_on,
                looked_from,
                days=tuple(day for day in dates if looked_from <= day < gone_on),
                candidates=tuple(one.candidates),
                unknown=tuple(sorted(_gone_missing(one, looked_from, gone_on))),
                quiet=tuple(one.quiet),
            )
        )
    return leavers


def _look_back(cursor: extensions.cursor, values: Mapping[str, object]) -> dict[str, _Looked]:
    looked: dict[str, _Looked] = defaultdict(_Looked)
    cursor.execute(_RULES)
    known = [(stored_rule(content), state, since) for content, state, since in cursor.fetchall()]
    rules: list[Rule] = [rule for rule, _, _ in known]
    if rules:
        cursor.execute(looking_back_query(rules, declared()), values)
        for customer, day, fired, unknown in cursor.fetchall():
            for position in fired:
                rule, state, since = known[position]
                looked[customer].candidates.append(Candidate(day, rule.name, state, rule.content.level, since))
            looked[customer].unknown.update((day, rules[position].name) for position in unknown)
            looked[customer].known.update(one.name for at, one in enumerate(rules) if at not in unknown)
    cursor.execute(_SCORES, values)
    for customer, day, above_then in cursor.fetchall():
        signal = str(values["definition"])
        looked[customer].candidates.append(Candidate(day, signal, "model", above_then=above_then))
    cursor.execute(_KEPT_BACK, values)
    for customer, began, ended in cursor.fetchall():
        looked[customer].quiet.append((began, ended))
    return looked


def _gone_missing(looked: _Looked, looked_from: date, gone_on: date) -> set[str]:
    """Return the rules that could not judge in the horizon and could on another date.

    One that never could has no data of this customer: nobody who was never asked for a rating has one.
    """
    return {name for day, name in looked.unknown if looked_from <= day < gone_on and name in looked.known}


def _live_days(cursor: extensions.cursor) -> set[date]:
    cursor.execute("select distinct as_of_date from ops.publication where live")
    return {day for (day,) in cursor.fetchall()}
