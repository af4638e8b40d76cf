"""What a table is proposed to feed, and why it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field

_STAND_INS = (
    ("invoice", "due_at", "issued_at", "no column says when it was issued; the day it is due stands for it"),
    ("subscription", "cancelled_at", "ended_at", "the day it was cancelled; without an end nobody ever leaves"),
)


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


def stand_in(feed: Feed) -> None:
    """Let a moment that is known stand for one that is needed and that no column tells."""
    for entity, known, lacking, doubt in _STAND_INS:
        if feed.entity == entity and known in feed.columns and lacking not in feed.columns:
            feed.columns[lacking] = feed.columns[known]
            feed.doubts.append(f"{lacking}: {doubt}")
