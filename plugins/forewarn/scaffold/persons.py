"""A person's name, or where they live, that stands in two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.reading import named

if TYPE_CHECKING:
    from forewarn.scaffold.feed import Feed
    from forewarn.scaffold.matching import Reader


def whole_name(feed: Feed, reader: Reader) -> None:
    """Take a person's first and last name together, where no column has both."""
    first, last = (
        next((one for one in reader.usable if names.is_one_of(one.name, half, reader.shared, of=feed.entity)), None)
        for half in ("first_name", "last_name")
    )
    if first is None or last is None or "name" not in entities()[feed.entity].columns:
        return
    both = f"trim(concat({named(first.name)}, ' ', {named(last.name)}))"
    if "name" in feed.columns:
        whole = next((one for one in reader.usable if named(one.name) == feed.columns["name"]), None)
        if whole is None:
            return
        if whole not in (first, last) and not names.is_one_of(whole.name, "titles", reader.shared):
            if len(whole.present) == len(whole.values):
                return
            # A company has a name of its own, a person has two.
            both = f"coalesce({named(whole.name)}, {both})"
    feed.columns["name"] = both
    feed.read |= {first.name, last.name}
    feed.doubts = [doubt for doubt in feed.doubts if not doubt.startswith("name: ")]


def whole_street(feed: Feed, reader: Reader) -> None:
    """Take a street and the number of the house together, where each has a column: without it many share the street."""
    street = feed.columns.get("street")
    number = next((one for one in reader.usable if names.is_one_of(one.name, "house_number", reader.shared)), None)
    if street is not None and number is not None and named(number.name) != street:
        feed.columns["street"] = f"trim(concat({street}, ' ', {named(number.name)}))"
        feed.read.add(number.name)
