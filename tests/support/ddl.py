"""Every way to change what a relation is, tried on each: none may succeed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from psycopg2 import extensions
from psycopg2.errors import InsufficientPrivilege

# Every relation outside the system's own schemas, quoted; the query takes no parameters.
RELATIONS = (
    "select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace as n on n.oid = relnamespace"
    " where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema' order by 1"
)
OF_A_TABLE = (
    "alter table {name} add column fault int",
    "alter table {name} disable row level security",
    "alter table {name} disable trigger all",
    "alter table {name} rename to fault",
    "drop table {name}",
    "create index on {name} ((1))",
    "create policy fault on {name} using (true)",
    "create trigger fault after insert on {name} execute function suppress_redundant_updates_trigger()",
    "comment on table {name} is 'fault'",
    "alter table {name} owner to current_user",
)
OF_A_VIEW = (
    "alter view {name} reset (security_invoker)",
    "create or replace view {name} as select 1",
    "alter view {name} rename to fault",
    "drop view {name}",
    "comment on view {name} is 'fault'",
)


def denied_changes(session: extensions.connection, relations: Iterable[str]) -> int:
    """Try each statement on each relation, and let none of them pass; returns how many were tried."""
    tried = 0
    for name in relations:
        with session.cursor() as cursor:
            cursor.execute(
                "select relkind from pg_class join pg_namespace as n on n.oid = relnamespace"
                " where format('%%I.%%I', nspname, relname) = %s",
                [name],
            )
            (kind,) = cursor.fetchone() or ("",)
            for statement in OF_A_VIEW if kind == "v" else OF_A_TABLE:
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(statement.format(name=name))
                tried += 1
    return tried


def denied_writes(session: extensions.connection, relations: Iterable[str], verbs: Iterable[str]) -> int:
    """Try to change or remove rows of each relation, by statements that would touch every row; returns how many."""
    tried = 0
    for name in relations:
        with session.cursor() as cursor:
            cursor.execute(
                "select quote_ident(attname) from pg_attribute join pg_class as c on c.oid = attrelid"
                " join pg_namespace as n on n.oid = relnamespace"
                " where format('%%I.%%I', nspname, relname) = %s and attnum > 0 and attidentity = ''"
                " and attgenerated = '' limit 1",
                [name],
            )
            (column,) = cursor.fetchone() or ("",)
            statements = {
                "update": f"update {name} set {column} = {column}",
                "delete": f"delete from {name}",
                "truncate": f"truncate {name} cascade",
                "insert": f"insert into {name} select * from {name}",
            }
            for verb in verbs:
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(statements[verb])
                tried += 1
    return tried
