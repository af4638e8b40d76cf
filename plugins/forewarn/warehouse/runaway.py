"""End what readers of schema bi let run beyond the limit.

PostgreSQL's `statement_timeout` is a setting that every login may lift for itself. What a session cannot do is hide
from the server's own list of sessions, or refuse to be ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from forewarn.warehouse.engine import connect

# Ended and recorded in one statement; the clock is the server's, as that of the sessions. Materialized, so that nothing
# is ended before all of it is decided: PostgreSQL would otherwise be free to ask for the end first.
_END = """
with over as materialized (
    select
        sessions.pid,
        sessions.usename,
        sessions.application_name,
        sessions.state,
        case when sessions.state = 'active' then sessions.query_start else sessions.state_change end as since
    from pg_stat_activity as sessions
    join pg_roles as logins on logins.oid = sessions.usesysid
    where sessions.datname = current_database()
        and sessions.backend_type = 'client backend'
        and sessions.pid <> pg_backend_pid()
        and sessions.usename <> current_user
        and not logins.rolsuper
        and pg_has_role(sessions.usesysid, 'bi_access', 'usage')
        and (sessions.state = 'active' or sessions.state like 'idle in transaction%%')
),

late as materialized (
    select *, clock_timestamp() as ended_at from over where clock_timestamp() - since > %(longest)s
),

ended as materialized (
    select *, pg_terminate_backend(pid) as was_there from late
)

insert into ops.ended_session (login, application, since, ended_at, reason)
select
    usename,
    application_name,
    since,
    ended_at,
    case when state = 'active' then 'a query ran for ' else 'a transaction lay idle for ' end
        || round(extract(epoch from ended_at - since)) || ' s; readers.longest_query_minutes allows '
        || extract(epoch from %(longest)s::interval)::float || ' s'
from ended
where was_there
returning login, application, since, reason
"""


@dataclass(frozen=True)
class Ended:
    """A session that was ended: whose, the name that it gave itself, since when it was at it, and why it was ended."""

    login: str
    application: str
    since: datetime
    reason: str


def end_runaways(warehouse_url: str, longest: timedelta) -> list[Ended]:
    """End the sessions of readers whose query, or idle transaction, is older than `longest`; each is recorded.

    The text of a query is not: it may hold personal data.
    """
    with connect(warehouse_url, application="forewarn access watch") as session, session, session.cursor() as at:
        at.execute(_END, {"longest": longest})
        return [Ended(*row) for row in at.fetchall()]
