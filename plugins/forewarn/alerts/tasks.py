"""Tasks in the database: one per case, role and step, however often it is asked for; each change with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts.content import ActionContent
from forewarn.alerts.levels import Route
from forewarn.alerts.outbox import ACTION, OVERDUE, Letter, message_key, put
from forewarn.alerts.recipients import Recipient

FOREWARN = "forewarn"
ENDED = "the task has ended"


@dataclass(frozen=True)
class Wanted:
    """A task as a step of a playbook asks for it; exactly one of `case_id` and `order_key` is given.

    Attributes
    ----------
    why
        Goes into its event.
    actions
        What other systems do about it, by names of `actions.yml`.
    """

    customer_id: str
    role: Route
    step: str
    step_version: str
    text: str
    owner: Recipient
    due_on: date
    why: str
    contact_every_days: int | None = None
    case_id: int | None = None
    order_key: str | None = None
    actions: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int | None, str, str]:
        """What it is one of within its case."""
        return self.case_id, self.role, self.step


@dataclass(frozen=True)
class Known:
    """A task of a case as it is in the database."""

    task_id: int
    state: str
    due_on: date
    created_at: datetime


@dataclass(frozen=True)
class Written:
    """A task that was newly written, or whose due day has moved."""

    task_id: int
    wanted: Wanted
    created_at: datetime
    new: bool = True


Event = tuple[int, str, str]


def write_tasks(
    cursor: extensions.cursor,
    wanted: Sequence[Wanted],
    raised: Mapping[int, str],
    *,
    as_of_date: date,
    now: datetime,
) -> list[Written]:
    """Write what cases ask for, in the caller's transaction.

    A task that is there keeps its number; while it is open it moves to an earlier due day, never to a later one. One
    that was done or dropped stays so. Open tasks of a case that has risen and asks for others now are dropped.

    Parameters
    ----------
    wanted
        For a case that has risen: everything that it asks for.
    raised
        Why each case rose, by its number.

    Returns
    -------
    list of Written
        The new tasks, and those whose due day has moved.
    """
    cases = sorted({one.case_id for one in wanted if one.case_id is not None})
    known = _known(cursor, cases)
    asked = {one.key: one for one in wanted}
    created = _insert(cursor, [one for key, one in asked.items() if key not in known], as_of_date=as_of_date, now=now)
    sooner = [
        (known[key], one)
        for key, one in asked.items()
        if key in known and known[key].state == "open" and one.due_on < known[key].due_on
    ]
    execute_values(
        cursor,
        "update alerts.task as t set due_on = v.due_on, text = v.text, step_version = v.version"
        " from (values %s) as v (task_id, due_on, text, version) where t.task_id = v.task_id",
        [(task.task_id, one.due_on, one.text, one.step_version) for task, one in sooner],
        template="(%s, %s::date, %s, %s)",
    )
    events: list[Event] = [(number, "created", one.why) for number, one in created.items()]
    events += [
        (task.task_id, "tightened", f"due {one.due_on} instead of {task.due_on}; {one.why}") for task, one in sooner
    ]
    note_tasks(cursor, events, by=FOREWARN, now=now)
    replaced = [
        (task.task_id, f"the case asks for other steps now: {raised[case_id]}")
        for (case_id, role, step), task in known.items()
        if case_id is not None and case_id in raised and (case_id, role, step) not in asked
    ]
    drop(cursor, replaced, by=FOREWARN, now=now)
    written = [Written(number, one, now) for number, one in created.items()]
    return written + [Written(task.task_id, one, task.created_at, new=False) for task, one in sooner]


def write_reminders(
    cursor: extensions.cursor, wanted: Sequence[Wanted], *, as_of_date: date, now: datetime
) -> list[Written]:
    """Write what orders ask for; an order that has its reminder keeps it. Returns the new ones."""
    created = _insert(cursor, wanted, as_of_date=as_of_date, now=now)
    note_tasks(cursor, [(number, "created", one.why) for number, one in created.items()], by=FOREWARN, now=now)
    return [Written(number, one, now) for number, one in created.items()]


def drop(cursor: extensions.cursor, tasks: Iterable[tuple[int, str]], *, by: str, now: datetime) -> None:
    """Drop open tasks, each with its reason; one that is not open stays as it is."""
    dropped = execute_values(
        cursor,
        "update alerts.task as t set state = 'dropped', outcome = v.reason, ended_at = v.at"
        " from (values %s) as v (task_id, reason, at) where t.task_id = v.task_id and t.state = 'open'"
        " returning t.task_id, t.outcome",
        [(number, reason, now) for number, reason in tasks],
        template="(%s::bigint, %s, %s::timestamptz)",
        page_size=1000,
        fetch=True,
    )
    note_tasks(cursor, [(number, "dropped", reason) for number, reason in dropped], by=by, now=now)
    tell_ended(cursor, [number for number, _ in dropped], now=now)


def tell_ended(cursor: extensions.cursor, tasks: Sequence[int], *, now: datetime) -> None:
    """Let the systems that know of tasks, and that can be told again, know that they have ended.

    What waits to be told of them is kept back. A system that was never told is not told of the end either.
    """
    if not tasks:
        return
    cursor.execute(
        "update alerts.outbox set state = 'suppressed', reason = %(ended)s where kind = any(%(kinds)s)"
        " and state in ('pending', 'retry') and (payload ->> 'task_id')::bigint = any(%(tasks)s)",
        {"kinds": [ACTION, OVERDUE], "tasks": list(tasks), "ended": ENDED},
    )
    _tell(cursor, tasks, now=now)


def _tell(cursor: extensions.cursor, tasks: Sequence[int], *, now: datetime) -> None:
    """Let the systems that were told of tasks, and that can be told again, know how they stand."""
    cursor.execute(
        "select distinct on (t.task_id, o.channel) o.dedup_key, o.channel, o.recipient, o.payload, t.state, t.outcome,"
        " o.expires_at - o.created_at from alerts.outbox as o"
        " join alerts.task as t on t.task_id = (o.payload ->> 'task_id')::bigint"
        " where o.kind = %(action)s and (o.payload ->> 'written_again')::boolean and t.task_id = any(%(tasks)s)"
        " and o.attempts > 0 and o.state <> 'dead' order by t.task_id, o.channel, o.alert_id desc",
        {"action": ACTION, "tasks": list(tasks)},
    )
    for known_by, channel, recipient, payload, state, outcome, lasts in cursor.fetchall():
        key = f"{known_by}:{state}"
        changes = {"state": state, "outcome": outcome, "key": message_key(key, now)}
        content = ActionContent.model_validate(payload).model_copy(update=changes)
        put(cursor, [Letter(key, channel, recipient, content, kind=ACTION)], now=now, expires_at=now + lasts)


def drop_of_case(cursor: extensions.cursor, case_id: int, reason: str, *, by: str, now: datetime) -> None:
    """Drop the open tasks of a case, which is closed."""
    cursor.execute("select task_id from alerts.task where case_id = %s and state = 'open'", [case_id])
    drop(cursor, [(number, reason) for (number,) in cursor.fetchall()], by=by, now=now)


def reopen_of_case(cursor: extensions.cursor, case_id: int, ended_at: datetime, *, by: str, now: datetime) -> None:
    """Open the tasks of a case again that were dropped when it was closed at `ended_at`, and tell who was told."""
    cursor.execute(
        "update alerts.task set state = 'open', outcome = null, ended_at = null"
        " where case_id = %s and state = 'dropped' and ended_at = %s returning task_id",
        [case_id, ended_at],
    )
    if not (tasks := [number for (number,) in cursor.fetchall()]):
        return
    note_tasks(cursor, [(number, "reopened", "the case was closed by mistake") for number in tasks], by=by, now=now)
    of_tasks = "kind = %s and (payload ->> 'task_id')::bigint = any(%s)"
    cursor.execute(
        "update alerts.outbox set state = 'suppressed', reason = 'the task is open again'"
        f" where {of_tasks} and state in ('pending', 'retry') and payload ->> 'state' = 'dropped'",
        [ACTION, tasks],
    )
    cursor.execute(
        "update alerts.outbox set state = case when attempts > 0 then 'retry' else 'pending' end, reason = null"
        f" where {of_tasks} and state = 'suppressed' and reason = %s and payload ->> 'state' = 'open'",
        [ACTION, tasks, ENDED],
    )
    _tell(cursor, tasks, now=now)


def note_tasks(cursor: extensions.cursor, events: Sequence[Event], *, by: str, now: datetime) -> None:
    """Append events to tasks: number, kind and reason of each."""
    execute_values(
        cursor,
        "insert into alerts.task_event (task_id, kind, reason, by, happened_at) values %s",
        [(*event, by, now) for event in events],
        page_size=1000,
    )


def _known(cursor: extensions.cursor, cases: Sequence[int]) -> dict[tuple[int | None, str, str], Known]:
    cursor.execute(
        "select case_id, role, step, task_id, state, due_on, created_at from alerts.task where case_id = any(%s)",
        [list(cases)],
    )
    return {(case_id, role, step): Known(*rest) for case_id, role, step, *rest in cursor.fetchall()}


def _insert(
    cursor: extensions.cursor, wanted: Sequence[Wanted], *, as_of_date: date, now: datetime
) -> dict[int, Wanted]:
    """Insert tasks; one that somebody else has inserted already is left as it is."""
    new = execute_values(
        cursor,
        "insert into alerts.task (case_id, customer_id, order_key, role, step, step_version, text, owner_name,"
        " owner_email, contact_every_days, created_as_of, due_on, created_at) values %s on conflict do nothing"
        " returning task_id, case_id, order_key, role, step",
        [
            (
                one.case_id,
                one.customer_id,
                one.order_key,
                one.role,
                one.step,
                one.step_version,
                one.text,
                one.owner.name,
                one.owner.address,
                one.contact_every_days,
                as_of_date,
                one.due_on,
                now,
            )
            for one in wanted
        ],
        page_size=500,
        fetch=True,
    )
    by_key = {(one.case_id, one.order_key, one.role, one.step): one for one in wanted}
    return {number: by_key[tuple(key)] for number, *key in new}
