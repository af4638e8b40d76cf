"""Absences and silences hold from a day until another, and somebody may end them early: their dates in SQL."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from psycopg2 import extensions, sql

from forewarn.errors import Permanent

_LISTED = {"absence": "see `forewarn absence list`", "silence": "see `forewarn silence list`"}
# Of the as-of date `day`; a day of the data, as all that cases do.
HOLDS = "from_day <= %(day)s and %(day)s < until_day and (ended_day is null or %(day)s < ended_day)"


def newest_day(cursor: extensions.cursor) -> date | None:
    """Return the newest day that people act on."""
    cursor.execute("select max(as_of_date) from ops.publication where live")
    row = cursor.fetchone()
    return row[0] if row else None


def end_today(
    cursor: extensions.cursor,
    kind: Literal["absence", "silence"],
    number: int,
    *,
    by: str,
    reason: str,
    now: datetime,
) -> bool:
    """Let an absence or a silence count no more, from the newest published day on; the caller commits.

    Returns
    -------
    bool
        False where it was ended before.

    Raises
    ------
    Permanent
        There is none of that number.
    """
    table, key = sql.Identifier("alerts", kind), sql.Identifier(f"{kind}_id")
    cursor.execute(sql.SQL("select ended_day from {} where {} = %s for update").format(table, key), [number])
    row = cursor.fetchone()
    if row is None:
        raise Permanent(f"{kind} {number}", expected="the number of one", got="none", next_step=_LISTED[kind])
    if row[0] is not None:
        return False
    cursor.execute(
        sql.SQL("update {} set ended_day = %s, ended_by = %s, ended_at = %s, end_reason = %s where {} = %s").format(
            table, key
        ),
        [newest_day(cursor) or now.date(), by, now, reason, number],
    )
    return True
