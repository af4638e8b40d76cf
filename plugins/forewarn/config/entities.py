"""The canonical entities that every source is mapped to; the list itself is `entities.yml`."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from forewarn.config.yaml import Document


class Column(BaseModel):
    """One column of an entity; `type` is a PostgreSQL type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["text", "numeric", "timestamptz", "boolean"]
    description: str
    required: bool = False
    personal: bool = False


class Entity(BaseModel):
    """One canonical entity.

    Attributes
    ----------
    key : str
        Column or comma-separated columns that are unique within one source.
    refers : str or None
        `account` when rows belong to a customer; they then carry `account_source` as well.
    happened : bool
        A record tells what a customer did: that its source no longer has it does not undo it (decision 0036).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    key: str
    refers: Literal["account"] | None = None
    happened: bool = False
    columns: dict[str, Column]

    @property
    def moment(self) -> str | None:
        """Return the column that says when it happened: the first moment that a record must have."""
        moments = (name for name, column in self.columns.items() if column.type == "timestamptz" and column.required)
        return next(moments, None)


class _Entities(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Entity]


@lru_cache(maxsize=1)
def entities() -> dict[str, Entity]:
    """Return every canonical entity by name."""
    return dict(Document(Path(__file__).with_name("entities.yml")).read(_Entities).__pydantic_extra__)


def keys(entity: str) -> tuple[str, ...]:
    """Return the columns that are unique within one source."""
    return tuple(name.strip() for name in entities()[entity].key.split(","))


def parents() -> list[str]:
    """Return the entities that other records may belong to: those that have one number and a customer."""
    return [name for name, entity in entities().items() if entity.refers and len(keys(name)) == 1]


def told_by_parent(entity: str, parents: Collection[str]) -> tuple[str, ...]:
    """Return the required columns that a record may leave to what it belongs to: its customer and its moment."""
    told = ["account_id"] if parents else []
    moment = entities()[entity].moment
    if moment is not None and any(entities()[parent].moment for parent in parents):
        told.append(moment)
    return tuple(told)
