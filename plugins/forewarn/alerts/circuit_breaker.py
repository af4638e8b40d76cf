"""When a day has cases for too much of the base, nobody is told of any: operations look first, and release them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2 import extensions

from forewarn.alerts.operations import OF_BREAKER, Trouble, tell_operations
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.engine import connect

# Rules and models that the reason names.
NAMED = 5


@dataclass(frozen=True)
class Stop:
    """Messages of one day that were kept back, and the run that published it; `released_by` is None while they are."""

    as_of_date: date
    run_id: str
    reason: str
    released_by: str | None


def stop(
    cursor: extensions.cursor, customers: Sequence[str], project: Project, *, as_of_date: date, now: datetime
) -> str:
    """Return why nobody is told of any of these customers today, and keep that; empty where the day is as others are.

    A day that somebody has released is not stopped again.
    """
    breaker = project.alerts.circuit_breaker
    if breaker is None or len(customers) < breaker.at_least or is_released(cursor, as_of_date=as_of_date):
        return ""
    cursor.execute(
        "select count(*) from marts.churn_labels where as_of_date = %s and definition = %s and eligible",
        [as_of_date, project.churn.definition],
    )
    eligible = int((cursor.fetchone() or [0])[0])
    if len(customers) <= breaker.share * eligible:
        return ""
    reason = (
        f"{len(customers):,} cases with {eligible:,} eligible customers, and more than {breaker.share:.0%} of them"
        f" are too many for one day: {_by_signal(cursor, customers, as_of_date)}"
    )
    cursor.execute(
        "insert into alerts.stop (as_of_date, cases, eligible, share_limit, reason, stopped_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (as_of_date) do update set cases = excluded.cases,"
        " eligible = excluded.eligible, share_limit = excluded.share_limit, reason = excluded.reason",
        [as_of_date, len(customers), eligible, breaker.share, reason, now],
    )
    return reason


def is_released(cursor: extensions.cursor, *, as_of_date: date) -> bool:
    """Tell whether somebody has released the messages of a day."""
    cursor.execute("select from alerts.stop where as_of_date = %s and released_at is not null", [as_of_date])
    return cursor.fetchone() is not None


def tell_stop(settings: Settings, project: Project, *, as_of_date: date, now: datetime) -> int:
    """Let operations hear of a day whose messages are kept back, once; returns new messages."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select stopped_at, reason from alerts.stop where as_of_date = %s and released_at is null", [as_of_date]
        )
        troubles = [
            Trouble("forewarn", str(as_of_date), "stopped", stopped_at, reason=reason)
            for stopped_at, reason in cursor.fetchall()
        ]
    return tell_operations(settings, project, troubles, as_of_date=as_of_date, now=now, kinds=OF_BREAKER)


def newest_stop(cursor: extensions.cursor) -> Stop:
    """Return what is kept back of the newest published day.

    Raises
    ------
    Permanent
        Nothing is, and nothing was.
    """
    cursor.execute(
        "select p.as_of_date, p.run_id, s.reason, s.released_by from ops.publication as p"
        " left join alerts.stop as s using (as_of_date)"
        " where p.live order by p.as_of_date desc, p.publication_id desc limit 1"
    )
    row = cursor.fetchone()
    if row is None or row[2] is None:
        raise Permanent(
            f"alerts of {row[0] if row else 'no day'}",
            expected="messages that the circuit breaker keeps back",
            got="none",
            next_step="see alerts.stop; only the newest published day can be released",
        )
    return Stop(*row)


def release(cursor: extensions.cursor, kept: Stop, *, by: str, reason: str, now: datetime) -> None:
    """Say that the messages of a day may go; the caller commits, and opens its cases again. Who came first stands."""
    cursor.execute(
        "update alerts.stop set released_at = %s, released_by = %s, release_reason = %s"
        " where as_of_date = %s and released_at is null",
        [now, by, reason, kept.as_of_date],
    )


def _by_signal(cursor: extensions.cursor, customers: Sequence[str], as_of_date: date) -> str:
    cursor.execute(
        "select case when kind = 'model' then 'model ' else 'rule ' end || name, count(*) from alerts.signal"
        " where as_of_date = %s and customer_id = any(%s) group by 1 order by 2 desc, 1",
        [as_of_date, list(customers)],
    )
    found = [f"{name} {count:,}" for name, count in cursor.fetchall()]
    return ", ".join(found[:NAMED] + ([f"{len(found) - NAMED} more"] if len(found) > NAMED else []))
