"""What an attempt leaves in the database: the row's new state, the ledger's line, the case's event, the fallback."""

from __future__ import annotations

from datetime import datetime

from psycopg2 import extensions
from psycopg2.extras import Json

from forewarn.alerts import outbox
from forewarn.alerts.content import Envelope
from forewarn.alerts.outbox import Claimed
from forewarn.alerts.verdict import Verdict


def record(cursor: extensions.cursor, row: Claimed, verdict: Verdict, *, owner: str, now: datetime) -> bool:
    """Write an attempt down within the caller's transaction.

    Returns
    -------
    bool
        False when the lease had lapsed and the row is another's: the attempt is in the ledger, the state is theirs.
    """
    cursor.execute(
        "insert into alerts.attempt (alert_id, attempted_at, outcome, detail) values (%s, %s, %s, %s)",
        [row.alert_id, now, verdict.outcome, verdict.reason],
    )
    cursor.execute(
        "update alerts.outbox set state = %s, reason = %s, next_attempt_at = coalesce(%s, next_attempt_at),"
        " sent_at = case when %s = 'sent' then %s end, lease_owner = null, lease_until = null"
        " where alert_id = %s and state = 'sending' and lease_owner = %s",
        [verdict.state, verdict.reason, verdict.next_attempt_at, verdict.state, now, row.alert_id, owner],
    )
    if cursor.rowcount == 0:
        return False
    if verdict.state in ("sent", "dead") and row.case_id is not None:
        cursor.execute(
            "insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
            ' select case_id, updated_as_of, %s, %s, %s, %s from alerts."case" where case_id = %s',
            [
                "notified" if verdict.state == "sent" else "suppressed",
                f"{row.channel} to {row.recipient}: {verdict.reason}",
                Json({"alert_id": row.alert_id, "channel": row.channel, "recipient": row.recipient}),
                now,
                row.case_id,
            ],
        )
    return True


def pass_on(cursor: extensions.cursor, row: Claimed, content: Envelope, *, fallback: str) -> int:
    """Put a refused message into the outbox once more, for the fallback of its route, or else that of the project.

    Returns
    -------
    int
        1, or 0 when it was the fallback that refused.
    """
    others = [one for one in (content.fallback, fallback) if one and one.lower() != row.recipient.lower()]
    if not others or content.why == "rejected":
        return 0
    dedup = f"{row.dedup_key}:fallback"
    passed = content.in_place_of(row.recipient, "rejected", outbox.message_key(dedup, row.created_at))
    cursor.execute("select expires_at, gathered from alerts.outbox where alert_id = %s", [row.alert_id])
    expires_at, gathered = cursor.fetchone() or (row.created_at, False)
    letter = outbox.Letter(dedup, row.channel, others[0], passed, kind=row.kind, gathered=gathered)
    # As old as the one that was refused: what was due stays due, and no digest is waited for a second time.
    return outbox.put(cursor, [letter], now=row.created_at, expires_at=expires_at)
