"""Nothing is sent while the outbox is paused: after a restore, or by somebody's decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from forewarn.errors import Permanent


@dataclass(frozen=True)
class Pause:
    """Why nothing is sent, since when, and who said so."""

    paused_at: datetime
    by: str
    reason: str


def paused(cursor: extensions.cursor) -> Pause | None:
    """Return what keeps the outbox from sending; None while it sends."""
    cursor.execute("select paused_at, paused_by, reason from alerts.pause where resumed_at is null")
    row = cursor.fetchone()
    return Pause(*row) if row else None


def pause(cursor: extensions.cursor, *, reason: str, by: str, now: datetime) -> None:
    """Send nothing from now on; the caller commits. A pause that stands goes on."""
    cursor.execute(
        "insert into alerts.pause (paused_at, paused_by, reason) values (%s, %s, %s)"
        " on conflict ((true)) where resumed_at is null do nothing",
        [now, by, reason],
    )


def resume(cursor: extensions.cursor, *, reason: str, by: str, now: datetime, drop: bool = False) -> int:
    """Send again; the caller commits. Returns how many messages wait, or were dropped.

    Parameters
    ----------
    drop
        What waits is not sent any more: it may have gone out after the backup that was restored.

    Raises
    ------
    Permanent
        Nothing is paused.
    """
    cursor.execute(
        "update alerts.pause set resumed_at = %s, resumed_by = %s, resume_reason = %s where resumed_at is null",
        [now, by, reason],
    )
    if not cursor.rowcount:
        raise Permanent(
            "outbox", expected="a pause", got="none", next_step="`forewarn dispatch --dry-run` tells what waits"
        )
    if drop:
        cursor.execute(
            "update alerts.outbox set state = 'suppressed', reason = %s where state in ('pending', 'retry', 'sending')",
            [f"dropped at the end of a pause by {by}: {reason}"],
        )
        return int(cursor.rowcount)
    cursor.execute("select count(*) from alerts.outbox where state in ('pending', 'retry', 'sending')")
    return int((cursor.fetchone() or [0])[0])
