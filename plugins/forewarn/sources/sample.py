"""A look at a stream without landing anything: some rows and the types they would land as."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

from forewarn.config.settings import Settings
from forewarn.errors import SourceRejected
from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.connections import Resolve, resolve
from forewarn.sources.extract import is_postgres, stream_of
from forewarn.sources.model import FileStream, RestSource, RestStream, Source
from forewarn.sources.reader import PartRejected, Row


@dataclass(frozen=True)
class Sample:
    """Columns with their types, and rows of text (None for NULL) in the order of the columns."""

    source: str
    stream: str
    types: dict[str, str]
    rows: list[list[str | None]]


def sample(settings: Settings, source: Source, stream: str, n: int = 5, *, resolve: Resolve = resolve) -> Sample:
    """Return the first rows of a stream as the source gives them.

    Raises
    ------
    SourceRejected, SourceUnavailable
        As extraction would raise them: connection, credential, table, columns.
    """
    found = stream_of(source, stream)
    if isinstance(found, FileStream):
        types, rows = _files(settings, source, found, stream, n, resolve=resolve)
    elif isinstance(found, RestStream):
        types, rows = _rest(resolve(source.connection or "", settings), source, found, stream, n)
    else:
        from forewarn.sources import postgres, sql_tables

        url = resolve(source.connection or "", settings)
        first_rows = postgres.first_rows if is_postgres(url) else sql_tables.first_rows
        types, rows = first_rows(url, source, found, stream, n)
    return Sample(source.name, stream, types, rows)


def _files(
    settings: Settings, source: Source, stream: FileStream, name: str, n: int, *, resolve: Resolve
) -> tuple[dict[str, str], list[list[str | None]]]:
    from forewarn.sources import files

    subject = f"{source.name}.{name}"
    with ExitStack() as stack:
        found = files.find(settings, source, stream, subject, stack=stack, resolve=resolve)
        if not found:
            raise files.no_files(settings, source, stream, subject, resolve)
        try:
            types, part = files.inspector(stream)(source, stream, subject, found[0], "")
            rows = islice(part.rows(), n) if part.rows else []
            return types, [row.values if isinstance(row, Row) else [row.reason] for row in rows]
        except PartRejected as rejected:
            raise SourceRejected(
                subject,
                expected=f"a readable file {found[0].name}",
                got=str(rejected),
                next_step="it would be set aside; ask for a whole one",
            ) from None


def _rest(
    url: str, source: Source, stream: RestStream, name: str, n: int
) -> tuple[dict[str, str], list[list[str | None]]]:
    from forewarn.sources.missing import require_columns
    from forewarn.sources.nested import flatten, spread
    from forewarn.sources.rest import pages

    if not isinstance(source, RestSource):
        raise TypeError(f"{source.name}: a REST stream in a source of kind {source.kind}")
    subject = f"{source.name}.{name}"
    first = next(pages(url, source, stream, subject), [])
    rows = [element for record in first for element in spread(record, stream.endpoint.each)]
    records = [flatten(record, wanted_columns(stream)) for record in rows]
    columns = list(dict.fromkeys(column for record in records for column in record)) or wanted_columns(stream)
    if records:
        require_columns(subject, f"the records of {stream.endpoint.path}", [*stream.key], columns)
    types = column_types(source, stream)
    return (
        {column: types.get(column) or "text" for column in columns},
        [[record.get(column) for column in columns] for record in islice(records, n)],
    )
