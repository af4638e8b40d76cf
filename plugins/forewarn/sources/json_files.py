"""JSON lines: an object a line, nested ones as `outer__inner`; a file that is one list of objects is read as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.compressed import opened
from forewarn.sources.missing import require_columns
from forewarn.sources.model import FileStream, Source
from forewarn.sources.nested import at, flatten, spread
from forewarn.sources.reader import Part, PartRejected, Reject, Row
from forewarn.sources.rows_as_parts import part_of_rows
from forewarn.sources.sql_tables import plain_row

if TYPE_CHECKING:
    from forewarn.sources.files import File

MAX_LINE_BYTES = 20_000_000
MAX_LIST_BYTES = 100_000_000
MAX_NAMES = 5_000
_SHOWN = 2_000


def inspect(source: Source, stream: FileStream, subject: str, file: File, sha256: str) -> tuple[dict[str, str], Part]:
    """Return the columns of a file with the types they land as, and the file as a part.

    Raises
    ------
    PartRejected
        The file was cut, or is not JSON.
    SourceRejected
        A column that the stream needs is in no record.
    """
    wanted = wanted_columns(stream)
    seen: dict[str, None] = {}
    for _, record in _rows_of(file.path, stream):
        if isinstance(record, dict):
            seen |= dict.fromkeys(flatten(record, wanted))
        if len(seen) > MAX_NAMES:
            raise PartRejected(f"expected at most {MAX_NAMES} names, got more: values may stand where names should")
    columns = list(seen)
    if not columns:
        raise PartRejected("expected JSON objects, got none")
    require_columns(subject, f"the records of {file.name}", wanted, columns)
    known = column_types(source, stream)

    def rows() -> Iterator[Row | Reject]:
        for place, record in _rows_of(file.path, stream):
            if isinstance(record, dict):
                flat = flatten(record, wanted)
                yield plain_row(place, [flat.get(name) for name in columns])
            else:
                yield Reject(place, f"{place}: expected a JSON object, got something else", str(record)[:_SHOWN])

    types = {name: known.get(name) or "text" for name in columns}
    return types, part_of_rows(file.name, columns, rows, size_bytes=file.path.stat().st_size, sha256=sha256)


def _rows_of(path: Path, stream: FileStream) -> Iterator[tuple[str, Any]]:
    """Yield what the rows of a stream are: records, or the elements of a list in each."""
    for place, record in _document(path, stream.records) if stream.records else records(path):
        if isinstance(record, dict):
            for element in spread(record, stream.each):
                yield place, element
        else:
            yield place, record


def document(path: Path) -> Any:
    """Return a file that is one JSON document.

    Raises
    ------
    PartRejected
        It is larger than `MAX_LIST_BYTES`, was cut, or is not JSON.
    """
    with opened(path) as file:
        return _loaded(file.read(MAX_LIST_BYTES + 1))


def _document(path: Path, place: str) -> Iterator[tuple[str, Any]]:
    found = at(document(path), place)
    if not isinstance(found, list):
        raise PartRejected(f"expected a list at `{place}`, got none: correct `records`")
    for number, record in enumerate(found, start=1):
        yield f"record {number}", record


def records(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield each record of a file with its place; what is no object comes as it stands.

    Raises
    ------
    PartRejected
        The file breaks off within a record.
    """
    with opened(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if number == 1 and line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                yield from _listed(line + file.read(MAX_LIST_BYTES + 1))
                return
            if len(line) > MAX_LINE_BYTES:
                raise PartRejected(f"line {number}: expected at most {MAX_LINE_BYTES} bytes, got more")
            if not (text := line.lstrip(b"\xef\xbb\xbf").strip()):
                continue
            try:
                record = json.loads(text, parse_float=str)
            except (ValueError, RecursionError):
                if not line.endswith(b"\n"):
                    raise PartRejected(
                        f"line {number}: expected a whole record, got its beginning: the file was cut"
                    ) from None
                record = text.decode("utf-8", "backslashreplace")
            yield f"line {number}", record


def _listed(content: bytes) -> Iterator[tuple[str, Any]]:
    for number, record in enumerate(_loaded(content), start=1):
        yield f"record {number}", record


def _loaded(content: bytes) -> Any:
    if len(content) > MAX_LIST_BYTES:
        raise PartRejected(
            f"expected a list of at most {MAX_LIST_BYTES} bytes, got more: write an object a line instead"
        )
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=str)
    except (ValueError, RecursionError) as error:
        raise PartRejected(f"expected a whole JSON list, got one that cannot be read ({error})") from None
