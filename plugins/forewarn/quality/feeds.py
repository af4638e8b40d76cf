"""Rows of a stream seen as rows of a canonical entity, before anything is built: the SQL that staging has as a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forewarn.config.entities import Entity, entities


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

    @property
    def spec(self) -> Entity:
        """Return the entity."""
        return entities()[self.entity]

    @property
    def key(self) -> tuple[str, ...]:
        """Return the entity's key columns."""
        return tuple(name.strip() for name in self.spec.key.split(","))

    def query(self, rows: str = "") -> str:
        """Return SQL of the entity's rows; `rows` is a condition on the raw ones."""
        named = {"source": f"'{self.source}'::text"} | {
            name: self.columns.get(name, f"null::{column.type}") for name, column in self.spec.columns.items()
        }
        if self.spec.refers:
            named["account_source"] = f"'{self.account_source}'::text"
        shown = ", ".join(f'{sql} as "{name}"' for name, sql in named.items())
        conditions = " and ".join(f"({part})" for part in (self.where, rows) if part)
        once = f"distinct on ({', '.join(self.columns[name] for name in self.key)}) " if self.distinct else ""
        return f'select {once}{shown}, _loaded_at, _batch_id from "raw_{self.source}"."{self.stream}"' + (
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
        )
        for entity, found in mappings.items()
        for one in found
    ]


def united(found: Sequence[Feed], entity: str) -> str:
    """Return SQL of all rows of an entity, as many as there may be; no row where nobody feeds it."""
    of_entity = [feed.query() for feed in found if feed.entity == entity]
    return "(" + " union all ".join(of_entity) + ")" if of_entity else ""
