"""A part of which nothing but its rows is known: they are copied as CSV, or carefully where one does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from psycopg2 import extensions, sql

from forewarn.sources.copy_rows import copy_csv, csv_chunks
from forewarn.sources.reader import NotPlain, Part, Reject, Row


def part_of_rows(
    name: str,
    columns: list[str],
    rows: Callable[[], Iterator[Row | Reject]],
    *,
    size_bytes: int | None = None,
    sha256: str | None = None,
) -> Part:
    """Return the part; `rows` is called anew for each reading."""

    def values() -> Iterator[list[str | None]]:
        for row in rows():
            if isinstance(row, Reject):
                raise NotPlain
            yield row.values

    def copy(target: extensions.cursor, table: sql.Composable) -> int:
        return copy_csv(target, table, columns, csv_chunks(values()))

    return Part(name, columns, copy=copy, rows=rows, size_bytes=size_bytes, sha256=sha256)
