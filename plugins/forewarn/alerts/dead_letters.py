"""Messages that were given up, or whose end is unknown: operations hear of each, and may let it go once more."""

from __future__ import annotations

from datetime import datetime, timedelta

from psycopg2 import extensions

from forewarn.alerts.operations import OF_DEAD_LETTERS, Trouble, tell_operations
from forewarn.alerts.outbox import OPERATIONS
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

# What the fallback got in its place has reached somebody, and a message to operations cannot be told of by another.
_UNDELIVERED = f"""
select o.channel, o.alert_id, o.recipient, o.state, o.reason,
    coalesce((select max(a.attempted_at) from alerts.attempt as a where a.alert_id = o.alert_id), o.created_at)
from alerts.outbox as o
where o.state in ('dead', 'unknown') and o.kind <> '{OPERATIONS}' and o.expires_at > %(now)s
    and not exists (select from alerts.outbox as passed where passed.dedup_key = o.dedup_key || ':fallback')
order by o.alert_id
"""


def tell_undelivered(settings: Settings, project: Project, *, now: datetime) -> int:
    """Put a message into the outbox about messages that reached nobody since the last time, one for each channel.

    Telling the same again changes nothing. A message that would have expired by now is told no longer.

    Returns
    -------
    int
        New messages.
    """
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(_UNDELIVERED, {"now": now})
        troubles = [
            Trouble(channel, f"alert {number}", "undelivered", since, reason=f"{state}, to {reader}: {reason}")
            for channel, number, reader, state, reason, since in cursor.fetchall()
        ]
    return tell_operations(settings, project, troubles, as_of_date=now.date(), now=now, kinds=OF_DEAD_LETTERS)


def send_again(
    cursor: extensions.cursor, alert_id: int, *, by: str, reason: str, now: datetime, lives: timedelta
) -> str:
    """Let a message go once more, under its old key, so that a receiver that had taken it sees it once; caller commits.

    Parameters
    ----------
    lives
        How long it is worth sending from now on.

    Returns
    -------
    str
        Over which channel it goes, and to whom.

    Raises
    ------
    Permanent
        There is no such message, or it was not given up.
    """
    cursor.execute("select state, channel, recipient from alerts.outbox where alert_id = %s for update", [alert_id])
    state, channel, reader = cursor.fetchone() or ("no such message", "", "")
    if state not in ("dead", "unknown"):
        raise Permanent(
            f"alert {alert_id}",
            expected="a message that is dead, or whose end is unknown",
            got=state,
            next_step="its number stands in the message to operations, and in alerts.outbox",
        )
    cursor.execute(
        "update alerts.outbox set state = 'retry', attempts = 0, digest_id = null, next_attempt_at = %s,"
        " expires_at = greatest(expires_at, %s), reason = %s where alert_id = %s",
        [now, now + lives, f"sent again by {by}: {reason}", alert_id],
    )
    return f"{channel} to {reader}"
