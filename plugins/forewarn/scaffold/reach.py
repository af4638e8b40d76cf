"""How far the data of a source reach, and what of them a mapping reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.matching import Feed, Reader
from forewarn.scaffold.reading import timed
from forewarn.scaffold.shapes import newest_day
from forewarn.scaffold.table import Column


def newest(placed: Sequence[tuple[Reader, Sequence[Feed]]], today: date) -> date | None:
    """Return the newest day on which something happened; of a source that says none, the newest of any column.

    The end of a term, a day of payment or the plan to close a deal may lie ahead.
    """
    happened = [
        column
        for reader, feeds in placed
        for feed in feeds
        for column in reader.usable
        if (moment := entities()[feed.entity].moment) is not None and _reads(feed.columns.get(moment, ""), column.name)
    ]
    for columns in (happened, [column for reader, _ in placed for column in reader.usable]):
        days = [day for column in columns for day in _days(column) if day <= today]
        if days:
            return max(days)
    return None


def _days(column: Column) -> list[date]:
    shape = timed(column)
    if shape.kind != "time" or any(word in names.folded(column.name) for word in ("birth", "geburt", "naiss", "dob")):
        return []
    found = newest_day([*column.present, *column.latest], shape.how)
    return [found] if found else []


def is_read(name: str, feed: Feed) -> bool:
    """Whether a mapping reads a column."""
    return any(_reads(text, name) for text in (*feed.columns.values(), *feed.belongs_to.values(), feed.where))


def _reads(text: str, name: str) -> bool:
    return re.search(rf'(?<!\w)"?{re.escape(name)}"?(?!\w)', text) is not None
