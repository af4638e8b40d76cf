"""What the tables of a source say of each other: who is nobody's owner, and which only add to what another tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.belonging import is_foreign, looks_after
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reach import is_read
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


def colleagues(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Take users for the company's own people where another table has the customers."""
    own = [
        (reader, mine)
        for reader, mine in zip(readers, feeds, strict=True)
        if any(feed.entity == "account" and not feed.distinct for feed in mine)
    ]
    if len(own) < 2 or any(feed.entity == "owner" for mine in feeds for feed in mine):
        return
    for reader, mine in own:
        if names.singular(reader.called.rpartition("_")[2]) == "user":
            found = reader.feed("owner")
            mine[:] = [found] if isinstance(found, Feed) else []


def looked_after(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Say whose rows are that name one of the company's people otherwise than as an owner: assigned_to, user_id."""
    people = [
        reader.table.column(reader.key[0])
        for reader, mine in zip(readers, feeds, strict=True)
        for feed in mine
        if feed.entity == "owner" and feed.columns["owner_id"] == _own_number(reader)
    ]
    for reader, mine in zip(readers, feeds, strict=True) if len(people) == 1 else ():
        found = [column for column in reader.usable if column is not people[0] and looks_after(column, people[0])]
        for feed in mine:
            free = [column for column in found if not is_read(column.name, feed)]
            if "owner_id" in entities()[feed.entity].columns.keys() - feed.columns.keys() and len(free) == 1:
                feed.columns["owner_id"] = expression_of(free[0], "text")


def strange_numbers(readers: Sequence[Reader], feeds: Sequence[list[Feed]], customers: frozenset[str]) -> None:
    """Doubt customers' numbers that the table of customers does not have: their rows would be nobody's."""
    for reader, mine in zip(readers, feeds, strict=True):
        for feed in mine:
            if reader.account is not None and "account_id" in feed.columns and is_foreign(reader, mine, customers):
                name = reader.account.name
                feed.doubts.append(f"account_id: the table of customers has none of the values of {name}")


def views(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> Iterator[str]:
    """Leave out views that tell what tables tell already, and yield which."""
    of_tables = {
        feed.entity: reader.table.name
        for reader, mine in zip(readers, feeds, strict=True)
        for feed in mine
        if not reader.table.derived
    }
    for reader, mine in zip(readers, feeds, strict=True):
        told = [feed for feed in mine if feed.entity in of_tables]
        if reader.table.derived and told:
            mine[:] = [feed for feed in mine if feed not in told]
            listed = " and ".join(f"{feed.entity}, as {of_tables[feed.entity]} does" for feed in told)
            yield f"{reader.table.name}: a view that tells of {listed}"


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
