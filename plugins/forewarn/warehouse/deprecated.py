"""Views of bi that end on a date, and what others have built on them."""

from __future__ import annotations

from psycopg2 import extensions

# The date stands in the view's comment, which is the description of the dbt model (decision 0048).
_DEPRECATED = """
select
    view.oid::regclass::text,
    substring(obj_description(view.oid, 'pg_class') from 'Deprecated until ([0-9-]{10})') as ends_on,
    array(
        select distinct rewrite.ev_class::regclass::text
        from pg_depend as depends
        inner join pg_rewrite as rewrite on depends.classid = 'pg_rewrite'::regclass and depends.objid = rewrite.oid
        where depends.refobjid = view.oid and rewrite.ev_class <> view.oid
        order by 1
    )
from pg_class as view
where view.relnamespace = 'bi'::regnamespace and obj_description(view.oid, 'pg_class') ~ 'Deprecated until [0-9-]{10}'
order by 1
"""


def deprecated(cursor: extensions.cursor) -> list[tuple[str, str, list[str]]]:
    """Return each view of bi that ends on a date, that date, and the views that somebody built on it.

    Who only reads one is not known: PostgreSQL counts reads of tables, not of views.
    """
    cursor.execute(_DEPRECATED)
    return [(str(view), str(ends_on), list(built)) for view, ends_on, built in cursor.fetchall()]
