"""Rows of a SQLite file as columns of Arrow, read by its ADBC driver, which makes no value of Python's.

In SQLite a value has a type and a column has none: any row may hold any kind. The driver settles on what the first rows
hold, and would round or word anew what comes later; a row that we put before them settles it, and what does not fit is
refused, so that the caller reads such a table value by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import func

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 5_000
# Below it, a whole number is the same as a fraction.
_EXACT = 2.0**53


class NotOfOneKind(Exception):
    """A column holds values that no column of Arrow holds as they are, or the driver could not read on."""


def file_of(url: sqlalchemy.URL) -> Path | None:
    """Return the file of a plain SQLite URL; None for other databases, encrypted ones, and URLs with options."""
    is_plain = url.drivername in ("sqlite", "sqlite+pysqlite") and not url.query
    return Path(url.database) if is_plain and url.database and Path(url.database).is_file() else None


def read_columns(file: Path, query: sqlalchemy.Select[Any], kinds: Sequence[str]) -> Iterator[list[pa.Array]]:
    """Yield batches of the columns that a query selects; `kinds` are the PostgreSQL types that they land as.

    Raises
    ------
    NotOfOneKind
        At any time, also after some batches.
    """
    import pyarrow as pa
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import dbapi

    statement, first = _statement(query, kinds)
    try:
        with dbapi.connect(f"file:{quote(str(file.absolute()))}?mode=ro") as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_ROWS)})
            cursor.execute(statement)
            with cursor.fetch_record_batch() as reader:
                before = 1
                for batch in reader:
                    if before and [column[0] for column in batch.columns] != list(map(pa.scalar, first)):
                        raise NotOfOneKind
                    yield [_exact(column) for column in batch.slice(before).columns]
                    before = 0
    except (Error, pa.ArrowException, OSError):
        raise NotOfOneKind from None


def _statement(query: sqlalchemy.Select[Any], kinds: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the query with a row before its own, and that row."""
    first: list[Any] = [_first(kind) for kind in kinds]
    columns = [
        _no_fraction(column) if isinstance(value, str) else column
        for column, value in zip(query.selected_columns, first, strict=True)
    ]
    both = sqlalchemy.union_all(
        sqlalchemy.select(*(sqlalchemy.literal(value).label(f"c{at}") for at, value in enumerate(first))),
        query.with_only_columns(*columns),
    )
    dialect = sqlalchemy.make_url("sqlite://").get_dialect()()
    return str(both.compile(dialect=dialect, compile_kwargs={"literal_binds": True})), first


def _first(kind: str) -> int | float | str:
    if kind in ("bigint", "boolean"):
        return 0
    return 0.5 if kind in ("double precision", "numeric") else "x"


def _no_fraction(column: sqlalchemy.ColumnElement[Any]) -> sqlalchemy.ColumnElement[Any]:
    """Fail on a fraction among texts, which the driver would word with six digits: this abs() is an error in SQLite."""
    return sqlalchemy.case((func.typeof(column) == "real", func.abs(-(2**63))), else_=column)


def _exact(column: pa.Array) -> pa.Array:
    """Refuse fractions among which a whole number may have been rounded."""
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_floating(column.type) and (pc.max(pc.abs(column)).as_py() or 0) >= _EXACT:
        raise NotOfOneKind
    return column
