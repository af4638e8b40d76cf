"""Levels of a warning, and how several warnings at once make a stronger one."""

from collections.abc import Iterable
from typing import Literal, cast

Level = Literal["low", "medium", "high"]
Route = Literal["account_manager", "finance", "service"]

LEVELS: tuple[Level, ...] = ("low", "medium", "high")
# Who comes first where signals are equally strong.
ROUTES: tuple[Route, ...] = ("account_manager", "finance", "service")


def rank(level: str) -> int:
    """Return 0 for low, 1 for medium, 2 for high."""
    return LEVELS.index(cast(Level, level))


def combined(levels: Iterable[Level]) -> Level:
    """Return the level of signals seen together: one as it says, two or more one step above the strongest.

    Raises
    ------
    ValueError
        There is no signal.
    """
    ranks = [rank(level) for level in levels]
    if not ranks:
        raise ValueError("no signal has no level")
    return LEVELS[min(max(ranks) + (len(ranks) > 1), len(LEVELS) - 1)]
