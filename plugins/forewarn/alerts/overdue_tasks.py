"""Tasks that another department did not do by the day they were due: somebody else hears of each, once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from psycopg2 import extensions

from forewarn.alerts import outbox
from forewarn.alerts.case_store import note
from forewarn.alerts.content import ActionContent, Said
from forewarn.alerts.outbox import OVERDUE
from forewarn.alerts.recipients import Directory

_OVERDUE = """
select t.task_id, t.case_id, t.customer_id, coalesce(d.name, t.customer_id), t.role, t.step, t.text, t.due_on,
    t.owner_name, t.owner_email, c.level, c.expected_loss::float8, c.reasons
from alerts.task as t
join alerts."case" as c using (case_id)
left join marts.dim_customers as d on d.customer_id = t.customer_id
where t.state = 'open' and c.state <> 'closed' and greatest(t.due_on, c.snoozed_until) < %(as_of_date)s
    -- Whoever has the case answers for it as a whole, and it is escalated as one.
    and t.role <> c.route
order by c.expected_loss desc, t.task_id
"""


def tell_overdue(
    cursor: extensions.cursor, directory: Directory, *, as_of_date: date, now: datetime, expires_at: datetime
) -> int:
    """Put a message into the outbox about each overdue task, for whoever answers for unanswered cases.

    Returns
    -------
    int
        Tasks that are newly told of.
    """
    project = directory.project
    hears = directory.at(project.alerts.escalation_recipient or project.alerts.fallback_recipient)
    cursor.execute(_OVERDUE, {"as_of_date": as_of_date})
    events: list[tuple[int, str, str, dict[str, Any]]] = []
    for task_id, case_id, customer_id, customer, role, step, text, due_on, who, address, *of_case in cursor.fetchall():
        level, loss, reasons = of_case
        letters = []
        for channel in hears.channels or project.alerts.channels:
            dedup = f"task:{task_id}:{OVERDUE}:{channel}:{hears.address.lower()}"
            content = ActionContent(
                case_id=case_id,
                as_of_date=as_of_date,
                company=project.company,
                **hears.told | {"why": "escalated"},
                refused_by=address,
                key=outbox.message_key(dedup, now),
                action=OVERDUE,
                external_id=outbox.message_key(dedup, now),
                task_id=task_id,
                customer_id=customer_id,
                customer=customer,
                role=role,
                step=step,
                text=text,
                due_on=due_on,
                owner_name=who or address,
                level=level,
                expected_loss=loss,
                currency=project.currency,
                reasons=[Said(title=one["title"], text=one["text"]) for one in reasons],
            )
            letters.append(
                outbox.Letter(dedup, channel, hears.address, content, kind=OVERDUE, time_zone=hears.time_zone)
            )
        if outbox.put(cursor, letters, now=now, expires_at=expires_at):
            reason = f"task {task_id} of {address} was due on {due_on}; {hears.address} is told"
            events.append((case_id, "escalated", reason, {"task_id": task_id}))
    note(cursor, events, as_of_date=as_of_date, now=now)
    return len(events)
