"""Which mails a reader wants: every one, or those of high cases alone. Escalations and notices come all the same."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from psycopg2 import extensions

FromLevel = Literal["low", "high"]


def wish(cursor: extensions.cursor, alert_id: int, from_level: FromLevel, *, now: datetime) -> bool:
    """Write down what the reader of a message wants from now on; the caller commits.

    What waits to be mailed to this reader follows the wish at once.

    Returns
    -------
    bool
        False where it is the reader's wish already.
    """
    # One reader at a time, so that a link that is followed twice at once is one wish.
    cursor.execute(
        "select pg_advisory_xact_lock(hashtext('forewarn.mail_wish'), hashtext(lower(recipient)))"
        " from alerts.outbox where alert_id = %s",
        [alert_id],
    )
    cursor.execute(
        """
        insert into alerts.mail_wish (recipient, from_level, alert_id, said_at)
        select lower(o.recipient), %(level)s, o.alert_id, %(now)s from alerts.outbox as o
        where o.alert_id = %(alert_id)s and %(level)s <> coalesce((
            select w.from_level from alerts.mail_wish as w
            where w.recipient = lower(o.recipient) order by w.wish_id desc limit 1), 'low')
        """,
        {"alert_id": alert_id, "level": from_level, "now": now},
    )
    if not cursor.rowcount:
        return False
    keep_to_wishes(cursor, now=now)
    return True


def wish_of(cursor: extensions.cursor, recipient: str) -> FromLevel:
    """Return from which level of case on a reader wants mails."""
    cursor.execute(
        "select from_level from alerts.mail_wish where recipient = lower(%s) order by wish_id desc limit 1", [recipient]
    )
    row = cursor.fetchone()
    return "high" if row and row[0] == "high" else "low"


def keep_to_wishes(cursor: extensions.cursor, *, now: datetime) -> int:
    """Hold back mails that wait and that their readers do not want, each with its reason. Returns how many."""
    cursor.execute(
        """
        with wanted as (
            select distinct on (recipient) recipient, from_level, said_at from alerts.mail_wish
            order by recipient, wish_id desc
        ), unwanted as (
            update alerts.outbox as o set state = 'suppressed',
                reason = format('%%s wants mails of high cases alone, since %%s', o.recipient, w.said_at::date)
            from wanted as w
            where w.recipient = lower(o.recipient) and w.from_level = 'high' and o.payload ->> 'level' <> 'high'
                and o.state = 'pending' and o.kind = 'case' and o.channel in ('email', 'file')
            returning o.alert_id, o.case_id, o.reason, o.payload ->> 'as_of_date' as as_of_date
        )
        insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)
        select case_id, as_of_date::date, 'suppressed', reason,
            jsonb_build_object('why', 'wish', 'alert_id', alert_id), %(now)s
        from unwanted
        """,
        {"now": now},
    )
    return int(cursor.rowcount)
