"""Cases that nobody answered by the day they were due: somebody else hears of them, once a level."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from psycopg2 import extensions

from forewarn.alerts import outbox
from forewarn.alerts.case_store import note
from forewarn.alerts.content import Content
from forewarn.alerts.recipients import Directory

# The kind of message that an answer makes needless.
ESCALATION = "escalation"

_UNANSWERED = """
select distinct on (c.case_id, o.channel) c.case_id, c.level, c.due_on, o.channel, o.recipient, o.payload
from alerts."case" as c
join alerts.outbox as o on o.case_id = c.case_id and o.kind = 'case'
where c.state = 'open' and c.level <> 'low'
    and greatest(c.due_on, c.snoozed_until, (o.sent_at at time zone 'UTC')::date) < %(as_of_date)s
    -- Who has not been told yet, since the channel is down, has not failed to answer.
    and not (o.state in ('pending', 'retry', 'sending') and o.expires_at > %(now)s)
-- Of several readers it is the one who has the case that did not answer.
order by c.case_id, o.channel, lower(o.recipient) = lower(c.owner_email) desc, o.alert_id desc
"""


def escalate(
    cursor: extensions.cursor, directory: Directory, *, as_of_date: date, now: datetime, expires_at: datetime
) -> int:
    """Put the last message of each unanswered case into the outbox once more, for the one who answers for it.

    Returns
    -------
    int
        Cases that were newly escalated.
    """
    project = directory.project
    hears = directory.at(project.alerts.escalation_recipient or project.alerts.fallback_recipient)
    address = hears.address
    cursor.execute(_UNANSWERED, {"as_of_date": as_of_date, "now": now})
    events: dict[int, tuple[int, str, str, dict[str, Any]]] = {}
    for case_id, level, due_on, channel, reader, payload in cursor.fetchall():
        if reader.lower() == address.lower() or channel not in project.alerts.channels:
            continue
        dedup = f"case:{case_id}:{level}:{ESCALATION}:{channel}:{address.lower()}"
        key = outbox.message_key(dedup, now)
        content = Content.model_validate(payload).in_place_of(reader, "escalated", key)
        letter = outbox.Letter(
            dedup,
            channel,
            address,
            content,
            kind=ESCALATION,
            time_zone=hears.time_zone,
            gathered=project.alerts.gathers(content.level),
        )
        if outbox.put(cursor, [letter], now=now, expires_at=expires_at):
            events[case_id] = (case_id, "escalated", f"no answer of {reader} by {due_on}; {address} is told", {})
    note(cursor, list(events.values()), as_of_date=as_of_date, now=now)
    return len(events)
