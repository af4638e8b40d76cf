"""Rows of a stream seen as rows of a canonical entity, before anything is built: the SQL that staging has as a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forewarn.config.entities import Entity, entities, told_by_parent


@dataclass(frozen=True)
class Feed:
    """How one stream's columns become an entity's: SQL expressions, rendered by whoever knows the sources' language."""

    entity: str
    source: str
    stream: str
    columns: Mapping[str, str]
    account_source: str
    where: str | None = None
    distinct: bool = False
    partial: bool = False
    belongs_to: Mapping[str, str] = field(default_factory=dict)
    lookups: Sequence[Mapping[str, Any]] = ()

    @property
    def spec(self) -> Entity:
        """Return the entity."""
        return entities()[self.entity]

    @property
    def key(self) -> tuple[str, ...]:
        """Return the entity's key columns."""
        return tuple(name.strip() for name in self.spec.key.split(","))

    @property
    def by_parent(self) -> tuple[str, ...]:
        """Return the required columns that the record which a row belongs to tells."""
        return told_by_parent(self.entity, self.belongs_to)

    @property
    def owed(self) -> list[str]:
        """Return the required columns that every row must have.

        What the record tells that a row belongs to may be empty in the row. A stream that tells a part of a record owes
        what it maps; the rest comes from another.
        """
        return [
            name
            for name, column in self.spec.columns.items()
            if column.required and name not in self.by_parent and (name in self.columns or not self.partial)
        ]

    def query(self, rows: str = "", *, alone: bool = True) -> str:
        """Return SQL of the entity's rows; `rows` is a condition on the raw ones.

        Rows that stand `alone` have what other streams' rows have not: the number of what they belong to, and what they
        look up in vain.
        """
        named = {"source": f"'{self.source}'::text"} | {
            name: self.columns.get(name, f"null::{column.type}") for name, column in self.spec.columns.items()
        }
        if self.spec.refers:
            named["account_source"] = f"'{self.account_source}'::text"
        for number in self.belongs_to.values() if alone else ():
            named["parent_id"] = number
        if self.lookups and alone:
            # Numbers by which a row is looked up that is not there.
            missed = [
                f"case when {by} is not null and _batch_id_{number} is null then '{one['table']} ' || {by} end"
                for number, one in enumerate(self.lookups, 1)
                for by in one["by"][:1]
            ]
            named["missed_lookup"] = f"coalesce({', '.join(missed)})"
        shown = ", ".join(f'{sql} as "{name}"' for name, sql in named.items())
        conditions = " and ".join(f"({part})" for part in (self.where, rows) if part)
        once = f"distinct on ({', '.join(self.columns[name] for name in self.key)}) " if self.distinct else ""
        joins = "".join(
            " " + one["join"].replace("{relation}", f'"raw_{self.source}"."{one["table"]}"') for one in self.lookups
        )
        return f'select {once}{shown}, _loaded_at, _batch_id from "raw_{self.source}"."{self.stream}"{joins}' + (
            f" where {conditions}" if conditions else ""
        )


def feeds(mappings: Mapping[str, Sequence[Mapping[str, object]]]) -> list[Feed]:
    """Return the feeds of the canonical mappings, as `forewarn.sources.canonical_mappings` gives them to dbt."""
    return [
        Feed(
            entity=entity,
            source=str(one["source"]),
            stream=str(one["table"]),
            columns=dict(one["columns"]),  # type: ignore[call-overload]
            account_source=str(one["account_source"]),
            where=str(one["where"]) if one["where"] else None,
            distinct=bool(one["distinct"]),
            partial=bool(one.get("partial")),
            belongs_to=dict(one.get("belongs_to", {})),  # type: ignore[call-overload]
            lookups=list(one.get("lookups", ())),  # type: ignore[call-overload]
        )
        for entity, found in mappings.items()
        for one in found
    ]


def united(found: Sequence[Feed], entity: str) -> str:
    """Return SQL of all rows of an entity, as many as there may be; no row where nobody feeds it."""
    of_entity = [feed.query(alone=False) for feed in found if feed.entity == entity]
    return "(" + " union all ".join(of_entity) + ")" if of_entity else ""
