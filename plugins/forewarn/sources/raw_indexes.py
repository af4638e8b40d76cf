"""What a build needs of raw tables beside their rows: indexes to look up a few records by, and fresh statistics.

Both are their owner's right, so that landing makes them and not the models that read them (decision 0056).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from psycopg2 import errors, extensions, sql

from forewarn.config.entities import keys
from forewarn.config.settings import Settings
from forewarn.warehouse.engine import connect

Mappings = Mapping[str, Sequence[Mapping[str, Any]]]

# Records that models find by the number of what they are part of.
_PARTS = {"order_line": "order_id", "payment": "invoice_id"}
_NAME_LENGTH = 60


def ready_for_build(settings: Settings, mappings: Mappings) -> None:
    """Index the raw tables by what models look up in them, and refresh the statistics of those that have changed.

    Parameters
    ----------
    mappings : mapping
        `forewarn.sources.canonical_mappings`.
    """
    with connect(settings.warehouse_url, application="forewarn raw indexes") as session:
        # Each statement lets go of its table: a batch that lands meanwhile waits for one at most.
        session.autocommit = True
        with session.cursor() as cursor:
            for feed, name, expression in _found_by(mappings):
                _index(cursor, feed, name, expression)
            _analyze_changed(cursor, mappings)


def _found_by(mappings: Mappings) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Yield a feed, the name of what its rows are found by, and the SQL of that."""
    for entity, column in _PARTS.items():
        yield from _by_column(mappings, entity, column)
    parents: set[str] = set()
    for entity, feeds in mappings.items():
        for feed in feeds:
            belongs_to = feed.get("belongs_to", {})
            parents |= set(belongs_to)
            if feed["distinct"]:
                continue
            for number in belongs_to.values():
                yield feed, f"{entity}_parent", number
            for one in feed.get("lookups", ()):
                if one["is_direct"]:
                    yield feed, f"{entity}_by_{one['table']}", one["by"][0]
    for entity in sorted(parents):
        yield from _by_column(mappings, entity, keys(entity)[0])


def _by_column(mappings: Mappings, entity: str, column: str) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    for feed in mappings.get(entity, ()):
        if column in feed["columns"] and not feed["distinct"]:
            yield feed, column, feed["columns"][column]


def _index(cursor: extensions.cursor, feed: Mapping[str, Any], name: str, expression: str) -> None:
    statement = sql.SQL("create index if not exists {} on {} (({}))").format(
        sql.Identifier(f"{feed['table']}_{name}"[:_NAME_LENGTH]),
        sql.Identifier(feed["schema"], feed["table"]),
        sql.SQL(expression),
    )
    # Computed in a way that no index can hold, as a text that is read as a date: it goes without.
    with suppress(errors.InvalidObjectDefinition):
        cursor.execute(statement)


def _analyze_changed(cursor: extensions.cursor, mappings: Mappings) -> None:
    """Refresh the statistics of tables that have changed by a tenth; autovacuum would come too late."""
    tables = {(feed["schema"], feed["table"]) for feeds in mappings.values() for feed in feeds}
    cursor.execute(
        "select stats.schemaname, stats.relname from pg_stat_user_tables stats join pg_class on oid = relid"
        " where n_mod_since_analyze > greatest(reltuples, 0) / 10 order by 1, 2"
    )
    for table in [row for row in cursor.fetchall() if row in tables]:
        cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(*table)))
