"""The tasks of the cases that people are told of: one for each route and step of its playbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from psycopg2 import extensions

from forewarn.alerts.case_store import Draft
from forewarn.alerts.case_words import Books, next_step
from forewarn.alerts.customer_facts import Facts
from forewarn.alerts.due_day import due_day
from forewarn.alerts.language import Language
from forewarn.alerts.levels import Route
from forewarn.alerts.playbooks import worded
from forewarn.alerts.tasks import Wanted, Written, write_tasks

Told = tuple[int, Draft, Route]


def hand_out(
    cursor: extensions.cursor, told: Sequence[Told], facts: Mapping[str, Facts], books: Books, *, now: datetime
) -> list[Written]:
    """Write the tasks of what people are told of, in the caller's transaction.

    Parameters
    ----------
    told
        Case, draft and route: of a case that nobody is told of, nobody has a task.

    Returns
    -------
    list of Written
        The new tasks, and those whose due day has moved.
    """
    wanted = [one for case_id, draft, route in told for one in _tasks(case_id, draft, route, facts, books)]
    raised = {case_id: draft.plan.reason for case_id, draft, _ in told if draft.plan.action == "raise"}
    return write_tasks(cursor, wanted, raised, as_of_date=books.as_of_date, now=now)


def _tasks(case_id: int, draft: Draft, route: Route, facts: Mapping[str, Facts], books: Books) -> Iterator[Wanted]:
    """Return what the step of a route asks for: itself, and what follows on it."""
    step, about, level = draft.steps[route], facts[draft.customer_id], draft.plan.level
    reader = draft.recipients[route][0]
    due = books.due(reader, level, step)
    yield Wanted(
        case_id=case_id,
        customer_id=draft.customer_id,
        role=route,
        step=step.name,
        step_version=step.version,
        text=next_step(about, step, due=due, language=Language(reader.locale)),
        owner=reader,
        due_on=due,
        why=draft.plan.reason,
        contact_every_days=step.contact_every_days,
        actions=tuple(step.actions),
    )
    for further in step.then:
        who = further.who or route
        reader = draft.recipients[who][0]
        due = due_day(books.begins(reader, level), further.due_days, working=further.working_days)
        yield Wanted(
            case_id=case_id,
            customer_id=draft.customer_id,
            role=who,
            step=further.id,
            step_version=step.version,
            text=worded(
                [further.step],
                customer=about.name,
                contact=about.contact_name,
                due=due,
                language=Language(reader.locale),
            ),
            owner=reader,
            due_on=due,
            why=f"follows {step.name}; {draft.plan.reason}",
            contact_every_days=step.contact_every_days,
            actions=tuple(further.actions),
        )
