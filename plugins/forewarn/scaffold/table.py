"""What a look at a source shows: tables, and of each column a bounded sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from forewarn.scaffold.shapes import COMPACT, Shape, shape_of

MAX_ROWS = 20_000
MAX_COLUMNS = 500
# What exports write where there is nothing.
_NOTHING = frozenset({"NULL", "null", "(null)", "\\N", "NaN", "nan", "N/A", "n/a", "#N/A"})
# What MySQL has where there is no day.
_NO_COMPACT_DAYS = frozenset({"0", "00000000"})
NO_DAYS = ("0000-00-00", "0000-00-00 00:00:00")


@dataclass(frozen=True)
class Column:
    """One column: its name, the type that the source declares (None where it has none) and sampled values as text.

    `latest` are values from the end of a table of which not every row was looked at; they tell how far it reaches.
    """

    name: str
    declared: str | None
    values: Sequence[str | None]
    latest: Sequence[str] = ()

    @cached_property
    def present(self) -> list[str]:
        """The values that are there."""
        nothing = (*self.nothing, *NO_DAYS)
        return [value for value in self.values if value is not None and value.strip() and value not in nothing]

    @cached_property
    def nothing(self) -> list[str]:
        """The words that stand where there is nothing, in a text."""
        if self.declared not in (None, "text"):
            return []
        there = {value for value in self.values if value}
        days = there - _NO_COMPACT_DAYS
        # Of days that are written as a number, none is 0.
        zeros = there & _NO_COMPACT_DAYS if days and all(COMPACT.fullmatch(value) for value in days) else set()
        return sorted({*_NOTHING & there, *zeros})

    @cached_property
    def distinct(self) -> frozenset[str]:
        """The different values that are there."""
        return frozenset(self.present)

    @cached_property
    def shape(self) -> Shape:
        """What the values look like."""
        return shape_of(self.present, self.declared)

    @property
    def is_unique(self) -> bool:
        """Whether every sampled row has a value of its own."""
        return bool(self.values) and len(self.distinct) == len(self.values)


@dataclass(frozen=True)
class Table:
    """One table, file or endpoint.

    Attributes
    ----------
    name : str
        As the source calls it.
    place : dict
        Keys of the stream that say where it is: `table`, or `path` and `format`, or `endpoint`.
    key : list of str
        The primary key, where the source declares one.
    whole : bool
        Every row was looked at, so that what is unique here is unique.
    verify : callable or None
        Says of columns whether they are unique in all rows, where not every row was looked at.
    doubts : sequence of str
        What the look itself leaves open.
    derived : bool
        A view, whose rows other tables may have.
    """

    name: str
    place: dict[str, Any]
    columns: list[Column]
    key: list[str] = field(default_factory=list)
    whole: bool = True
    verify: Callable[[list[str]], bool] | None = None
    doubts: Sequence[str] = ()
    derived: bool = False
    _held: dict[tuple[str, ...], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def holds(self, key: Sequence[str]) -> bool:
        """Whether columns that are unique in the rows that were looked at are so in all; each key is asked for once."""
        if self.whole or self.verify is None:
            return self.whole
        if tuple(key) not in self._held:
            self._held[tuple(key)] = self.verify(list(key))
        return self._held[tuple(key)]

    def column(self, name: str) -> Column:
        """Return a column by name."""
        return next(column for column in self.columns if column.name == name)


def columns_of(
    names: Sequence[str], declared: Sequence[str | None], rows: Iterable[Sequence[str | None]]
) -> list[Column]:
    """Return the columns of sampled rows."""
    values: list[list[str | None]] = [[] for _ in names]
    for row in rows:
        for column, value in zip(values, row, strict=True):
            column.append(value)
    return [Column(*facts) for facts in zip(names, declared, values, strict=True)]
