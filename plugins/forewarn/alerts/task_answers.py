"""What people say of a task: done, with what came of it, or dropped, with why; each once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg2 import extensions

from forewarn.alerts.answers import Answer, answer
from forewarn.alerts.tasks import note_tasks, tell_ended
from forewarn.errors import Permanent


@dataclass(frozen=True)
class TaskAnswer:
    """One answer of one person to one task; `said` is what came of it, or why it is dropped."""

    task_id: int
    state: Literal["done", "dropped"]
    by: str
    said: str


def answer_task(cursor: extensions.cursor, given: TaskAnswer, *, now: datetime) -> bool:
    """End a task; the caller commits.

    Who does the task of a case's own route is at the case: it is in progress, and no longer unanswered.

    Returns
    -------
    bool
        False where the task has ended so already: the same answer twice is one.

    Raises
    ------
    Permanent
        There is no such task, it has ended otherwise, or nothing is said.
    """
    if not given.said.strip():
        raise Permanent(f"task {given.task_id}", expected="what came of it, or why it is dropped", got="nothing")
    cursor.execute(
        "select t.state, t.outcome, t.case_id, t.role = c.route and c.state in ('open', 'acknowledged')"
        ' from alerts.task as t left join alerts."case" as c using (case_id) where t.task_id = %s for update of t',
        [given.task_id],
    )
    row = cursor.fetchone()
    if row is None:
        raise Permanent(
            f"task {given.task_id}", expected="a task", got="none", next_step="see `forewarn task list` for those open"
        )
    state, outcome, case_id, starts = row
    if state == given.state:
        return False
    if state != "open":
        raise Permanent(f"task {given.task_id}", expected="a task that is open", got=f"{state} ({outcome})")
    cursor.execute(
        "update alerts.task set state = %s, outcome = %s, ended_at = %s where task_id = %s",
        [given.state, given.said, now, given.task_id],
    )
    note_tasks(cursor, [(given.task_id, given.state, given.said)], by=given.by, now=now)
    tell_ended(cursor, [given.task_id], now=now)
    if given.state == "done" and starts:
        answer(cursor, Answer(case_id, "start", given.by, f"task {given.task_id} is done"), now=now)
    return True
