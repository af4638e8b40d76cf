"""What the tables of a source say of each other: who is nobody's owner, and which only add to what another tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forewarn.scaffold.matching import Feed, Reader
from forewarn.scaffold.reading import expression_of

# Whom only these name sells or supplies, and looks after no customer.
_GOODS = {"order_line", "product", "inventory_snapshot"}


def strangers(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> Iterator[str]:
    """Take people for no owners whom only products or lines name, and yield why: who sells on a marketplace."""
    for reader, mine in zip(readers, feeds, strict=True):
        owners = [feed for feed in mine if feed.entity == "owner"]
        if not owners or len(reader.key) != 1:
            continue
        naming = {
            feed.entity
            for one, others in zip(readers, feeds, strict=True)
            if one is not reader and any(column.name == reader.key[0] for column in one.usable)
            for feed in others
        }
        if naming and naming <= _GOODS:
            mine.remove(owners[0])
            yield f"{reader.table.name}: {reader.key[0]} is named by products and lines, not customers"


def additions(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Let tables that name a product add to it what they know, where another table has a row for each."""
    found = [
        (reader, feed) for reader, mine in zip(readers, feeds, strict=True) for feed in mine if feed.entity == "product"
    ]
    whole = [feed for reader, feed in found if feed.columns["product_id"] == _own_number(reader)]
    for reader, feed in found if whole else ():
        feed.partial = feed not in whole
        feed.distinct = feed.partial and (feed.distinct or len(reader.key) != 1)


def without_numbers_alone(feeds: Sequence[list[Feed]]) -> None:
    """Leave out what adds nothing but a number."""
    for mine in feeds:
        mine[:] = [feed for feed in mine if not (feed.partial and len(feed.columns) == 1)]


def _own_number(reader: Reader) -> str | None:
    return expression_of(reader.table.column(reader.key[0]), "text") if len(reader.key) == 1 else None
