"""Whether loader and transformer can go on: both may be entered, and own what they make (decision 0056)."""

from __future__ import annotations

from forewarn.config.settings import OWNERS, Settings
from forewarn.errors import ForewarnError
from forewarn.warehouse.engine import connect

_STRAYS = """
select format('%I.%I', nspname, relname)
from pg_class
inner join pg_namespace as n on n.oid = relnamespace
where
    (nspname ~ '^raw_' or nspname in ('staging', 'intermediate', 'marts', 'snapshots'))
    and relkind in ('r', 'p', 'v', 'm', 'f')
    and relowner::regrole::text <> case when nspname ~ '^raw_' then 'loader' else 'transformer' end
order by 1
"""


def check_ownership(settings: Settings) -> None:
    """Log in as both.

    Raises
    ------
    ForewarnError
        Tables or views of theirs belong to another, as after a build by an earlier version.
    psycopg2.OperationalError
        A login is refused, or may not enter its role.
    """
    for role in OWNERS:
        with connect(settings.as_service(role).warehouse_url):
            pass
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(_STRAYS)
        strays = [name for (name,) in cursor.fetchall()]
    if strays:
        raise ForewarnError(
            "owners of tables",
            expected="loader and transformer to own what is landed and built",
            got=f"{len(strays)} that are another's, as {strays[0]}",
            next_step="`forewarn migrate` hands them over",
        )
