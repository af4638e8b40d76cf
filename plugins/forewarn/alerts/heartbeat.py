"""A sign of life: operations hear of it when no day was published for too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from forewarn.alerts.operations import OF_HEART, Trouble, tell_operations
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect


def missed(settings: Settings, project: Project, *, now: datetime) -> Trouble | None:
    """Return what is wrong where no live day was published within `alerts.heartbeat_hours`; None while all is well."""
    longest = timedelta(hours=project.alerts.heartbeat_hours)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select max(published_at) from ops.publication where live")
        (last,) = cursor.fetchone() or (None,)
    if last is not None and now - last <= longest:
        return None
    since = f"since {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if last else "ever"
    hours = longest / timedelta(hours=1)
    reason = f"no day was published {since}; one is expected every {hours:g} hours"
    return Trouble("forewarn", "churn_daily", "silent", last + longest if last else now, last, longest, reason=reason)


def tell_missed(settings: Settings, project: Project, found: Trouble | None, *, now: datetime) -> int:
    """Let operations hear of a silence once; returns new messages. None: it is over, and what comes next tells so."""
    troubles = [found] if found else []
    return tell_operations(settings, project, troubles, as_of_date=now.date(), now=now, kinds=OF_HEART)
