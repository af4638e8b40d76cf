"""The outbox: one row per message, reader and channel, and the states that it goes through.

pending → sending (lease, owner, attempt) → sent | retry | unknown | dead | expired. Leases are judged by the
database's clock, so that a machine with a wrong one neither takes nor keeps what is not its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import Json, execute_values

from forewarn.alerts.content import Envelope

# The kinds of a message to whoever runs Forewarn, of what other systems do, of what follows a purchase, and of a task
# that nobody did; every other is a message about a case.
OPERATIONS, ACTION, REPORT, REMINDER, OVERDUE = "operations", "action", "report", "reminder", "overdue"
OPEN = "('pending', 'retry', 'sending')"
DUE = f"""state in {OPEN} and channel = any(%(channels)s) and expires_at > %(now)s
    and ((state <> 'sending' and next_attempt_at <= %(now)s)
        or (state = 'sending' and lease_until < clock_timestamp()))"""


@dataclass(frozen=True)
class Letter:
    """A message on its way into the outbox.

    Attributes
    ----------
    time_zone
        Of the reader's clock; None is the project's.
    gathered
        Whether it goes in the reader's digest.
    """

    dedup_key: str
    channel: str
    recipient: str
    content: Envelope
    kind: str = "case"
    time_zone: str | None = None
    gathered: bool = False


@dataclass(frozen=True)
class Claimed:
    """A row that this dispatcher holds; `payload` is still unread, since it may be anything."""

    alert_id: int
    case_id: int | None
    kind: str
    dedup_key: str
    channel: str
    recipient: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime


def dedup_key(case_id: int, level: str, channel: str, address: str) -> str:
    """Return the key under which a message exists at most once: case, level, channel and reader."""
    return f"case:{case_id}:{level}:{channel}:{address.lower()}"


def message_key(dedup: str, created_at: datetime) -> str:
    """Return what the Message-ID is made of: the same for one row for ever, different in another database."""
    return hashlib.sha256(f"{dedup}|{created_at.isoformat()}".encode()).hexdigest()[:24]


def put(cursor: extensions.cursor, letters: Iterable[Letter], *, now: datetime, expires_at: datetime) -> int:
    """Write letters in the caller's transaction; one whose key is there already is left as it is. Returns the new."""
    rows = [
        (
            letter.dedup_key,
            letter.content.case_id,
            letter.kind,
            letter.channel,
            letter.recipient,
            Json(letter.content.model_dump(mode="json")),
            now,
            expires_at,
            now,
            letter.time_zone,
            letter.gathered,
        )
        for letter in letters
    ]
    if not rows:
        return 0
    new = execute_values(
        cursor,
        "insert into alerts.outbox (dedup_key, case_id, kind, channel, recipient, payload, next_attempt_at, expires_at,"
        " created_at, time_zone, gathered) values %s on conflict (dedup_key) do nothing returning alert_id",
        rows,
        page_size=500,
        fetch=True,
    )
    return len(new)


def expire(cursor: extensions.cursor, *, now: datetime) -> int:
    """Give up what is worthless by now, with a reason on the row and on its case. Returns how many."""
    cursor.execute(
        f"""
        with expired as (
            update alerts.outbox
            set state = 'expired', lease_owner = null, lease_until = null,
                reason = case when state = 'sending' then 'expired; an attempt had begun and its result is unknown'
                    else format('expired after %%s attempts', attempts) end
            where state in {OPEN} and expires_at <= %(now)s
              and (state <> 'sending' or lease_until < clock_timestamp())
            returning alert_id, case_id, reason, payload
        ), noted as (
            insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)
            select case_id, (payload ->> 'as_of_date')::date, 'suppressed', reason,
                jsonb_build_object('alert_id', alert_id), %(now)s
            from expired where case_id is not null and pg_input_is_valid(payload ->> 'as_of_date', 'date')
        )
        select count(*) from expired
        """,
        {"now": now},
    )
    return int((cursor.fetchone() or [0])[0])


def due(cursor: extensions.cursor, channels: Sequence[str], *, now: datetime) -> int:
    """Return how many rows a dispatcher would take, and hold none of them."""
    cursor.execute(f"select count(*) from alerts.outbox where {DUE}", {"channels": list(channels), "now": now})
    return int((cursor.fetchone() or [0])[0])


def claim(
    cursor: extensions.cursor, *, owner: str, channels: Sequence[str], now: datetime, lease: timedelta, limit: int
) -> list[Claimed]:
    """Take up to `limit` due rows that nobody holds, oldest first; the caller commits before it sends.

    What a dispatcher that died had in hand comes last, and of the rows taken those that were tried before: a message
    that kills its dispatcher holds up nothing that can be sent.
    """
    cursor.execute(
        f"""
        with due as (
            select alert_id from alerts.outbox
            where {DUE} and not gathered
            order by state = 'sending' and attempts > 0, next_attempt_at, alert_id
            limit %(limit)s
            for update skip locked
        )
        update alerts.outbox as o
        set state = 'sending', lease_owner = %(owner)s, lease_until = clock_timestamp() + %(lease)s
        from due where o.alert_id = due.alert_id
        returning o.alert_id, o.case_id, o.kind, o.dedup_key, o.channel, o.recipient, o.payload, o.attempts,
            o.created_at
        """,
        {"owner": owner, "channels": list(channels), "now": now, "lease": lease, "limit": limit},
    )
    return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: (row.attempts > 0, row.alert_id))


def begin(cursor: extensions.cursor, alert_id: int, *, owner: str, lease: timedelta) -> int | None:
    """Count an attempt before it is made and renew the lease; None when somebody else holds the row by now.

    Counting first means that a message which kills its dispatcher still comes to its last attempt.
    """
    cursor.execute(
        "update alerts.outbox set attempts = attempts + 1, lease_until = clock_timestamp() + %s"
        " where alert_id = %s and state = 'sending' and lease_owner = %s and lease_until > clock_timestamp()"
        " returning attempts",
        [lease, alert_id, owner],
    )
    row = cursor.fetchone()
    return int(row[0]) if row else None


def release(cursor: extensions.cursor, alert_ids: Sequence[int], *, owner: str) -> int:
    """Give back rows that were claimed and not begun. Returns how many."""
    cursor.execute(
        "update alerts.outbox set state = case when attempts > 0 then 'retry' else 'pending' end,"
        " lease_owner = null, lease_until = null"
        " where alert_id = any(%s) and state = 'sending' and lease_owner = %s",
        [list(alert_ids), owner],
    )
    return int(cursor.rowcount)


def held_elsewhere(cursor: extensions.cursor, channels: Sequence[str]) -> int:
    """Return how many rows other dispatchers hold right now."""
    cursor.execute("select count(*) from alerts.outbox where state = 'sending' and channel = any(%s)", [list(channels)])
    return int((cursor.fetchone() or [0])[0])
