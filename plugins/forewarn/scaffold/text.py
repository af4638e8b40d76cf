"""A proposal as the text of a source file: what is sure as YAML, what is not as comments beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forewarn.scaffold.feed import Feed
from forewarn.scaffold.proposal import Proposal, StreamProposal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


def source_text(proposal: Proposal, *, kind: str, connection: str, description: str) -> str:
    """Return the text of the file; `forewarn source check` accepts it as it is."""
    lines = [
        "# Proposed by `forewarn source new` from a look at the source; what it was not sure of stands as a comment.",
        f"kind: {kind}",
        f"connection: {connection}",
        f"description: {_scalar(description)}",
        "# time_zone: Europe/Berlin   # of times that carry no zone; UTC where nothing is said",
        "streams:",
    ]
    for stream in proposal.streams:
        lines += _stream(stream, proposal.names)
    if not proposal.streams:
        lines[-1] = "streams: {}"
    if proposal.unplaced:
        lines += ["# Not placed:", *(f"#   {_comment(line)}" for line in proposal.unplaced)]
    return "\n".join(lines) + "\n"


def _stream(stream: StreamProposal, streams: Mapping[str, str]) -> Iterator[str]:
    yield f"  {_scalar(stream.name)}:"
    for name, value in stream.table.place.items():
        yield f"    {name}: {_value(value)}"
    if stream.key:
        yield f"    key: {_value(stream.key)}"
    if stream.cursor:
        yield f"    cursor: {_value(stream.cursor)}"
        yield "    overlap: 1 hour"
    if stream.date_order:
        yield f"    date_order: {stream.date_order}"
    if stream.marked_by:
        yield f"    deletes: {{marked_by: {_scalar(stream.marked_by)}}}"
    if "table" in stream.table.place and not any(column.values for column in stream.table.columns):
        # A table without rows would be taken for a broken export, and called late.
        yield "    allow_empty: true"
    if stream.personal:
        yield f"    personal: {_value(stream.personal)}"
    yield "    # freshness: {warn_after: 36 hours}"
    if stream.lookups:
        yield "    lookup:"
    for one in stream.lookups:
        way = {"stream": streams[one.to.table.name], "by": one.by, "take": one.take}
        yield f"      {one.name}: {_value(way)}"
    for doubt in stream.doubts:
        yield f"    # {_comment(doubt)}"
    if stream.feeds:
        yield "    entities:"
    for feed in stream.feeds:
        yield from _feed(feed)


def _feed(feed: Feed) -> Iterator[str]:
    yield f"      {feed.entity}:"
    if feed.distinct:
        yield "        distinct: true"
    if feed.partial:
        yield "        partial: true"
    if feed.belongs_to:
        yield f"        belongs_to: {_value(feed.belongs_to)}"
    if feed.where:
        yield f"        where: {_scalar(feed.where)}"
    yield "        columns:"
    for target, expression in feed.columns.items():
        yield f"          {target}: {_scalar(expression)}"
    for doubt in feed.doubts:
        yield f"          # {_comment(doubt)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(name))}: {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_scalar(one) for one in value) + "]"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if any(not character.isprintable() for character in text):
        return '"' + "".join(_escaped(character) for character in text) + '"'
    return "'" + text.replace("'", "''") + "'"


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
