"""How far the data of a source reach, and what of them a mapping reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import reads, timed
from forewarn.scaffold.shapes import newest_day
from forewarn.scaffold.table import Column

# What customers do all the time. A contract or a ticket that is some days younger says nothing of these days.
STEADY = ("order", "usage_event")
SOME_DAYS = timedelta(days=31)


def newest(placed: Sequence[tuple[Reader, Sequence[Feed]]], today: date) -> date | None:
    """Return the newest day of which the source tells all; of one that says no moments, the newest of any column.

    Where orders or usage end some days before the rest, the days after them would look like silence. The end of a term,
    a day of payment or the plan to close a deal may lie ahead.
    """
    happened = [
        (feed.entity, column)
        for reader, feeds in placed
        for feed in feeds
        for column in reader.usable
        if (moment := entities()[feed.entity].moment) is not None and reads(feed.columns.get(moment, ""), column.name)
    ]
    for columns in (happened, [("", column) for reader, _ in placed for column in reader.usable]):
        ends = [(entity, day) for entity, column in columns for day in _days(column) if day <= today]
        if ends:
            last = max(day for _, day in ends)
            return min(day for entity, day in ends if day == last or (entity in STEADY and day >= last - SOME_DAYS))
    return None


def _days(column: Column) -> list[date]:
    shape = timed(column)
    if shape.kind != "time" or any(word in names.folded(column.name) for word in ("birth", "geburt", "naiss", "dob")):
        return []
    found = newest_day([*column.present, *column.latest], shape.how)
    return [found] if found else []


def is_read(name: str, feed: Feed) -> bool:
    """Whether a mapping reads a column."""
    return any(reads(text, name) for text in (*feed.columns.values(), *feed.belongs_to.values(), feed.where))
