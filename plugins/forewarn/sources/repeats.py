"""Rows of a file that agree in every column, each counted: what was sold twice, where nothing numbers the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from psycopg2 import extensions

from forewarn.errors import SourceRejected
from forewarn.sources.model import FileStream, Source
from forewarn.sources.reader import Part, Reject, Row
from forewarn.sources.rows_as_parts import part_of_rows


def counted(types: dict[str, str], part: Part, name: str, subject: str) -> tuple[dict[str, str], Part]:
    """Return a file's columns and its part with one column more: how often its row has stood there so far.

    A file that comes again gives its rows the same numbers. The rows that were read are remembered by a number each.

    Raises
    ------
    SourceRejected
        The file has a column of that name.
    """
    if name in types:
        raise SourceRejected(
            f"{subject}: repeats",
            expected="a name that no column has",
            got=f"{name}, which is a column of {part.name}",
            next_step="give `repeats` another name",
        )
    if part.rows is None:
        return types, part
    columns, rows = [*part.columns, name], _numbered(part.rows)
    return {**types, name: "bigint"}, part_of_rows(
        part.name, columns, rows, size_bytes=part.size_bytes, sha256=part.sha256
    )


def refuse_uncounted(cursor: extensions.cursor, source: Source, name: str) -> None:
    """Refuse to count rows of a stream whose rows have landed uncounted: each would be there a second time.

    Raises
    ------
    SourceRejected
        With the way out.
    """
    stream = source.streams[name]
    if not isinstance(stream, FileStream) or stream.repeats is None:
        return
    cursor.execute(
        "select count(*), count(*) filter (where column_name = %s) from information_schema.columns"
        " where table_schema = %s and table_name = %s",
        [stream.repeats, source.schema_name, name],
    )
    landed, counted_before = cursor.fetchone() or (0, 0)
    if landed and not counted_before:
        raise SourceRejected(
            f"{source.name}.{name}: repeats",
            expected="a stream that has not landed yet",
            got="one whose rows have landed without it",
            next_step="give the stream another name: its files are read anew, and what landed before no longer counts",
        )


def _numbered(rows: Callable[[], Iterator[Row | Reject]]) -> Callable[[], Iterator[Row | Reject]]:
    def numbered() -> Iterator[Row | Reject]:
        seen: Counter[int] = Counter()
        for row in rows():
            if isinstance(row, Row):
                alike = hash(tuple(row.values))
                seen[alike] += 1
                yield replace(row, values=[*row.values, str(seen[alike])])
            else:
                yield row

    return numbered
