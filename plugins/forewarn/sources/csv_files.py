"""CSV files: plain ones go to COPY as they are; whatever could be read in two ways is read row by row."""

from __future__ import annotations

import codecs
import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg2 import extensions, sql

from forewarn.errors import SourceRejected
from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.compressed import opened
from forewarn.sources.copy_rows import copy_csv
from forewarn.sources.encodings import decoded_lines, encoding_of
from forewarn.sources.missing import require_columns
from forewarn.sources.model import FileStream, Source
from forewarn.sources.reader import NotPlain, Part, PartRejected, Reject, Row

if TYPE_CHECKING:
    from forewarn.sources.files import File

_CHUNK = 1 << 20
csv.field_size_limit(sys.maxsize if sys.maxsize < 2**31 else 2**31 - 1)


@dataclass(frozen=True)
class _Facts:
    """What one pass over the bytes tells."""

    is_utf8: bool
    has_nul: bool
    lines: int
    complete: bool
    plain_quotes: bool
    ends_inside_character: bool


def inspect(source: Source, stream: FileStream, subject: str, file: File, sha256: str) -> tuple[dict[str, str], Part]:
    """Return the columns of a file with the types they land as, and the file as a part.

    Raises
    ------
    PartRejected
        The whole file cannot be trusted.
    SourceRejected
        A column that the stream needs is not in the header.
    """
    facts = _facts(file.path, stream)
    if facts.lines == 0:
        raise PartRejected("expected a header, got an empty file")
    if stream.final_newline == "required" and not facts.complete:
        raise PartRejected("expected a line break at the end, got a file that was cut")
    if facts.ends_inside_character and stream.encoding in (None, "utf-8"):
        raise PartRejected("expected a whole character at the end: the file was cut")
    encoding = encoding_of(file.path, stream.encoding, is_utf8=facts.is_utf8)
    header = _header(file.path, encoding, stream)
    _check_header(subject, file, header)
    require_columns(subject, f"the header of {file.name}", wanted_columns(stream), header)
    known = column_types(source, stream)
    types = {name: known.get(name) or "text" for name in header}

    def copy(target: extensions.cursor, table: sql.Composable) -> int:
        above = (stream.header_row or 1) > 1
        if encoding != "utf-8" or facts.has_nul or not facts.is_utf8 or not facts.plain_quotes or above:
            raise NotPlain
        taken = copy_csv(
            target, table, header, _body(file.path), header=True, delimiter=stream.delimiter, quote=stream.quote
        )
        if taken != facts.lines - 1:
            # Rows and lines differ: a line break inside quotes, or a quote that swallowed a row.
            raise NotPlain
        return taken

    def rows() -> Iterator[Row | Reject]:
        return _rows(file, encoding, stream, len(header), complete=facts.complete)

    size = file.path.stat().st_size
    return types, Part(file.name, header, copy=copy, rows=rows, size_bytes=size, sha256=sha256)


def _facts(path: Path, stream: FileStream) -> _Facts:
    quote, delimiter = stream.quote.encode(), re.escape(stream.delimiter.encode())
    inside = re.compile(
        rb"[^" + delimiter + rb"\r\n" + quote + rb"]" + quote + rb"[^" + delimiter + rb"\r\n" + quote + rb"]"
    )
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, has_nul, plain, lines, last, quotes = True, False, True, 0, b"", 0
    with opened(path) as file:
        while chunk := file.read(_CHUNK):
            if is_utf8 and not (chunk.isascii() and not decoder.getstate()[0]):
                is_utf8 = _goes_on(decoder, chunk)
            has_nul = has_nul or b"\0" in chunk
            lines += chunk.count(b"\n")
            if quote in chunk:
                quotes += chunk.count(quote)
                plain = plain and inside.search(last[-2:] + chunk) is None
            last = chunk
    complete = last.endswith((b"\n", b"\r"))
    inside_character = is_utf8 and bool(decoder.getstate()[0])
    is_utf8 = is_utf8 and not inside_character
    lines += 1 if last and not last.endswith(b"\n") else 0
    return _Facts(is_utf8, has_nul, lines, complete, plain and quotes % 2 == 0, inside_character)


def _goes_on(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def _body(path: Path) -> Iterator[bytes]:
    with opened(path) as file:
        chunk = file.read(_CHUNK)
        yield chunk.removeprefix(codecs.BOM_UTF8)
        while chunk := file.read(_CHUNK):
            yield chunk


def _reader(path: Path, encoding: str, stream: FileStream) -> csv._reader:  # type: ignore[name-defined]
    lines = decoded_lines(path, encoding)
    reader = csv.reader(lines, delimiter=stream.delimiter, quotechar=stream.quote, strict=True)
    for _ in range((stream.header_row or 1) - 1):
        next(reader, None)
    return reader


def _header(path: Path, encoding: str, stream: FileStream) -> list[str]:
    names: list[str]
    try:
        names = next(_reader(path, encoding, stream), [])
    except csv.Error as error:
        raise PartRejected(f"expected a header, got a line that cannot be read ({error})") from error
    if not any(name.strip() for name in names):
        raise PartRejected("expected a header, got an empty line")
    # Tables written with their row numbers have a first column without a name.
    return [name.strip() or f"column_{number}" for number, name in enumerate(names, start=1)]


def _check_header(subject: str, file: File, header: list[str]) -> None:
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise SourceRejected(
            f"{subject}: column {twice}",
            expected=f"once in the header of {file.name}",
            got=f"{header.count(twice)} times",
            next_step="rename one of them in the source",
        )


def _rows(file: File, encoding: str, stream: FileStream, width: int, *, complete: bool) -> Iterator[Row | Reject]:
    """Yield the rows after the header.

    A row is held back until the next one is read: the last of a file that does not end with a line break tells whether
    the file was cut.
    """
    reader = _reader(file.path, encoding, stream)
    held: Row | Reject | None = None
    cut = False
    first = True
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise PartRejected(
                    f"line {line}: expected a closing quote, got the end of the file: it was cut"
                ) from None
            item: Row | Reject = Reject(f"line {line}", f"line {line}: expected CSV, got {error}", "")
            cut = False
        else:
            if not values or first:
                first = False
                continue
            item, cut = _row(f"line {line}", values, width)
        if held is not None:
            yield held
        held = item
    if cut and not complete:
        raise PartRejected(f"expected {width} whole fields in the last line, got fewer: the file was cut")
    if held is not None:
        yield held


def _row(place: str, values: list[str], width: int) -> tuple[Row | Reject, bool]:
    """Return a row or its reject, and whether a file that ends with it looks cut."""
    text = "\x1f".join(values)
    storable = text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    if "\0" in text or not storable:
        got = "bytes that are not text in its encoding" if not storable else "a NUL character"
        content = ",".join(values).replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        return Reject(place, f"{place}: expected text, got {got}", content), not storable or len(values) < width
    if len(values) != width:
        content = ",".join(values)
        return Reject(place, f"{place}: expected {width} fields, got {len(values)}", content), len(values) < width
    return Row(place, [value or None for value in values]), False
