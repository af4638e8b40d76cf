"""Columns that a stream has from another of its source by a number: the joins that bring them (decision 0052)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from forewarn.config.entities import entities, keys, parents
from forewarn.config.yaml import Document, did_you_mean
from forewarn.expressions import names, parse, renamed, render
from forewarn.sources.column_types import Columns, column_types, readable_types
from forewarn.sources.model import Lent, Lookup, Mapping, Source, Stream

# What is looked up has a name of its own in SQL, whatever columns the stream has or gets.
_PREFIX = "lookup."


def looked_up(text: str, stream: Stream) -> set[str]:
    """Return the names of what an expression reads that the stream looks up."""
    return set(names(parse(text, Columns({}, text))) & stream.lookup.keys())


def names_of(stream: Stream | None) -> dict[str, str]:
    """Return what a stream looks up, each with its name in SQL."""
    return {name: f"{_PREFIX}{name}" for name in stream.lookup} if stream is not None else {}


def joins(source: Source, stream: Stream, mapping: Mapping) -> list[dict[str, Any]]:
    """Return what must be joined to a stream's raw rows for a mapping, in order; nothing for most.

    Each has `table`, `join` (SQL in which `{relation}` stands for that raw table), `by` and `key` (the two sides, as
    SQL), `is_direct` (`by` reads the stream's own columns alone). A join adds `_batch_id_N` of its row, N from 1.
    """
    texts = [*mapping.columns.values(), *([mapping.where] if mapping.where else [])]
    wanted = _with_ways({name for text in texts for name in looked_up(text, stream)}, stream)
    ways: dict[tuple[str, tuple[str, ...]], dict[str, Lookup]] = {}
    for name, one in stream.lookup.items():
        if name in wanted:
            ways.setdefault((one.stream, tuple(one.by)), {})[name] = one
    return [_join(source, stream, number, found) for number, found in enumerate(ways.values(), 1)]


def _join(source: Source, stream: Stream, number: int, found: dict[str, Lookup]) -> dict[str, Any]:
    """Return the join of lookups that take from one row."""
    way = next(iter(found.values()))
    other = source.streams[way.stream]
    types = column_types(source, other)
    key = [f"""cast("{name.replace('"', '""')}" as text)""" for name in other.key]
    known = readable_types(source, stream)
    own = [f"cast({render(renamed(parse(text, Columns(known, text)), names_of(stream)))} as text)" for text in way.by]
    shown = [f"{sql} as _key_{number}_{at}" for at, sql in enumerate(key, 1)]
    shown += [
        f'{render(parse(one.take, Columns(types, one.take)))} as "{_PREFIX}{name}"' for name, one in found.items()
    ]
    alive = ""
    if (marked := other.deletes.marked_by) is not None:
        alive = f" where ({render(parse(marked, Columns(types, marked)))}) is not true"
    on = " and ".join(f"{sql} = _key_{number}_{at}" for at, sql in enumerate(own, 1))
    rows = f"select {', '.join(shown)}, _batch_id as _batch_id_{number} from {{relation}}{alive}"
    return {
        "table": way.stream,
        "join": f"left join ({rows}) as looked_up_{number} on {on}",
        "by": own,
        "key": key,
        "is_direct": not any(looked_up(text, stream) for text in way.by),
    }


def _with_ways(wanted: Collection[str], stream: Stream) -> set[str]:
    """Return the names, and those by which they are looked up."""
    found: set[str] = set()
    open_ = list(wanted)
    while open_:
        if (name := open_.pop()) not in found:
            found.add(name)
            open_ += [before for text in stream.lookup[name].by for before in looked_up(text, stream)]
    return found


def with_lent(source: Source) -> Source:
    """Return a source whose streams know what others look up in them."""
    lent: dict[str, list[Lent]] = {}
    for name, stream in source.streams.items():
        personal = _with_ways(
            {
                found
                for entity, mapping in stream.entities.items()
                for column, text in mapping.columns.items()
                if entities()[entity].columns[column].personal
                for found in looked_up(text, stream)
            },
            stream,
        )
        for found, one in stream.lookup.items():
            lent.setdefault(one.stream, []).append(Lent(stream=name, take=one.take, personal=found in personal))
    streams = {name: stream.model_copy(update={"lent": lent.get(name, [])}) for name, stream in source.streams.items()}
    return source.model_copy(update={"streams": streams})


def check_lookups(document: Document, source: Source, reserved: Collection[str]) -> None:
    """Refuse a lookup that cannot be followed, or that would say whose a row is.

    Raises
    ------
    ConfigError
        With the place and the way out.
    """
    for stream_name, stream in source.streams.items():
        path: list[str | int] = ["streams", stream_name]
        seen: set[str] = set()
        for name, one in stream.lookup.items():
            _check_lookup(document, [*path, "lookup", name], source, stream, one)
            if later := {found for text in one.by for found in looked_up(text, stream)} - seen:
                problem = f"`{min(later)}` is looked up after `{name}`, or by it"
                raise document.error([*path, "lookup", name, "by"], problem, f"put `{min(later)}` before it")
            seen.add(name)
            if name in (*reserved, *stream.key, *stream.columns, *stream.personal, stream.cursor):
                problem = f"`{name}` is a column of the stream itself"
                raise document.error([*path, "lookup", name], problem, "give what is looked up another name")
        for place, text, what in _of_the_row_itself(stream):
            for found in sorted(looked_up(text, stream)):
                hint = "name a column of the stream; whose a row is by way of another, `belongs_to` says"
                raise document.error([*path, *place], f"`{found}` is looked up, and so cannot be {what}", hint)


def _check_lookup(document: Document, path: list[str | int], source: Source, stream: Stream, one: Lookup) -> None:
    other = source.streams.get(one.stream)
    if other is None:
        hint = did_you_mean(one.stream, list(source.streams))
        raise document.error([*path, "stream"], f"no stream `{one.stream}` in this source", hint)
    if not other.key:
        problem = f"stream {one.stream} has no key: one number might stand on several of its rows"
        raise document.error([*path, "stream"], problem, f"add `key: […]` to {one.stream}: what is unique there")
    if len(one.by) != len(other.key):
        problem = f"stream {one.stream} has the key {', '.join(other.key)}, and `by` names {len(one.by)}"
        raise document.error([*path, "by"], problem, "give an expression for each column of the key, in its order")
    if found := looked_up(one.take, other):
        problem = f"`{min(found)}` is looked up by {one.stream} itself"
        raise document.error([*path, "take"], problem, "look it up here as well, in two steps")


def _of_the_row_itself(stream: Stream) -> Iterator[tuple[list[str | int], str, str]]:
    """Yield the expressions that tell rows apart, say whose they are, or are asked before anything else has landed."""
    if (marked := stream.deletes.marked_by) is not None:
        yield ["deletes", "marked_by"], marked, "the mark of a deleted record"
    for reason, text in stream.quarantine.items():
        yield ["quarantine", reason], text, "a condition of landing"
    numbers = {"account_id", *(name for entity in parents() for name in keys(entity))}
    for entity, mapping in stream.entities.items():
        for parent, text in mapping.belongs_to.items():
            yield ["entities", entity, "belongs_to", parent], text, f"the number of its {parent}"
        for column, text in mapping.columns.items():
            if column in keys(entity) or column in numbers:
                yield (
                    ["entities", entity, "columns", column],
                    text,
                    f"{entity}.{column}, by which records are told apart",
                )
