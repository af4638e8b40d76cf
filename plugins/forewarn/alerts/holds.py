"""Alerts that wait for late data: held with a reason, and released or dropped with a reason once they can be judged.

A rule that cannot judge a customer neither opens nor closes a case, and a score that reaches its threshold by what is
unknown opens none. Nobody is told of a held alert, and none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts.case_store import note
from forewarn.alerts.metrics import declared
from forewarn.alerts.rule_ledger import rules_in
from forewarn.alerts.rule_query import unknown_query
from forewarn.alerts.signals import Key, resting
from forewarn.config.project import Project
from forewarn.expressions import names


@dataclass(frozen=True)
class HoldCounts:
    """Alerts that were newly held, and what became of those that had been."""

    held: int
    released: int
    dropped: int


def hold(
    cursor: extensions.cursor,
    project: Project,
    fired: Mapping[Key, str],
    unsure: Mapping[str, str],
    *,
    as_of_date: date,
    now: datetime,
) -> HoldCounts:
    """Hold what late data leave open on a day, and end the holds that are decided; before the day changes any case.

    Parameters
    ----------
    fired
        The signals of the day, with their reasons.
    unsure
        Customer → why a score that reached its threshold is no signal.
    """
    open_holds, late = _open(cursor), _late(cursor, as_of_date)
    if not (open_holds or late or unsure):
        return HoldCounts(0, 0, 0)
    waits: dict[Key, str] = {(customer, "model", project.churn.definition): why for customer, why in unsure.items()}
    if late:
        asked = resting(cursor) | open_holds.keys()
        waits |= _unjudged(cursor, late, as_of_date, asked)
        every = _streams(late, late)
        waits |= {
            key: f"the score knows nothing of {every}, late, and what is known is below the threshold"
            for key in asked
            if key[1] == "model" and key not in fired and key not in waits
        }
    new = {key: why for key, why in waits.items() if key not in open_holds}
    cases = _open_cases(cursor, [key[0] for key in new])
    execute_values(
        cursor,
        "insert into alerts.hold (customer_id, case_id, kind, name, reason, held_as_of, held_at) values %s",
        [(key[0], cases.get(key[0]), *key[1:], why, as_of_date, now) for key, why in new.items()],
    )
    ended = {key: number for key, number in open_holds.items() if key not in waits}
    outcomes = [
        (ended[key], "released", f"true as of {as_of_date}: {fired[key]}")
        if key in fired
        else (ended[key], "dropped", f"judged as of {as_of_date}: not true")
        for key in ended
    ]
    _end(cursor, outcomes, as_of_date=as_of_date, now=now)
    events = [(case, "held", f"{key[2]}: {new[key]}") for key in new if (case := cases.get(key[0])) is not None]
    events += _of_cases(cursor, outcomes)
    note(cursor, [(*event, {}) for event in events], as_of_date=as_of_date, now=now)
    released = sum(outcome == "released" for _, outcome, _ in outcomes)
    return HoldCounts(len(new), released, len(outcomes) - released)


def _late(cursor: extensions.cursor, as_of_date: date) -> dict[str, list[str]]:
    """Return the features that are unknown on a day, each with the streams that it waits for."""
    cursor.execute(
        "select feature, array_agg(source || '.' || stream order by source, stream) from ops.late_stream"
        " cross join unnest(features) as feature where as_of_date = %s group by feature",
        [as_of_date],
    )
    return dict(cursor.fetchall())


def _streams(late: Mapping[str, list[str]], features: Mapping[str, object] | frozenset[str]) -> str:
    return ", ".join(sorted({stream for feature in late.keys() & set(features) for stream in late[feature]}))


def _open(cursor: extensions.cursor) -> dict[Key, int]:
    cursor.execute("select customer_id, kind, name, hold_id from alerts.hold where ended_as_of is null")
    return {(customer, kind, name): number for customer, kind, name, number in cursor.fetchall()}


def _unjudged(
    cursor: extensions.cursor,
    late: Mapping[str, list[str]],
    as_of_date: date,
    asked: set[Key],
) -> dict[Key, str]:
    """Return the rules among `asked` that cannot judge their customer."""
    rules = [rule for rule in rules_in(cursor, "live") if names(rule.condition) & late.keys()]
    if not rules:
        return {}
    cursor.execute(unknown_query(rules, declared()), {"as_of_date": as_of_date})
    found = {}
    for customer, positions in cursor.fetchall():
        for rule in (rules[position] for position in positions):
            key = (customer, "rule", rule.name)
            if key in asked:
                found[key] = f"cannot judge while {_streams(late, names(rule.condition))} is late"
    return found


def _open_cases(cursor: extensions.cursor, customers: list[str]) -> dict[str, int]:
    cursor.execute(
        "select customer_id, case_id from alerts.\"case\" where state <> 'closed' and customer_id = any(%s)",
        [customers],
    )
    return dict(cursor.fetchall())


def _end(cursor: extensions.cursor, outcomes: list[tuple[int, str, str]], *, as_of_date: date, now: datetime) -> None:
    execute_values(
        cursor,
        "update alerts.hold as h set ended_as_of = v.as_of, ended_at = v.at, outcome = v.outcome,"
        " outcome_reason = v.reason from (values %s) as v (hold_id, outcome, reason, as_of, at)"
        " where h.hold_id = v.hold_id",
        [(*outcome, as_of_date, now) for outcome in outcomes],
        template="(%s, %s, %s, %s::date, %s::timestamptz)",
    )


def _of_cases(cursor: extensions.cursor, outcomes: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    cursor.execute(
        "select hold_id, case_id, name from alerts.hold where hold_id = any(%s) and case_id is not null",
        [[number for number, _, _ in outcomes]],
    )
    cases = {number: (case, name) for number, case, name in cursor.fetchall()}
    return [
        (cases[number][0], outcome, f"{cases[number][1]}: {reason}")
        for number, outcome, reason in outcomes
        if number in cases
    ]
