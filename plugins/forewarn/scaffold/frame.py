"""What stands around the rows of a report: a title above the names of its columns, totals below its last row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forewarn.scaffold.reading import can_be_named, named

# So many rows are looked at for a title; so many at the end for totals.
TOP, _BOTTOM = 40, 3
_NARROW, _WIDE = 0.5, 0.7


def below_title(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the row of the column names, counted from 1, where a narrower title stands above; else nothing."""
    filled = [sum(bool(value.strip()) for value in row) for row in rows]
    wide = max(filled, default=0)
    first = next((width for width in filled if width), 0)
    if wide < 3 or first >= _NARROW * wide:
        return {}
    at = next(number for number, width in enumerate(filled, start=1) if width >= _WIDE * wide)
    return {"header_row": at}


def without_totals(names: Sequence[str], rows: list[list[str | None]]) -> dict[str, Any]:
    """Take sums and counts at the end out of the rows, and return the condition that sets them aside when they land.

    They are rows with at most half the values of the others, of which a column is empty that is filled in all others.
    """
    filled = [sum(value is not None for value in row) for row in rows]
    usual = sorted(filled)[len(filled) // 2] if filled else 0
    totals = 0
    while totals < _BOTTOM and totals < len(rows) - 1 and filled[-1 - totals] <= _NARROW * usual:
        totals += 1
    if not totals:
        return {}
    last, others = rows[-totals:], rows[:-totals]
    for place, name in enumerate(names):
        lacking = all(row[place] is None for row in last) and all(row[place] is not None for row in others)
        if lacking and can_be_named(name):
            del rows[-totals:]
            return {"quarantine": {"a row of totals": f"{named(name)} is null"}}
    return {}
