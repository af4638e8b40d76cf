"""The files of a folder: format, encoding and delimiter by their content, and some rows of each."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from forewarn.errors import SourceRejected
from forewarn.scaffold.frame import TOP, below_title, without_totals
from forewarn.scaffold.names import entity_of, is_number, singular
from forewarn.scaffold.table import MAX_COLUMNS, MAX_ROWS, Table, columns_of
from forewarn.sources.compressed import opened
from forewarn.sources.excel_files import first_rows, sheet_names
from forewarn.sources.files import File, inspector
from forewarn.sources.json_files import document, records
from forewarn.sources.model import FilesSource, FileStream
from forewarn.sources.nested import at
from forewarn.sources.reader import PartRejected, Reject, Row

MAX_FILES = 2_000
MAX_VERIFIED = 3_000_000
# Of a longer file, so many of its last rows tell how far it reaches.
_LAST = 1_000
_ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".tab": "csv", ".psv": "csv", ".asc": "csv", ".dat": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel",
}  # fmt: skip
_DELIMITERS = ",;\t|"
_HEAD = 1 << 18
# Western texts of Windows, where nothing else is known. It stands in the file, so that somebody reads it.
_FALLBACK = "cp1252"
_LATIN = {
    "cp1250", "cp1252", "cp1254", "cp1257", "latin_1", "iso8859_2", "iso8859_9", "iso8859_15", "cp850", "cp852",
    "cp437", "cp858", "mac_roman", "mac_latin2", "cp775", "hp_roman8", "cp1140", "iso8859_10", "iso8859_13",
    "iso8859_14", "iso8859_16",
}  # fmt: skip
_OF_DOS = {"cp437", "cp775", "cp850", "cp852", "cp858"}
_CENTRAL = {"Polish", "Czech", "Slovak", "Hungarian", "Croatian", "Slovene", "Romanian", "Turkish"}


def look_at_folder(folder: Path, *, rows: int = MAX_ROWS) -> tuple[list[Table], list[str]]:
    """Return a table for each file or sheet below a folder, and what could not be looked at.

    Files whose names differ in digits only, and whose columns are the same, are one table.

    Raises
    ------
    SourceRejected
        There is no such folder.
    """
    if not folder.is_dir():
        raise SourceRejected(f"folder {folder}", expected="a folder of files", got="none", next_step="correct --folder")
    tables: list[Table] = []
    problems: list[str] = []
    groups: dict[tuple[str, tuple[str, ...]], int] = {}
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_hidden(file.relative_to(folder))]
    for file in files[:MAX_FILES]:
        name = file.relative_to(folder).as_posix()
        format_ = _format(file)
        if format_ is None:
            problems.append(f"{name}: no format that is known (CSV, TSV, Parquet, JSON lines, Excel)")
            continue
        if not file.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{name}: a link that leads outside the folder")
            continue
        try:
            found = _tables(file, name, format_, rows)
        except (PartRejected, SourceRejected) as reason:
            problems.append(f"{name}: {reason}")
            continue
        for table in found:
            _group(tables, groups, table, name)
    if len(files) > MAX_FILES:
        problems.append(f"{len(files) - MAX_FILES} more files: point --folder at fewer")
    return tables, problems


def _group(tables: list[Table], groups: dict[tuple[str, tuple[str, ...]], int], table: Table, name: str) -> None:
    """Take a file to those that are named alike, or as a table of its own."""
    pattern = re.sub(r"\d+", "*", name)
    alike = (pattern + str(table.place.get("sheet", "")), tuple(column.name for column in table.columns))
    if (before := groups.get(alike)) is None or pattern == name:
        groups[alike] = len(tables)
        tables.append(table)
        return
    first = tables[before]
    bare = re.sub(r"[-_. ]*\*[-_.\d* ]*", "", _title(pattern)) or first.name
    place = {**first.place, "path": _literal(pattern)}
    # What is unique in the first of them is taken to be so in each; the last tells how far they reach.
    ends = [[*last.present, *last.latest] for last in table.columns]
    columns = [replace(one, latest=end) for one, end in zip(first.columns, ends, strict=True)]
    tables[before] = Table(bare, place, columns, first.key, whole=first.whole, verify=first.verify)


def _title(name: str) -> str:
    """Return a file's name without what says how it is written: `Sales.Customer` of `Sales.Customer.csv.gz`."""
    parts = Path(name).name.split(".")
    while len(parts) > 1 and (f".{parts[-1].lower()}" in (*_ENDINGS, ".gz") or not re.search(r"[^\W\d]", parts[-1])):
        parts.pop()
    if len(parts) > 1 and not entity_of(parts[-1]) and entity_of(parts[0]):
        # Not a schema and its table, but a table and a word more: orders.v2, customers.2024q1.
        return parts[0]
    return ".".join(parts)


def _literal(pattern: str) -> str:
    return re.sub(r"[\[\]?]", "?", re.sub(r"\*+", "*", pattern))


def _is_hidden(name: Path) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in name.parts)


def _format(file: Path) -> str | None:
    endings = [ending.lower() for ending in file.suffixes]
    if endings and endings[-1] == ".gz":
        inner = _ENDINGS.get(endings[-2], "csv") if len(endings) > 1 else "csv"
        return inner if inner in ("csv", "json") else None
    return _ENDINGS.get(endings[-1]) if endings else None


def _tables(file: Path, name: str, format_: str, rows: int) -> list[Table]:
    place: dict[str, Any] = {"path": re.sub(r"[\[\]*?]", "?", name), "format": format_}
    title = _title(name)
    if format_ == "json":
        return list(_json_tables(file, name, title, place, rows))
    if format_ != "excel":
        if format_ == "csv":
            place |= _dialect(file)
        return [_look(file, name, title, place, rows)]
    sheets = sheet_names(file)
    if len(sheets) == 1:
        return [_look(file, name, title, place | below_title(first_rows(file, sheets[0], TOP)), rows)]
    found = []
    for sheet in sheets:
        try:
            at = {"sheet": sheet} | below_title(first_rows(file, sheet, TOP))
            found.append(_look(file, name, sheet, place | at, rows))
        except PartRejected:
            # A cover or an empty sheet is no table.
            continue
    return found


def _json_tables(file: Path, name: str, title: str, place: dict[str, Any], rows: int) -> Iterator[Table]:
    """Yield the table of a JSON file's records, and one for each list of objects in them: the lines of an order."""
    first = [record for _, record in islice(records(file), 2)]
    # One object with a list in it is an answer that somebody saved.
    lists = [name for name, value in first[0].items() if _of_objects(value)] if _is_alone(first) else []
    objects = any(isinstance(value, dict) for value in first[0].values()) if lists else False
    if len(lists) == 1 and not (objects and any(is_number(name) for name in first[0])):
        place["records"] = lists[0]
    yield _look(file, name, title, place, rows)
    whole = (
        at(document(file), place["records"]) if "records" in place else [one for _, one in islice(records(file), rows)]
    )
    inner = dict.fromkeys(
        name for one in whole[:rows] if isinstance(one, dict) for name, value in one.items() if _of_objects(value)
    )
    of = re.sub(r"[^a-z0-9]+", "_", singular(title.lower())).strip("_")
    for listed in inner if of[:1].isalpha() else ():
        each = {"list": listed, "of": of}
        if "." not in listed:
            yield _look(file, name, f"{of}_{listed}", place | {"each": each}, rows)


def _is_alone(first: list[Any]) -> bool:
    return len(first) == 1 and isinstance(first[0], dict)


def _of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _look(file: Path, name: str, title: str, place: dict[str, Any], rows: int) -> Table:
    try:
        stream = FileStream(**place)
    except ValidationError as error:
        raise PartRejected(str(error.errors()[0]["msg"])) from None
    source = FilesSource(kind="files", streams={"look": stream})
    types, part = inspector(stream)(source, stream, title, File(name, file), "")
    names = list(part.columns)[:MAX_COLUMNS]
    sample: list[list[str | None]] = []
    whole, ending = True, deque[Row | Reject]()
    if part.rows is not None:
        found = part.rows()
        for row in found:
            if not isinstance(row, Row):
                continue
            if len(sample) == rows:
                whole, ending = False, deque(chain([row], islice(found, MAX_VERIFIED)), maxlen=_LAST)
                break
            sample.append(row.values[:MAX_COLUMNS])
    if not sample:
        raise PartRejected("expected rows below the header, got none")
    typed = place["format"] == "parquet"

    def verify(key: list[str]) -> bool:
        places = [names.index(column) for column in key]
        seen: set[int] = set()
        for number, row in enumerate(part.rows() if part.rows is not None else ()):
            if isinstance(row, Row):
                value = hash(tuple(row.values[place] for place in places))
                if value in seen or number == MAX_VERIFIED:
                    return False
                seen.add(value)
        return True

    set_aside = without_totals(names, sample) if whole and not typed else {}
    columns = columns_of(names, [types[name] if typed else None for name in names], sample)
    last = columns_of(names, [None] * len(names), [row.values[:MAX_COLUMNS] for row in ending if isinstance(row, Row)])
    columns = [replace(one, latest=end.present) for one, end in zip(columns, last, strict=True)]
    return Table(title, place | set_aside, columns, whole=whole, verify=verify)


def _dialect(file: Path) -> dict[str, Any]:
    """Return what a CSV file needs said of itself: its encoding and its delimiter, where they are not the usual."""
    with opened(file) as raw:
        head = raw.read(_HEAD)
    said: dict[str, Any] = {}
    encoding = _encoding(head)
    if encoding not in ("utf-8", "utf-16", "gb18030"):
        said["encoding"] = encoding
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    lines = text.splitlines()[: 200 if len(head) < _HEAD else -1]
    delimiter = _delimiter(lines)
    if delimiter != ",":
        said["delimiter"] = delimiter
    return said | below_title(list(islice(csv.reader(lines, delimiter=delimiter), TOP)))


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    whole = head[: head.rfind(b"\n") + 1] or head
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(b"\n".join(line for line in whole.splitlines() if not line.isascii())[:65_536]).best()
        guess = best.encoding if best else _FALLBACK
        if guess in ("gb18030", "gbk", "gb2312", "hz"):
            return "gb18030"
        # Of the many one-byte encodings of the Latin letters, a short sample fits several: the language decides, unless
        # both read the same. In other alphabets letters beyond ASCII stand in rows; among Latin ones each stands alone.
        if guess in _LATIN:
            if not re.search(rb"[\x80-\x9f]", whole) and guess in _OF_DOS:
                # Letters of DOS begin at 80, where those of Windows have signs.
                return _FALLBACK
            same = whole.decode(guess, "replace") == whole.decode(_FALLBACK, "replace")
            return _FALLBACK if same or best is None or best.language not in _CENTRAL else guess
        runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", whole)]
        return _FALLBACK if sum(runs) < 1.3 * len(runs) and _decodes(whole, _FALLBACK) else guess
    return "utf-8"


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which most lines have as many fields as the first that has more than one."""
    counts: Counter[str] = Counter()
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        # Above the names of the columns a title may stand, which has no delimiter.
        width = next((len(row) for row in rows if len(row) > 1), 0)
        if width:
            same = sum(len(row) == width for row in rows)
            counts[delimiter] = same * 1_000 // len(rows) * 100 + width
    return counts.most_common(1)[0][0] if counts else ","
