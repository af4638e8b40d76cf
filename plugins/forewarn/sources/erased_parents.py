"""Rows that belong to a record of an erased person: an order's review is its customer's as much as the order is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from psycopg2 import extensions, sql

from forewarn.config.entities import keys
from forewarn.config.settings import Settings
from forewarn.sources import erased
from forewarn.sources.column_types import column_types
from forewarn.sources.lookups import joins
from forewarn.sources.mappings import typed
from forewarn.sources.model import Source
from forewarn.sources.raw_tables import known_columns
from forewarn.warehouse.engine import connect


def of_parents(
    cursor: extensions.cursor, sources: Mapping[str, Source], source: Source, stream_name: str
) -> Iterator[sql.Composable]:
    """Yield conditions, true of a stream's rows that belong to a record of an erased person which has landed."""
    stream = source.streams[stream_name]
    for mapping in stream.entities.values():
        if (teller := sources.get(mapping.account_source or source.name)) is None:
            continue
        for parent, text in mapping.belongs_to.items():
            number = sql.SQL(typed(text, column_types(source, stream), "text"))
            for name, one in teller.streams.items():
                if parent not in one.entities or not known_columns(cursor, teller, name):
                    continue
                told = typed(one.entities[parent].columns[keys(parent)[0]], column_types(teller, one), "text")
                if theirs := list(_theirs(cursor, sources, teller, name, parent)):
                    yield sql.SQL("({}) in (select {} from {} where {})").format(
                        number,
                        sql.SQL(told),
                        sql.Identifier(teller.schema_name, name),
                        sql.SQL(" or ").join(theirs),
                    )
    yield from of_lookups(cursor, sources, source, stream_name)


def of_lookups(
    cursor: extensions.cursor, sources: Mapping[str, Source], source: Source, stream_name: str
) -> Iterator[sql.Composable]:
    """Yield conditions, true of a stream's rows that a record of an erased person looks up for something personal."""
    stream = source.streams[stream_name]
    for name in {one.stream for one in stream.lent if one.personal}:
        other = source.streams[name]
        if not known_columns(cursor, source, name):
            continue
        for entity, mapping in other.entities.items():
            theirs = list(_theirs(cursor, sources, source, name, entity))
            ways = ""
            for one in joins(source, other, mapping):
                if one["table"] == stream_name and theirs:
                    yield sql.SQL("({}) in (select {} from {}{} where {})").format(
                        sql.SQL(", ".join(one["key"])),
                        sql.SQL(", ".join(one["by"])),
                        sql.Identifier(source.schema_name, name),
                        sql.SQL(ways),
                        sql.SQL(" or ").join(theirs),
                    )
                ways += " " + one["join"].replace("{relation}", f'"{source.schema_name}"."{one["table"]}"')


def _theirs(
    cursor: extensions.cursor, sources: Mapping[str, Source], source: Source, stream_name: str, entity: str
) -> Iterator[sql.Composable]:
    """Yield conditions of an entity's records that are an erased person's."""
    stream = source.streams[stream_name]
    mapping = stream.entities[entity]
    numbers = {"account_id": ("account", mapping.account_source or source.name), "contact_id": ("contact", source.name)}
    for column, (kind, numbering) in numbers.items():
        if column in mapping.columns:
            yield sql.SQL("({}) in (select number from ops.erased where kind = {} and source = {})").format(
                sql.SQL(typed(mapping.columns[column], column_types(source, stream), "text")),
                sql.Literal(kind),
                sql.Literal(numbering),
            )
    yield from of_parents(cursor, sources, source, stream_name)


def forget_again(settings: Settings, sources: Mapping[str, Source]) -> None:
    """Empty what landed before the record that it belongs to, of persons who were erased long ago."""
    with connect(settings.warehouse_url, application="forewarn erased") as connection, connection.cursor() as cursor:
        if erased.anybody(cursor):
            _forget_again(cursor, sources)
        connection.commit()


def _forget_again(cursor: extensions.cursor, sources: Mapping[str, Source]) -> None:
    for source in sources.values():
        for name, stream in source.streams.items():
            if not stream.lent and not any(mapping.belongs_to for mapping in stream.entities.values()):
                continue
            columns = known_columns(cursor, source, name)
            by_parents = list(of_parents(cursor, sources, source, name)) if columns else []
            belongs = erased.owned(source, name, columns, by_parents=by_parents) if by_parents else None
            if belongs is not None and belongs.columns:
                erased.empty_landed(cursor, source, name, belongs)
                erased.empty_past(cursor, source, name, belongs)
