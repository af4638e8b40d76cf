"""How long work says how far it is, to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""What is being done, how many parts of it are done, and of how many."""


def untold(what: str, done: int, total: int) -> None:
    """Tell nobody."""
