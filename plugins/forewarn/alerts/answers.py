"""What people say of a case: acknowledge, start, snooze, close with an outcome, useful; each once, with who and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from psycopg2 import extensions

from forewarn.alerts.case_plan import Outcome
from forewarn.alerts.case_store import note
from forewarn.alerts.escalation import ESCALATION
from forewarn.alerts.interventions import INTERVENTIONS, Intervention
from forewarn.alerts.tasks import drop_of_case
from forewarn.errors import Permanent

Action = Literal["acknowledge", "start", "snooze", "close", "useful"]

# From which states an action leads where; None leaves the state.
_LEADS: dict[Action, tuple[frozenset[str], str | None, str]] = {
    "acknowledge": (frozenset({"open"}), "acknowledged", "acknowledged"),
    "start": (frozenset({"open", "acknowledged"}), "in_progress", "started"),
    "snooze": (frozenset({"open", "acknowledged", "in_progress"}), None, "snoozed"),
    "close": (frozenset({"open", "acknowledged", "in_progress"}), "closed", "closed"),
    # Feedback on the alert, not on the customer: it holds whatever becomes of the case.
    "useful": (frozenset({"open", "acknowledged", "in_progress", "closed"}), None, "feedback"),
}
# Kinds of the events that answers leave.
ANSWERS = tuple(kind for _, _, kind in _LEADS.values())


@dataclass(frozen=True)
class Answer:
    """One answer of one person to one case.

    `outcome` and `intervention`, what was done, go with `close`, and `until` with `snooze`: the first day on which
    people hear of it again. `alert_id` is the message that was answered, where it was by its link. `cost` is what the
    intervention cost, in the project's currency; None is the usual cost of a contact. `presumed` says that nobody told
    what was done.
    """

    case_id: int
    action: Action
    by: str
    reason: str = ""
    outcome: Outcome | None = None
    until: date | None = None
    alert_id: int | None = None
    intervention: Intervention | None = None
    cost: float | None = None
    presumed: bool = False


def answer(cursor: extensions.cursor, given: Answer, *, now: datetime) -> bool:
    """Do what a person says to do with a case; the caller commits.

    Messages that the answer makes needless are suppressed, and say so; the open tasks of a closed case are dropped.

    Returns
    -------
    bool
        False where the case is there already: the same answer twice is one.

    Raises
    ------
    Permanent
        There is no such case, it is closed already, or the outcome, what was done or the day is missing.
    """
    _demand_whole(given)
    state, outcome, snoozed_until, updated_as_of = hold_case(cursor, given.case_id)
    allowed, then, kind = _LEADS[given.action]
    if _is_done(cursor, given, state, outcome, snoozed_until):
        return False
    if state not in allowed:
        raise Permanent(
            f"case {given.case_id}",
            expected=f"a case that is {' or '.join(sorted(allowed))}",
            got=f"{state}{f' ({outcome})' if outcome else ''}",
            next_step="a customer with new signals gets a new case" if state == "closed" else "close it, or snooze it",
        )
    day = max(published_day(cursor) or updated_as_of, updated_as_of)
    if given.action != "useful":
        cursor.execute(
            'update alerts."case" set state = coalesce(%(then)s, state), updated_at = %(now)s, outcome = %(outcome)s,'
            " closed_as_of = case when %(then)s = 'closed' then %(day)s::date end,"
            " closed_at = case when %(then)s = 'closed' then %(now)s::timestamptz end,"
            " intervention = %(intervention)s, intervention_presumed = %(presumed)s, intervention_cost = %(cost)s,"
            " snoozed_until = coalesce(%(until)s, snoozed_until) where case_id = %(case_id)s",
            {
                "then": then,
                "now": now,
                "outcome": given.outcome,
                "day": day,
                "until": given.until,
                "intervention": given.intervention,
                "presumed": given.presumed if given.action == "close" else None,
                "cost": given.cost,
                "case_id": given.case_id,
            },
        )
    done = given.intervention and f"{given.intervention}{' (presumed)' if given.presumed else ''}"
    until = given.until and f"until {given.until}"
    said = "; ".join(part for part in (given.outcome, done, until, given.reason) if part)
    detail = {
        "by": given.by,
        "from": state,
        "outcome": given.outcome,
        "intervention": given.intervention,
        "intervention_presumed": given.presumed if given.action == "close" else None,
        "intervention_cost": given.cost,
        "alert_id": given.alert_id,
        # What taking the answer back restores.
        "snoozed_until": snoozed_until and snoozed_until.isoformat(),
        "suppressed": [] if given.action == "useful" else _suppress(cursor, given),
    }
    if given.action == "useful":
        said = "; ".join(part for part in ("useful", given.reason) if part)
    note(cursor, [(given.case_id, kind, said or f"by {given.by}", detail)], as_of_date=day, now=now)
    if given.action == "close":
        drop_of_case(cursor, given.case_id, f"the case is closed: {given.outcome}", by=given.by, now=now)
    return True


def hold_case(cursor: extensions.cursor, case_id: int) -> tuple[str, str | None, date | None, date]:
    """Lock a case until the transaction ends; return state, outcome, the end of its snooze and the day of its data.

    Raises
    ------
    Permanent
        There is no such case.
    """
    cursor.execute(
        'select state, outcome, snoozed_until, updated_as_of from alerts."case" where case_id = %s for update',
        [case_id],
    )
    row = cursor.fetchone()
    if row is None:
        raise Permanent(
            f"case {case_id}", expected="a case", got="none", next_step="see `forewarn case list` for those open"
        )
    state, outcome, snoozed_until, updated_as_of = row
    return state, outcome, snoozed_until, updated_as_of


def published_day(cursor: extensions.cursor) -> date | None:
    """Return the newest day that is published live, by which people act; None before the first."""
    cursor.execute("select max(as_of_date) from ops.publication where live")
    published: date | None = (cursor.fetchone() or (None,))[0]
    return published


def stands(cursor: extensions.cursor, case_id: int) -> list[tuple[int, str, dict[str, Any], datetime]]:
    """Return the answers to a case that nobody took back, newest first: event, kind, detail and when."""
    cursor.execute(
        """
        select e.event_id, e.kind, e.detail, e.happened_at from alerts.case_event as e
        where e.case_id = %s and e.kind = any(%s) and e.detail ? 'by' and not exists (
            select from alerts.case_event as b
            where b.case_id = e.case_id and b.kind = 'taken_back' and (b.detail ->> 'event_id')::bigint = e.event_id
        )
        order by e.event_id desc
        """,
        [case_id, list(ANSWERS)],
    )
    return cursor.fetchall()


def _demand_whole(given: Answer) -> None:
    if given.action == "close" and given.outcome is None:
        raise Permanent(
            f"case {given.case_id}",
            expected="an outcome with which it is closed: saved, churned, false_alarm or no_answer",
            got="none",
            next_step="say what came of it",
        )
    if given.action == "close" and given.intervention is None:
        raise Permanent(
            f"case {given.case_id}",
            expected=f"what was done about it: {', '.join(INTERVENTIONS[:-1])} or {INTERVENTIONS[-1]}",
            got="nothing",
            next_step="say none, if nothing was",
        )
    if given.action != "close" and (given.intervention is not None or given.cost is not None):
        raise Permanent(f"case {given.case_id}", expected="what was done with a case that is closed", got=given.action)
    if given.cost is not None and given.cost < 0:
        raise Permanent(f"case {given.case_id}", expected="a cost of 0 or more", got=f"{given.cost:g}")
    if given.action == "snooze" and given.until is None:
        raise Permanent(f"case {given.case_id}", expected="a day until which it is snoozed", got="none")


def _is_done(
    cursor: extensions.cursor, given: Answer, state: str, outcome: str | None, snoozed_until: date | None
) -> bool:
    if given.action == "useful":
        found = stands(cursor, given.case_id)
        return any(kind == "feedback" and detail["by"] == given.by for _, kind, detail, _ in found)
    if given.action == "close":
        return state == "closed" and outcome == given.outcome
    if given.action == "snooze":
        return state != "closed" and snoozed_until == given.until
    return state == _LEADS[given.action][1]


def _suppress(cursor: extensions.cursor, given: Answer) -> list[int]:
    """Keep back what waits to be sent: of a closed case everything, otherwise what need not be told now.

    That is the escalation, and lines of digests. Returns the messages.
    """
    cursor.execute(
        "update alerts.outbox set state = 'suppressed', reason = %s"
        " where case_id = %s and state in ('pending', 'retry') and (%s or kind = %s or gathered) returning alert_id",
        [f"answered by {given.by}: {given.action}", given.case_id, given.action == "close", ESCALATION],
    )
    return [alert_id for (alert_id,) in cursor.fetchall()]
