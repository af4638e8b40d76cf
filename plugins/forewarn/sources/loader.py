"""Read and check `config/sources`: an error names file, line, column and the nearest known name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from forewarn.config.entities import Entity, entities, keys, told_by_parent
from forewarn.config.project import Project
from forewarn.config.yaml import Document, did_you_mean
from forewarn.errors import ConfigError
from forewarn.expressions import ExpressionError, parse
from forewarn.sources.belonging import check_belonging, check_parents
from forewarn.sources.column_types import Columns, readable_types
from forewarn.sources.lookups import check_lookups, with_lent
from forewarn.sources.model import KINDS, Deletes, FileStream, Mapping, RestStream, Source, Stream

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Types of a cursor whose age can be told; a text may hold moments, which landing looks at.
_TELL_MOMENTS = ("timestamptz", "timestamp", "date", "text")
RESERVED = ("_loaded_at", "_batch_id", "_row_hash")


def load_sources(project: Project) -> dict[str, Source]:
    """Return every source by name, in the order of the file names.

    Raises
    ------
    ConfigError
        With the place and a hint: unknown keys, entities and entity columns, required columns that are not mapped,
        expressions that are not allowed.
    """
    folder = project.path(project.sources)
    files = sorted(file for file in folder.glob("*.y*ml") if file.suffix in (".yml", ".yaml"))
    documents = {file.stem: Document(file) for file in files}
    sources = {name: _read(name, document, list(documents)) for name, document in documents.items()}
    check_parents(documents, sources)
    return sources


def load_source(file: Path, *, known: list[str] | None = None) -> Source:
    """Return the source of one file; `known` are the names of the other sources."""
    document = Document(file)
    source = _read(file.stem, document, [*(known or []), file.stem])
    check_parents({file.stem: document}, {file.stem: source})
    return source


def _read(name: str, document: Document, known: list[str]) -> Source:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            document.file, 1, 1, f"`{name}` cannot name a source", "rename the file: a-z, 0-9 and _, 40 at most"
        )
    kind = document.content.get("kind")
    if kind not in KINDS:
        problem = "`kind` is missing" if kind is None else f"unknown kind `{kind}`"
        raise document.error(["kind"], problem, f"known: {', '.join(KINDS)}")
    source = document.read(KINDS[kind]).model_copy(update={"name": name, "file": document.file})
    if source.time_zone not in available_timezones():
        raise document.error(
            ["time_zone"], f"unknown time zone `{source.time_zone}`", "use an IANA name: Europe/Berlin"
        )
    for stream_name, stream in source.streams.items():
        _check_stream(document, stream_name, stream)
        for entity_name, mapping in stream.entities.items():
            _check_entity(document, ["streams", stream_name, "entities", entity_name], mapping, known)
        # First without types, so that a text which cannot be read is reported at its own place.
        _check_texts(document, stream_name, stream)
    check_lookups(document, source, RESERVED)
    source = with_lent(source)
    for stream_name in source.streams:
        _check_expressions(document, source, stream_name)
    _check_partial(document, source)
    return source


def _check_partial(document: Document, source: Source) -> None:
    whole = {name for stream in source.streams.values() for name, one in stream.entities.items() if not one.partial}
    for stream_name, stream in source.streams.items():
        for entity_name, mapping in stream.entities.items():
            if mapping.partial and entity_name not in whole:
                raise document.error(
                    ["streams", stream_name, "entities", entity_name, "partial"],
                    f"no other stream of this source feeds {entity_name} whole",
                    "remove `partial`, or map the entity in the stream that has its records",
                )


def _check_stream(document: Document, name: str, stream: Stream) -> None:
    path: list[str | int] = ["streams", name]
    if not _NAME.fullmatch(name):
        raise document.error(path, f"`{name}` cannot name a table", "use a-z, 0-9 and _, 40 at most")
    if stream.load_mode == "merge" and not stream.key:
        raise document.error([*path, "mode"], "mode merge needs a key", "add `key: […]`, or use `mode: append`")
    if stream.load_mode == "snapshot" and stream.cursor:
        raise document.error([*path, "cursor"], "a snapshot is the whole stream each time", "remove `cursor`")
    if stream.freshness.newest_within and not stream.cursor:
        place = [*path, "freshness", "newest_within"]
        raise document.error(place, "`newest_within` needs a cursor, whose newest value it judges", "add `cursor: …`")
    declared = stream.columns.get(stream.cursor or "", "text")
    if stream.freshness.newest_within and declared not in _TELL_MOMENTS:
        message = f"`newest_within` needs a cursor of moments or days, and `{stream.cursor}` is {declared}"
        raise document.error([*path, "freshness", "newest_within"], message, "name a timestamp column as `cursor`")
    for column in [*stream.key, *stream.columns, *([stream.cursor] if stream.cursor else [])]:
        if column in RESERVED:
            raise document.error(path, f"`{column}` is written by landing itself", "choose another column")
    if isinstance(stream, FileStream) and stream.format != "json" and (stream.records or stream.each):
        named = "records" if stream.records else "each"
        raise document.error([*path, named], f"`{named}` is of JSON, and this is {stream.format}", "remove it")
    _check_deletes(document, [*path, "deletes"], stream)
    if isinstance(stream, RestStream):
        _check_paginator(document, [*path, "endpoint", "paginator"], stream)
    if isinstance(stream, FileStream) and stream.header_row and stream.format not in ("csv", "excel"):
        message = f"a {stream.format} file has no row of names"
        raise document.error([*path, "header_row"], message, "remove `header_row`")
    if isinstance(stream, FileStream) and stream.encoding:
        try:
            "".encode(stream.encoding)
        except LookupError:
            raise document.error(
                [*path, "encoding"], f"unknown encoding `{stream.encoding}`", "for example utf-8 or gb18030"
            ) from None


def _check_deletes(document: Document, path: list[str | int], stream: Stream) -> None:
    deletes = stream.deletes
    if deletes == Deletes() or (stream.load_mode == "snapshot" and deletes == Deletes(retracts=deletes.retracts)):
        return
    if stream.load_mode != "merge":
        hint = "remove `deletes`" if stream.load_mode == "snapshot" else "use `mode: merge` with a key"
        raise document.error(path, f"mode {stream.load_mode} does not look for deletes", hint)
    if deletes.compare_keys_every is not None and isinstance(stream, FileStream):
        raise document.error(
            [*path, "compare_keys_every"],
            "a file does not tell which keys the source has",
            "use `mode: snapshot` where the files are the whole, or `marked_by`",
        )


def _check_paginator(document: Document, path: list[str | int], stream: RestStream) -> None:
    paginator = stream.endpoint.paginator
    needs = {"token": ("field", "param"), "next_link": ("field",), "page_number": ("param",), "offset": ("param",)}
    needs["last_record"] = needs["token"]
    for name in needs.get(paginator.kind, ()):
        if getattr(paginator, name) is None:
            raise document.error(path, f"`{name}` is missing for kind {paginator.kind}", f"add `{name}: …`")
    if stream.endpoint.since and not stream.cursor:
        raise document.error([*path[:-1], "since"], "`since` needs a cursor", "add `cursor: …` to the stream")


def _check_entity(document: Document, path: list[str | int], mapping: Mapping, sources: list[str]) -> None:
    known, name = entities(), str(path[-1])
    if name not in known:
        raise document.error(path, f"unknown entity `{name}`", did_you_mean(name, list(known)))
    entity: Entity = known[name]
    for column in mapping.columns:
        if column not in entity.columns:
            hint = did_you_mean(column, list(entity.columns))
            raise document.error([*path, "columns", column], f"entity {name} has no column `{column}`", hint)
    check_belonging(document, path, mapping)
    by_parent = told_by_parent(name, mapping.belongs_to)
    for column, definition in entity.columns.items():
        if (mapping.partial and column not in keys(name)) or column in by_parent:
            continue
        if definition.required and column not in mapping.columns:
            hint = f"add `{column}: <column or expression>`; what another stream has comes by `lookup`"
            raise document.error([*path, "columns"], f"entity {name} needs `{column}`", hint)
    if mapping.account_source is not None:
        if entity.refers is None:
            raise document.error(
                [*path, "account_source"], f"entity {name} does not refer to an account", "remove `account_source`"
            )
        if mapping.account_source not in sources:
            hint = did_you_mean(mapping.account_source, sources)
            raise document.error([*path, "account_source"], f"unknown source `{mapping.account_source}`", hint)


def _check_expressions(document: Document, source: Source, stream_name: str) -> None:
    stream = source.streams[stream_name]
    declared = readable_types(source, stream)
    for place, text, kind in _texts(stream):
        _check_one(document, ["streams", stream_name, *place], text, declared, boolean=kind == "boolean")


def _texts(stream: Stream) -> Iterator[tuple[list[str | int], str, str]]:
    """Yield place, text and wanted type of each expression of a stream."""
    if marked := stream.deletes.marked_by:
        yield ["deletes", "marked_by"], marked, "boolean"
    for reason, condition in stream.quarantine.items():
        yield ["quarantine", reason], condition, "boolean"
    for entity_name, mapping in stream.entities.items():
        wanted = entities()[entity_name].columns
        path: list[str | int] = ["entities", entity_name]
        for name, text in mapping.columns.items():
            yield [*path, "columns", name], text, wanted[name].type
        for name, text in mapping.belongs_to.items():
            yield [*path, "belongs_to", name], text, "text"
        if mapping.where is not None:
            yield [*path, "where"], mapping.where, "boolean"


def _check_texts(document: Document, stream_name: str, stream: Stream) -> None:
    for name, one in stream.lookup.items():
        path: list[str | int] = ["streams", stream_name, "lookup", name]
        if not _NAME.fullmatch(name):
            raise document.error(path, f"`{name}` cannot name a column", "use a-z, 0-9 and _, 40 at most")
        written = document.content["streams"][stream_name]["lookup"][name]["by"]
        places = [[*path, "by"]] if isinstance(written, str) else [[*path, "by", at] for at in range(len(one.by))]
        for place, text in [*zip(places, one.by, strict=True), ([*path, "take"], one.take)]:
            _check_one(document, place, text, {}, boolean=False)
    for place, text, _ in _texts(stream):
        _check_one(document, ["streams", stream_name, *place], text, {}, boolean=False)


def _check_one(
    document: Document, place: list[str | int], text: str, declared: dict[str, str | None], *, boolean: bool
) -> None:
    try:
        parse(text, Columns(declared, text), expect="boolean" if boolean else None)
    except ExpressionError as error:
        line, column = _place_in_text(document, place, error)
        raise ConfigError(document.file, line, column, error.problem, error.hint) from error


def _place_in_text(document: Document, path: list[str | int], error: ExpressionError) -> tuple[int, int]:
    """Line and column in the file of a place inside a YAML value."""
    node: Any = document.content
    for part in path[:-1]:
        node = node[part]
    line, column = node.lc.value(path[-1])
    lines = document.file.read_text(encoding="utf-8").splitlines()
    first = lines[line][column : column + 1] if line < len(lines) else ""
    if first in ("|", ">"):
        line += error.line
        indent = len(lines[line]) - len(lines[line].lstrip()) if line < len(lines) else 0
        return line + 1, indent + error.column
    quoted = 1 if first in ('"', "'") else 0
    return line + error.line, (column + quoted if error.line == 1 else 0) + error.column
