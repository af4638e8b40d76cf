"""What may not go yet by its reader's clock waits until it may, and its case says why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg2 import extensions
from psycopg2.extras import execute_values

from forewarn.alerts.hours import Timetable
from forewarn.alerts.outbox import ACTION, OPERATIONS, REPORT
from forewarn.config.project import Project

# What no person reads at their desk, and what operations must know.
AT_ANY_HOUR = [OPERATIONS, ACTION, REPORT]
_DUE = (
    "select alert_id, time_zone, gathered, created_at from alerts.outbox"
    " where state in ('pending', 'retry') and next_attempt_at <= %(now)s and expires_at > %(now)s"
    " and channel = any(%(channels)s) and kind <> all(%(at_any_hour)s) order by alert_id for update skip locked"
)
# Time in which a message may not go is no time in which it grows old.
_LATER = (
    "with later as ("
    "  update alerts.outbox as o set next_attempt_at = v.go_at, reason = v.why,"
    "    expires_at = o.expires_at + (v.go_at - v.now)"
    "  from (values %s) as v (alert_id, go_at, why, now) where o.alert_id = v.alert_id"
    "  returning o.alert_id, o.case_id, o.channel, o.recipient, v.go_at, v.why, v.now"
    ") insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
    " select case_id, c.updated_as_of, 'deferred', format('%%s to %%s: %%s', channel, recipient, why),"
    "   jsonb_build_object('alert_id', alert_id, 'until', go_at), now"
    ' from later join alerts."case" as c using (case_id)'
)


def defer(cursor: extensions.cursor, project: Project, channels: Sequence[str], *, now: datetime) -> int:
    """Put off what is due and may not go at this hour; returns how many messages."""
    timetable = Timetable(project)
    if timetable.always:
        return 0
    cursor.execute(_DUE, {"now": now, "channels": list(channels), "at_any_hour": AT_ANY_HOUR})
    known: dict[tuple[str | None, datetime | None], tuple[datetime, str]] = {}
    later = []
    for alert_id, time_zone, gathered, created_at in cursor.fetchall():
        key = (time_zone, created_at if gathered else None)
        if key not in known:
            known[key] = timetable.of(time_zone).may_go(now, created_at=created_at, in_digest=gathered)
        go_at, why = known[key]
        if why:
            later.append((alert_id, go_at, why, now))
    execute_values(
        cursor, _LATER, later, template="(%s::bigint, %s::timestamptz, %s, %s::timestamptz)", page_size=len(later) or 1
    )
    return len(later)
