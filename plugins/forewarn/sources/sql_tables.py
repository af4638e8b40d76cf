"""Streams of any other database that SQLAlchemy reaches: rows fetched in pieces and copied by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from psycopg2 import extensions, sql
from sqlalchemy import exc

from forewarn.config.yaml import did_you_mean
from forewarn.errors import SourceRejected, SourceUnavailable
from forewarn.sources.arrow_rows import columns_of, copy_columns, plain
from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.connections import without_secrets
from forewarn.sources.missing import require_columns
from forewarn.sources.model import Source, SqlStream
from forewarn.sources.reader import Copy, Extraction, Part, Reject, Row
from forewarn.sources.reflection import described
from forewarn.sources.sqlite_columns import NotOfOneKind, file_of, read_columns

_FETCH = 1_000
# Drivers of other databases: the package, and how a URL begins.
_DRIVERS = {
    "mysql": ("pymysql", "mysql+pymysql"),
    "mariadb": ("pymysql", "mariadb+pymysql"),
    "mssql": ("pymssql", "mssql+pymssql"),
    "oracle": ("oracledb", "oracle+oracledb"),
    "snowflake": ("snowflake-sqlalchemy", "snowflake"),
    "bigquery": ("sqlalchemy-bigquery", "bigquery"),
    "duckdb": ("duckdb-engine", "duckdb"),
}
# MySQL 1044, 1045, 1049; SQLite; Oracle and others say so in words.
_REFUSED = ("1044", "1045", "1049", "denied", "authentication", "unable to open", "login failed")


@contextmanager
def open_table(
    url: str, source: Source, stream: SqlStream, name: str, watermark: str | None, *, compare: bool = False
) -> Iterator[Extraction]:
    """Open one table of a source for reading; `compare` asks for every key too."""
    with connected(url, source.connection or "") as connection:
        types_of = _columns(connection, source, stream, name)
        names = list(types_of)
        query = _query(connection, source, stream, types_of, watermark)

        complete = stream.cursor is None or watermark is None
        file = file_of(connection.engine.url)

        def pieces(query: sqlalchemy.Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
            return connection.execution_options(stream_results=True, yield_per=_FETCH).execute(query).partitions()

        def copy_of(query: sqlalchemy.Select[Any], columns: Sequence[str]) -> Copy:
            kinds = [types_of[name] for name in columns]

            def copy(target: extensions.cursor, table: sql.Composable) -> int:
                if file is not None:
                    target.execute("savepoint columns")
                    try:
                        return copy_columns(target, table, columns, read_columns(file, query, kinds))
                    except NotOfOneKind:
                        target.execute("rollback to savepoint columns")
                return copy_columns(target, table, columns, (columns_of(piece, kinds) for piece in pieces(query)))

            return copy

        def rows() -> Iterator[Row | Reject]:
            for number, row in enumerate(chain.from_iterable(pieces(query)), start=1):
                yield plain_row(f"{stream.table} row {number}", list(map(plain, row)))

        whole = watermark is None
        if not whole:
            whole = (
                connection.execute(sqlalchemy.select(sqlalchemy.literal(1)).select_from(_table(stream))).first() is None
            )
        yield Extraction(
            types_of,
            [Part(stream.table, names, copy=copy_of(query, names), rows=rows)],
            whole=whole,
            complete=complete,
            copy_keys=copy_of(_select(stream, stream.key), stream.key) if compare and not complete else None,
        )


def first_rows(
    url: str, source: Source, stream: SqlStream, name: str, n: int
) -> tuple[dict[str, str], list[list[str | None]]]:
    """Return the columns with the types they land as, and some rows as text."""
    with connected(url, source.connection or "") as connection:
        types_of = _columns(connection, source, stream, name)
        found = connection.execute(_query(connection, source, stream, types_of, None))
        return types_of, [[None if v is None else str(plain(v)) for v in row] for row in islice(found, n)]


def plain_row(place: str, values: Sequence[Any]) -> Row | Reject:
    """Return a row as text, or the reason why PostgreSQL can never hold it."""
    texts = [None if value is None else str(value) for value in values]
    for text in texts:
        if text is not None and not is_storable(text):
            reason = "a NUL character" if "\0" in text else "characters that are not Unicode"
            content = repr(texts).encode("utf-8", "backslashreplace").decode()
            return Reject(place, f"{place}: expected text, got {reason}", content)
    return Row(place, texts)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold a text: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def connected(url: str, connection_name: str) -> Iterator[sqlalchemy.Connection]:
    """Connect to a database; what it refuses, and what passes, are errors of their own.

    Raises
    ------
    SourceRejected, SourceUnavailable
        Trying again cannot help, or may.
    """
    subject = f"connection {connection_name}"
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, hide_parameters=True)
        connection = engine.connect()
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SourceRejected(
            subject,
            expected="a SQLAlchemy URL of an installed driver",
            got=without_secrets(str(error), url),
            next_step=_driver_of(url),
        ) from None
    except (exc.ArgumentError, ValueError):
        # What cannot be read may be a part of the password: it is not shown.
        raise SourceRejected(
            subject,
            expected="a SQLAlchemy URL: driver://user:password@host:port/database",
            got="one that cannot be read",
            next_step="correct its port and its parts; signs such as @ : / in a password are written %40 %3A %2F",
        ) from None
    except exc.DBAPIError as error:
        text = without_secrets(" ".join(str(error.orig).split()), url)
        kind = SourceRejected if any(sign in text.lower() for sign in _REFUSED) else SourceUnavailable
        raise kind(
            subject, expected="to be let in", got=text, next_step=f"check the URL of connection {connection_name}"
        ) from None
    try:
        yield connection
    except exc.DBAPIError as error:
        raise SourceUnavailable(
            subject,
            expected="rows",
            got=without_secrets(" ".join(str(error.orig).split()), url),
            next_step="nothing was landed; check the server's log",
        ) from None
    finally:
        connection.close()


def _table(stream: SqlStream) -> sqlalchemy.TableClause:
    schema, _, table = stream.table.rpartition(".")
    return sqlalchemy.table(table, schema=schema or None)


def _select(stream: SqlStream, names: Sequence[str]) -> sqlalchemy.Select[Any]:
    # Columns without a type: the driver's values go on as they are, which is what COPY parses best.
    columns: list[sqlalchemy.ColumnClause[Any]] = [sqlalchemy.column(name) for name in names]
    return sqlalchemy.select(*columns).select_from(_table(stream))


def _columns(connection: sqlalchemy.Connection, source: Source, stream: SqlStream, name: str) -> dict[str, str]:
    table = _table(stream)
    try:
        columns = described(connection, table.name, table.schema)
    except exc.NoSuchTableError:
        inspector = sqlalchemy.inspect(connection)
        known = [*inspector.get_table_names(schema=table.schema), *inspector.get_view_names(schema=table.schema)]
        raise SourceRejected(
            f"{source.name}.{name}",
            expected=f"a table {stream.table} in connection {source.connection}",
            got="no such table",
            next_step=did_you_mean(table.name, known),
        ) from None
    require_columns(f"{source.name}.{name}", f"table {stream.table}", wanted_columns(stream), list(columns))
    return columns | {name: kind for name, kind in column_types(source, stream).items() if kind is not None}


def _driver_of(url: str) -> str:
    """Return how the driver of a URL's database is installed, or what else to do."""
    dialect = url.partition(":")[0].partition("+")[0]
    if dialect not in _DRIVERS:
        return "correct the URL, or install the database's driver"
    package, scheme = _DRIVERS[dialect]
    return f"uv pip install {package} beside forewarn, and begin the URL with {scheme}://"


def _query(
    connection: sqlalchemy.Connection,
    source: Source,
    stream: SqlStream,
    types_of: dict[str, str],
    watermark: str | None,
) -> sqlalchemy.Select[Any]:
    query = _select(stream, list(types_of))
    if stream.cursor is None or watermark is None:
        return query
    bound = _bound(connection, source, stream, types_of[stream.cursor], watermark)
    column: sqlalchemy.ColumnClause[Any] = sqlalchemy.column(stream.cursor)
    return query.where((column >= bound) | column.is_(None))


def _bound(connection: sqlalchemy.Connection, source: Source, stream: SqlStream, kind: str, watermark: str) -> Any:
    overlap = stream.overlap
    if kind in ("timestamptz", "date"):
        moment = datetime.fromisoformat(watermark)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment -= overlap if isinstance(overlap, timedelta) else timedelta(seconds=overlap)
        local = moment.astimezone(ZoneInfo(source.time_zone) if kind == "timestamptz" else UTC).replace(tzinfo=None)
        if kind == "date":
            return local.date().isoformat() if connection.dialect.name == "sqlite" else local.date()
        # SQLite compares text: a blank sorts before a T, so that both ways of writing a moment are found.
        return local.isoformat(sep=" ") if connection.dialect.name == "sqlite" else local
    if kind == "bigint":
        return int(watermark) - (overlap if isinstance(overlap, int) else 0)
    return watermark
