"""The tables of a database: names, types, primary keys, and some rows of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import sqlalchemy

from forewarn.scaffold.table import MAX_COLUMNS, MAX_ROWS, Column, Table, columns_of
from forewarn.sources.reader import Row
from forewarn.sources.reflection import described, primary_key
from forewarn.sources.sql_tables import connected, plain_row

MAX_TABLES = 300
_SYSTEM = ("information_schema", "pg_catalog", "pg_toast", "sys", "mysql", "performance_schema", "crdb_internal")


def look_at_database(url: str, connection: str, *, rows: int = MAX_ROWS) -> tuple[list[Table], list[str]]:
    """Return the tables and views of a database, and what could not be looked at.

    Raises
    ------
    SourceRejected, SourceUnavailable
        The database cannot be reached, or refuses.
    """
    tables: list[Table] = []
    problems: list[str] = []
    with connected(url, connection) as database:
        inspector = sqlalchemy.inspect(database)
        for schema, name, derived in _names(inspector):
            full = f"{schema}.{name}" if schema else name
            if len(tables) == MAX_TABLES:
                problems.append(f"{full} and those after it: more than {MAX_TABLES} tables; name them by hand")
                break
            try:
                tables.append(_table(database, schema, name, rows, derived=derived))
            except sqlalchemy.exc.SQLAlchemyError as error:
                database.rollback()
                problems.append(f"{full}: cannot be read ({' '.join(str(error.__cause__ or error).split())[:120]})")
    return tables, problems


def _names(inspector: sqlalchemy.Inspector) -> Iterator[tuple[str | None, str, bool]]:
    default = inspector.default_schema_name
    schemas = [
        schema for schema in inspector.get_schema_names() if schema not in _SYSTEM and not schema.startswith("pg_")
    ]
    for schema in sorted(schemas, key=lambda schema: (schema != default, schema)):
        # A table of the default schema is found without it, whatever the schema is called.
        shown = None if schema == default else schema
        views = set(inspector.get_view_names(schema=shown))
        for name in sorted({*inspector.get_table_names(schema=shown), *views}):
            if "." not in name:
                yield shown, name, name in views


def _table(
    database: sqlalchemy.Connection,
    schema: str | None,
    name: str,
    rows: int,
    *,
    derived: bool,
) -> Table:
    full = f"{schema}.{name}" if schema else name
    found = dict(islice(described(database, name, schema).items(), MAX_COLUMNS))
    names, declared = list(found), list(found.values())
    columns: list[sqlalchemy.ColumnClause[object]] = [sqlalchemy.column(column) for column in names]
    query = sqlalchemy.select(*columns).select_from(sqlalchemy.table(name, schema=schema)).limit(rows + 1)
    sample = [
        row.values if isinstance(row := plain_row("", list(values)), Row) else [None] * len(names)
        for values in database.execute(query)
    ]
    key = primary_key(database, name, schema)
    engine = database.engine
    looked_at = columns_of(names, declared, sample[:rows])
    if len(sample) > rows:
        looked_at = _reaching(database, schema, name, looked_at)

    def verify(columns: list[str]) -> bool:
        try:
            with engine.connect() as again:
                return _is_unique(again, schema, name, columns)
        except sqlalchemy.exc.SQLAlchemyError:
            # What nobody could look at is no key.
            return False

    return Table(
        full,
        {"table": full},
        looked_at,
        key,
        whole=len(sample) <= rows,
        verify=verify,
        derived=derived,
    )


def _reaching(
    database: sqlalchemy.Connection, schema: str | None, name: str, columns: Sequence[Column]
) -> list[Column]:
    """Return the columns of a table of which only some rows were looked at; times know the last of all rows."""
    times = [column.name for column in columns if column.declared in ("timestamptz", "date")]
    last: dict[str, str | None] = {}
    if times:
        ends: list[sqlalchemy.Function[object]] = [sqlalchemy.func.max(sqlalchemy.column(one)) for one in times]
        newest = sqlalchemy.select(*ends).select_from(sqlalchemy.table(name, schema=schema))
        try:
            found = plain_row("", list(database.execute(newest).one()))
        except sqlalchemy.exc.SQLAlchemyError:
            # A large table may take longer than the server allows; its first rows are known.
            database.rollback()
            return list(columns)
        last = dict(zip(times, found.values, strict=True)) if isinstance(found, Row) else {}
    return [replace(column, latest=[at]) if (at := last.get(column.name)) else column for column in columns]


def _is_unique(database: sqlalchemy.Connection, schema: str | None, name: str, key: list[str]) -> bool:
    columns: list[sqlalchemy.ColumnClause[object]] = [sqlalchemy.column(column) for column in key]
    twice = (
        sqlalchemy.select(*columns)
        .select_from(sqlalchemy.table(name, schema=schema))
        .group_by(*columns)
        .having((sqlalchemy.func.count() > 1) | sqlalchemy.or_(*(column.is_(None) for column in columns)))
        .limit(1)
    )
    return database.execute(twice).first() is None
