"""The digests of the outbox: what waits for one reader over one channel, taken together and sent as one message.

Its rows keep their own states, and go through them together: all that is done to a digest is done to all of its rows in
one transaction. It has its number before the first attempt, so that the next one is the same digest under the same key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg2 import extensions

from forewarn.alerts.case_store import Draft
from forewarn.alerts.content import Content, Digest
from forewarn.alerts.outbox import DUE, Claimed, message_key

_NEXT = (
    f"select channel, lower(recipient), digest_id from alerts.outbox where {DUE} and gathered"
    # As for single messages: what a dead dispatcher had in hand waits behind what nobody has begun.
    " order by state = 'sending' and attempts > 0, digest_id, next_attempt_at, alert_id limit 1"
)
_TAKE = f"""
update alerts.outbox
set state = 'sending', lease_owner = %(owner)s, lease_until = clock_timestamp() + %(lease)s, digest_id = %(digest_id)s
where {DUE} and gathered and channel = %(channel)s and lower(recipient) = %(reader)s
    and digest_id is not distinct from %(known)s
returning alert_id, case_id, kind, dedup_key, channel, recipient, payload, attempts, created_at
"""


@dataclass(frozen=True)
class Gathered:
    """One digest that this dispatcher holds, with its rows in the order of their numbers."""

    digest_id: int
    begun_at: datetime
    rows: list[Claimed]

    def content(self, lines: Sequence[Content]) -> Digest:
        """Return what its message says, the greatest expected loss first; `lines` are the contents of its rows."""
        ordered = sorted(lines, key=lambda line: (-line.expected_loss, line.case_id))
        first = lines[0]
        return Digest(
            as_of_date=max(line.as_of_date for line in lines),
            company=first.company,
            reader_name=first.reader_name,
            locale=first.locale,
            why=first.why,
            key=message_key(f"digest:{self.digest_id}", self.begun_at),
            lines=ordered,
        )


def claim(
    cursor: extensions.cursor, *, owner: str, channels: Sequence[str], now: datetime, lease: timedelta
) -> Gathered | None:
    """Take the next digest that is due: one that was begun before, or all that waits for one reader."""
    # Two dispatchers that share the lines of a digest out among them would send two halves under one key.
    cursor.execute("select pg_advisory_xact_lock(hashtext('forewarn.digests'))")
    cursor.execute(_NEXT, {"channels": list(channels), "now": now})
    found = cursor.fetchone()
    if found is None:
        return None
    channel, reader, known = found
    if known is None:
        cursor.execute(
            "insert into alerts.digest (channel, recipient, begun_at) values (%s, %s, %s)"
            " returning digest_id, begun_at",
            [channel, reader, now],
        )
    else:
        cursor.execute("select digest_id, begun_at from alerts.digest where digest_id = %s", [known])
    digest_id, begun_at = cursor.fetchone() or (0, now)
    values = {"owner": owner, "lease": lease, "channels": list(channels), "now": now, "channel": channel}
    cursor.execute(_TAKE, values | {"reader": reader, "known": known, "digest_id": digest_id})
    rows = sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.alert_id)
    return Gathered(digest_id, begun_at, rows)


def begin(cursor: extensions.cursor, gathered: Gathered, *, owner: str, lease: timedelta) -> int | None:
    """Count an attempt of each row before it is made and renew their lease; None when somebody else holds them by now.

    Returns
    -------
    int or None
        The number of the attempt.
    """
    cursor.execute(
        "update alerts.outbox set attempts = attempts + 1, lease_until = clock_timestamp() + %s"
        " where alert_id = any(%s) and state = 'sending' and lease_owner = %s and lease_until > clock_timestamp()"
        " returning attempts",
        [lease, [row.alert_id for row in gathered.rows], owner],
    )
    attempts = [int(number) for (number,) in cursor.fetchall()]
    return max(attempts) if len(attempts) == len(gathered.rows) else None


def withdraw(
    cursor: extensions.cursor, told: Iterable[tuple[int, Draft, Any]], *, as_of_date: date, now: datetime
) -> int:
    """Take back what waits for a digest about those of the cases, by their numbers, that rise with this day.

    Returns
    -------
    int
        Messages that were taken back.
    """
    levels = {case_id: draft.plan.level for case_id, draft, _ in told if draft.plan.action == "raise"}
    cursor.execute(
        "with risen as (select * from unnest(%(cases)s::bigint[], %(levels)s::text[]) as r (case_id, level)),"
        " back as ("
        "  update alerts.outbox as o set state = 'suppressed',"
        "    reason = format('out of the digest: the case rose from %%s to %%s', o.payload ->> 'level', r.level)"
        "  from risen as r where o.case_id = r.case_id and o.gathered and o.kind = 'case'"
        "    and o.state in ('pending', 'retry') and o.payload ->> 'level' <> r.level"
        "  returning o.case_id, o.alert_id, o.channel, o.recipient, o.reason"
        ") insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
        " select case_id, %(day)s, 'suppressed', format('%%s to %%s: %%s', channel, recipient, reason),"
        "   jsonb_build_object('alert_id', alert_id), %(now)s from back",
        {"cases": list(levels), "levels": list(levels.values()), "day": as_of_date, "now": now},
    )
    return int(cursor.rowcount)
