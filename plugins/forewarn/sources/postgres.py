"""Streams of a PostgreSQL database: types from its catalogue, rows by binary COPY."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg2
from psycopg2 import extensions, sql

from forewarn.errors import SourceRejected, SourceUnavailable
from forewarn.sources.column_types import wanted_columns
from forewarn.sources.connections import without_secrets
from forewarn.sources.copy_rows import copy_between
from forewarn.sources.missing import require_columns
from forewarn.sources.model import Source, SqlStream
from forewarn.sources.reader import Extraction, Part
from forewarn.warehouse.engine import dsn

# Wider types of the same family, so that a source may widen a column without a change here. What has no entry is text.
_TYPES = {
    "int2": "bigint", "int4": "bigint", "int8": "bigint", "numeric": "numeric", "float4": "double precision",
    "float8": "double precision", "bool": "boolean", "date": "date", "timestamptz": "timestamptz",
    "timestamp": "timestamptz", "uuid": "uuid", "json": "jsonb", "jsonb": "jsonb", "bytea": "bytea",
}  # fmt: skip
_WAIT_AND_SEE = ("starting up", "shutting down", "too many", "remaining connection slots", "recovery mode")


@contextmanager
def connect_source(url: str, connection_name: str) -> Iterator[extensions.connection]:
    """Open a read-only connection to a source; one snapshot for everything that is read.

    Raises
    ------
    SourceRejected
        The server answered and refused: wrong password, no such database.
    SourceUnavailable
        The server did not answer, or cannot serve now.
    """
    try:
        connection = psycopg2.connect(dsn(url), application_name="forewarn", connect_timeout=10, client_encoding="UTF8")
    except psycopg2.Error as error:
        text = without_secrets(" ".join(str(error).split()), url)
        subject = f"connection {connection_name}"
        refused = "FATAL" in text and not any(sign in text for sign in _WAIT_AND_SEE)
        malformed = not isinstance(error, psycopg2.OperationalError) or "invalid" in text.partition(":")[0]
        if refused or malformed:
            raise SourceRejected(
                subject,
                expected="to be let in",
                got=text,
                next_step=f"check user, password and database of connection {connection_name}; retrying cannot help",
            ) from None
        raise SourceUnavailable(
            subject, expected="an answer", got=text, next_step="check that the server runs and can be reached"
        ) from None
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        yield connection
    finally:
        connection.close()


@contextmanager
def open_table(
    url: str, source: Source, stream: SqlStream, name: str, watermark: str | None, *, compare: bool = False
) -> Iterator[Extraction]:
    """Open one table of a PostgreSQL source for reading; `compare` asks for every key too, of the same moment."""
    with connect_source(url, source.connection or "") as connection, connection.cursor() as cursor:
        kinds = _columns(cursor, source, stream, name)
        columns = {column: _TYPES.get(kind, "text") for column, kind in kinds.items()}
        where = _since(cursor, source, stream, kinds, watermark)
        query = _query(source, stream, kinds, where)
        complete = stream.cursor is None or watermark is None

        def copy_keys(target: extensions.cursor, table: sql.Composable) -> int:
            keys = _query(source, stream, {key: kinds[key] for key in stream.key}, sql.SQL(""))
            return copy_between(cursor, keys, target, table, stream.key)

        def copy(target: extensions.cursor, table: sql.Composable) -> int:
            return copy_between(cursor, query, target, table, list(columns))

        whole = watermark is None
        if not whole:
            cursor.execute(sql.SQL("select not exists (select from {})").format(_identifier(stream.table)))
            whole = bool((cursor.fetchone() or [False])[0])
        yield Extraction(
            columns,
            [Part(stream.table, list(columns), copy=copy)],
            whole=whole,
            trusted=True,
            complete=complete,
            copy_keys=copy_keys if compare and not complete else None,
        )


def first_rows(
    url: str, source: Source, stream: SqlStream, name: str, n: int
) -> tuple[dict[str, str], list[list[str | None]]]:
    """Return the columns with the source's own types, and some rows as text."""
    with connect_source(url, source.connection or "") as connection, connection.cursor() as cursor:
        kinds = _columns(cursor, source, stream, name)
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in kinds)
        cursor.execute(sql.SQL("select {} from {} limit {}").format(texts, _identifier(stream.table), sql.Literal(n)))
        return kinds, [list(row) for row in cursor.fetchall()]


def _columns(cursor: extensions.cursor, source: Source, stream: SqlStream, name: str) -> dict[str, str]:
    """Return each column with the name of its base type; a domain counts as the type below it."""
    cursor.execute("select to_regclass(%s)::oid", [_identifier(stream.table).as_string(cursor)])
    table = (cursor.fetchone() or [None])[0]
    if table is None:
        raise SourceRejected(
            f"{source.name}.{name}",
            expected=f"a table {stream.table} in connection {source.connection}",
            got="no such table, or no right to see it",
            next_step=_near_table(cursor, stream.table),
        )
    cursor.execute(
        "select a.attname, case when t.typtype = 'd' then b.typname else t.typname end from pg_attribute a"
        " join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = t.typbasetype"
        " where a.attrelid = %s and a.attnum > 0 and not a.attisdropped order by a.attnum",
        [table],
    )
    kinds = dict(cursor.fetchall())
    require_columns(f"{source.name}.{name}", f"table {stream.table}", wanted_columns(stream), list(kinds))
    return kinds


def _near_table(cursor: extensions.cursor, table: str) -> str:
    cursor.execute(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname not in ('pg_catalog', 'information_schema')"
    )
    known = [row[0] for row in cursor.fetchall()]
    near = difflib.get_close_matches(table, [*known, *(name.partition(".")[2] for name in known)], n=1)
    return f"did you mean `{near[0]}`?" if near else "check the name, and the right to read it"


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _query(source: Source, stream: SqlStream, kinds: dict[str, str], where: sql.Composable) -> sql.Composed:
    zone = sql.Literal(source.time_zone)
    parts: list[sql.Composable] = []
    for name, kind in kinds.items():
        column = sql.Identifier(name)
        if kind == "timestamp":
            parts.append(sql.SQL("{} at time zone {}").format(column, zone))
        else:
            parts.append(sql.SQL("{}::{}").format(column, sql.SQL(_TYPES.get(kind, "text"))))
    return sql.SQL("select {} from {}{}").format(sql.SQL(", ").join(parts), _identifier(stream.table), where)


def _since(
    cursor: extensions.cursor, source: Source, stream: SqlStream, kinds: dict[str, str], watermark: str | None
) -> sql.Composable:
    """Rows at or after the watermark minus the overlap; rows without a cursor value are always asked for."""
    if stream.cursor is None or watermark is None:
        return sql.SQL("")
    kind, overlap = kinds[stream.cursor], stream.overlap
    bound: sql.Composable = sql.Literal(watermark)
    if kind == "date":
        bound = sql.SQL("({}::date - {})").format(bound, sql.Literal(_as_duration(overlap)))
    elif kind in ("timestamptz", "timestamp"):
        bound = sql.SQL("({}::timestamptz - {})").format(bound, sql.Literal(_as_duration(overlap)))
        if kind == "timestamp":
            bound = sql.SQL("({} at time zone {})").format(bound, sql.Literal(source.time_zone))
    elif isinstance(overlap, int):
        bound = sql.SQL("({}::numeric - {})").format(bound, sql.Literal(overlap))
    # What depends on the session's time zone is no constant to a server: it would subtract again for each of its rows.
    cursor.execute(sql.SQL("select ({}::{})::text").format(bound, sql.SQL(kind)))
    (first,) = cursor.fetchone() or (None,)
    return sql.SQL(" where {0} >= {1}::{2} or {0} is null").format(
        sql.Identifier(stream.cursor), sql.Literal(first), sql.SQL(kind)
    )


def _as_duration(overlap: timedelta | int) -> timedelta:
    return overlap if isinstance(overlap, timedelta) else timedelta(seconds=overlap)
