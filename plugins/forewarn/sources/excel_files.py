"""Excel workbooks: one sheet is a table, its first row that is not empty the header.

The library that reads them keeps the sheet in memory, cell by cell, whether a cell is filled or not. So a workbook is
measured before it is opened: how much it unpacks to, and how wide and long its sheets say they are.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forewarn.config.yaml import did_you_mean
from forewarn.errors import SourceRejected
from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.missing import require_columns
from forewarn.sources.model import FileStream, Source
from forewarn.sources.reader import Part, PartRejected, Reject, Row
from forewarn.sources.rows_as_parts import part_of_rows
from forewarn.sources.sql_tables import plain_row

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

    from forewarn.sources.files import File

MAX_UNPACKED = 400_000_000
MAX_CELLS = 20_000_000
MAX_OLD_BYTES = 100_000_000
_OLD = b"\xd0\xcf\x11\xe0"
_CHUNK = 1 << 20
_PLACE = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')


def inspect(source: Source, stream: FileStream, subject: str, file: File, sha256: str) -> tuple[dict[str, str], Part]:
    """Return the columns of a sheet with the types they land as, and the sheet as a part.

    Raises
    ------
    PartRejected
        The file is no workbook, was cut, is protected, or is too large to be read within bounds.
    SourceRejected
        The sheet, or a column that the stream needs, is not there.
    """
    header, _ = _table(sheet(file.path, stream.sheet, subject), stream.header_row)
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise SourceRejected(
            f"{subject}: column {twice}",
            expected=f"once in the header of {file.name}",
            got=f"{header.count(twice)} times",
            next_step="rename one of them in the source",
        )
    require_columns(subject, f"the header of {file.name}", wanted_columns(stream), header)
    known = column_types(source, stream)

    def rows() -> Iterator[Row | Reject]:
        return _rows(file, stream, subject, len(header))

    types = {name: known.get(name) or "text" for name in header}
    return types, part_of_rows(file.name, header, rows, size_bytes=file.path.stat().st_size, sha256=sha256)


def sheet_names(path: Path) -> list[str]:
    """Return the names of a workbook's sheets."""
    return [str(name) for name in _workbook(path).sheet_names]


def first_rows(path: Path, name: str, count: int) -> list[list[str]]:
    """Return the first rows of a sheet as text, empty cells as empty texts."""
    rows = sheet(path, name, path.name).iter_rows()
    return [[_text(value) or "" for value in values] for values in islice(rows, count)]


def sheet(path: Path, name: str | None, subject: str) -> CalamineSheet:
    """Return a sheet by name, by default the first."""
    workbook = _workbook(path)
    names = [str(known) for known in workbook.sheet_names]
    if not names:
        raise PartRejected("expected a sheet, got a workbook without one")
    if name is not None and name not in names:
        raise SourceRejected(
            subject, expected=f"a sheet `{name}` in {path.name}", got="none", next_step=did_you_mean(name, names)
        )
    try:
        found: CalamineSheet = workbook.get_sheet_by_name(name or names[0])
        return found
    except Exception as error:
        # The library's errors share no type of their own.
        raise PartRejected(f"expected a readable sheet, got {' '.join(str(error).split())[:200]}") from None


def _workbook(path: Path) -> Any:
    import python_calamine

    _measure(path)
    try:
        return python_calamine.CalamineWorkbook.from_path(str(path))
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise PartRejected(
            f"expected an Excel workbook without a password, got one that cannot be read ({text})"
        ) from None


def _measure(path: Path) -> None:
    """Refuse what would not fit into memory, before anything unpacks it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
    if head == _OLD:
        if size > MAX_OLD_BYTES:
            raise PartRejected(f"expected an .xls file of at most {MAX_OLD_BYTES} bytes, got {size}: save it as .xlsx")
        return
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if not any(entry.filename == "xl/workbook.xml" for entry in entries):
                raise PartRejected("expected an Excel workbook (.xlsx or .xls), got another file: save it as .xlsx")
            unpacked = 0
            for entry in entries:
                # What an entry says of its own size is not believed: it is counted.
                entry.file_size = 2 * MAX_UNPACKED
                with archive.open(entry) as content:
                    unpacked = _count(entry.filename, content, unpacked)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise PartRejected(f"expected a whole Excel workbook, got one that was cut or is none ({error})") from None


def _count(name: str, content: Any, unpacked: int) -> int:
    columns = rows = 0
    last = b""
    while chunk := content.read(_CHUNK):
        unpacked += len(chunk)
        if unpacked > MAX_UNPACKED:
            raise PartRejected(
                f"expected at most {MAX_UNPACKED} bytes unpacked, got more: split the workbook, or use CSV"
            )
        if not name.startswith("xl/worksheets/"):
            continue
        for letters, number in _PLACE.findall(last + chunk):
            columns, rows = max(columns, _column(letters)), max(rows, int(number))
        if columns * rows > MAX_CELLS:
            raise PartRejected(f"expected at most {MAX_CELLS} cells, got a sheet of {rows} rows by {columns} columns")
        last = chunk[-32:]
    return unpacked


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _table(found: CalamineSheet, header_row: int | None) -> tuple[list[str], Iterator[tuple[int, list[Any]]]]:
    """Return the header and the numbered rows below it."""
    rows = enumerate(found.iter_rows(), start=1)
    for number, values in rows:
        if number < (header_row or 1):
            continue
        names = ["" if value is None else str(_text(value) or "").strip() for value in values]
        if any(names):
            while not names[-1]:
                names.pop()
            return [name or f"column_{place}" for place, name in enumerate(names, start=1)], rows
    raise PartRejected("expected a header, got an empty sheet")


def _rows(file: File, stream: FileStream, subject: str, width: int) -> Iterator[Row | Reject]:
    _, rows = _table(sheet(file.path, stream.sheet, subject), stream.header_row)
    for number, values in rows:
        texts = [_text(value) for value in values[:width]]
        texts += [None] * (width - len(texts))
        if any(text is not None for text in texts):
            yield plain_row(f"row {number}", texts)


def _text(value: Any) -> str | None:
    """Return a cell as text: whole numbers without a fraction, days without a time."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)
