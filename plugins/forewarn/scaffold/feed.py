"""What a table is proposed to feed, and why it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Feed:
    """A proposed mapping to one entity; `doubts` are lines of comment with the alternatives."""

    entity: str
    columns: dict[str, str]
    distinct: bool = False
    partial: bool = False
    where: str = ""
    belongs_to: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    score: int = 0


@dataclass(frozen=True)
class Lacking:
    """Why a table cannot feed an entity."""

    entity: str
    columns: tuple[str, ...]
