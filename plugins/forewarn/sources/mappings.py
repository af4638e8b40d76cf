"""What dbt is told about the sources: how raw columns become canonical ones, and a sources.yml."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from forewarn.config.entities import entities
from forewarn.expressions import as_type, parse, renamed, render
from forewarn.sources.column_types import Columns, readable_types
from forewarn.sources.lookups import joins, names_of
from forewarn.sources.model import FileStream, Source, Stream


def canonical_mappings(sources: Mapping[str, Source]) -> dict[str, list[dict[str, Any]]]:
    """Return, for each canonical entity that some stream feeds, one dict per stream that feeds it.

    Each has `source`, `schema`, `table`, `account_source`, `where` (SQL or None), `distinct`, `partial`, `belongs_to`
    (an entity → SQL of that record's number), `columns`: entity column → SQL, cast to the column's type, and `lookups`
    (`forewarn.sources.lookups.joins`). The SQL comes from the expression language: it holds no more than that allows.
    """
    result: dict[str, list[dict[str, Any]]] = {}
    for name, source in sources.items():
        for stream_name, stream in source.streams.items():
            types = readable_types(source, stream)
            for entity_name, mapping in stream.entities.items():
                entity = entities()[entity_name]
                columns = {
                    column: typed(text, types, entity.columns[column].type, own=stream)
                    for column, text in mapping.columns.items()
                }
                belongs_to = {parent: typed(text, types, "text") for parent, text in mapping.belongs_to.items()}
                for parent, number in belongs_to.items():
                    if (same := entities()[parent].key) in entity.columns:
                        columns.setdefault(same, number)
                if "linked_source" in entity.columns:
                    columns.setdefault("linked_source", typed(f"'{name}'", types, "text"))
                result.setdefault(entity_name, []).append(
                    {
                        "source": name,
                        "schema": source.schema_name,
                        "table": stream_name,
                        "account_source": mapping.account_source or name,
                        "where": _where(mapping.where, stream, types),
                        "distinct": mapping.distinct,
                        "partial": mapping.partial,
                        "belongs_to": belongs_to,
                        "columns": columns,
                        "lookups": joins(source, stream, mapping),
                    }
                )
    return result


def dbt_sources(sources: Mapping[str, Source]) -> dict[str, Any]:
    """Return a sources.yml as a dict: a dbt source per source, a table per stream, with freshness."""
    return {"version": 2, "sources": [_dbt_source(name, source) for name, source in sources.items()]}


def _dbt_source(name: str, source: Source) -> dict[str, Any]:
    tables = []
    for stream_name, stream in source.streams.items():
        feeds = ", ".join(stream.entities) or "nothing yet"
        table: dict[str, Any] = {
            "name": stream_name,
            "description": stream.description or f"Stream {stream_name} of {name}, as it came; feeds {feeds}.",
            "config": {"loaded_at_field": "_loaded_at", "freshness": _dbt_freshness(stream)},
        }
        if stream.personal:
            table["columns"] = [{"name": column, "config": {"meta": {"personal": True}}} for column in stream.personal]
        tables.append(table)
    return {
        "name": name,
        "schema": source.schema_name,
        "description": source.description or f"Rows of {name} as they came, typed, one table per stream.",
        "tables": tables,
    }


def _dbt_freshness(stream: Stream) -> dict[str, Any] | None:
    """Return how long ago the newest row may have landed, which is what dbt asks.

    Of a database or server this is not its promise to answer: it may answer every night and have nothing new.
    """
    promised = stream.freshness
    limits = (
        {"warn_after": promised.warn_after, "error_after": promised.error_after}
        if isinstance(stream, FileStream)
        else {"warn_after": promised.newest_within}
    )
    return {name: _period(limit) for name, limit in limits.items() if limit is not None} or None


def _period(limit: timedelta) -> dict[str, Any]:
    minutes = int(limit.total_seconds() // 60)
    for period, length in (("day", 1440), ("hour", 60)):
        if minutes % length == 0:
            return {"count": minutes // length, "period": period}
    return {"count": minutes, "period": "minute"}


def _where(where: str | None, stream: Stream, types: Mapping[str, str | None]) -> str | None:
    """Return the condition of the rows that count: not those that only say that a record was deleted."""
    counts = _sql(where, types, stream) if where is not None else None
    if (marked := stream.deletes.marked_by) is None:
        return counts
    alive = f"({_sql(marked, types, stream)}) is not true"
    return alive if counts is None else f"({counts}) and {alive}"


def typed(text: str, types: Mapping[str, str | None], wanted: str, *, own: Stream | None = None) -> str:
    """Return the SQL of an expression as a column's type; a text that cannot be read as that gives null.

    What the stream `own` looks up is named as `forewarn.sources.lookups.joins` names it.
    """
    expression = renamed(as_type(parse(text, Columns(types, text)), wanted), names_of(own))
    return f"cast({render(expression)} as {wanted})"


def _sql(text: str, types: Mapping[str, str | None], stream: Stream) -> str:
    return render(renamed(parse(text, Columns(types, text)), names_of(stream)))
