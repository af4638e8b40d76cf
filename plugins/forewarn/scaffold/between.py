"""What the tables of a source say of each other: who is nobody's owner, and which only add to what another tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forewarn.config.entities import entities, keys
from forewarn.scaffold import names
from forewarn.scaffold.belonging import is_foreign, looks_after
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.looking_up import leads
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reach import is_read
from forewarn.scaffold.reading import expression_of
from forewarn.scaffold.table import Column

# Whom only these name sells or supplies, and looks after no customer.
_ALL, _SOME = 0.9, 0.05
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


def paid_invoices(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Say which invoice a payment is of, by the last word of the invoices' table; without it none counts as paid."""
    placed = list(zip(readers, feeds, strict=True))
    invoices = [reader for reader, mine in placed for feed in mine if feed.entity == "invoice" and len(reader.key) == 1]
    for reader, mine in placed if invoices else ():
        for feed in mine:
            if feed.entity != "payment" or "invoice_id" in feed.columns or "invoice" in feed.belongs_to:
                continue
            noun, key = invoices[0].called.rpartition("_")[2], invoices[0].table.column(invoices[0].key[0])
            called = {noun + number for number in names.words()["numbers"]}
            # Of two samples, one need not have what the other has.
            whole = reader.table.whole and invoices[0].table.whole
            found = [
                one
                for one in reader.usable
                if names.folded(one.name) in called and (not whole or one.distinct <= key.distinct)
            ]
            if found:
                feed.columns["invoice_id"] = expression_of(found[0], "text")
            else:
                feed.doubts.append("invoice_id: no column names the invoice, and without it none counts as paid")


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


def one_numbering(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> Iterator[str]:
    """Keep those tables for customers, articles and orders whose numbers others name, and yield what the rest is.

    A shop has customers, their addresses and who reads its letters, all of them called customers and numbered, and only
    the number of the first stands on its orders. Rows that name one of those add to it what they know.
    """
    for entity in ("account", "product", "order"):
        found = [
            (reader, feed, mine)
            for reader, mine in zip(readers, feeds, strict=True)
            for feed in mine
            if feed.entity == entity
        ]
        own = [(reader, feed) for reader, feed, _ in found if feed.columns[keys(entity)[0]] == _own_number(reader)]
        others = [reader for reader in readers if all(reader is not one for one, *_ in found)]
        named_by = [sum(_names(other, reader) for other in others) for reader, _ in own]
        if len(found) < 2 or not any(named_by):
            continue
        strength = [dict(names.entity_of(reader.called)).get(entity, 0) for reader, _ in own]
        rated = [(count > 0, said, count) for count, said in zip(named_by, strength, strict=True)]
        hub, of_hub = own[rated.index(max(rated))]
        kept = [
            reader
            for (reader, _), count, said in zip(own, named_by, strength, strict=True)
            # The addresses of customers are named by orders as well, and are no customers.
            if count and (said >= max(rated)[1] or reader.key == hub.key)
        ]
        for reader, feed, mine in found:
            if feed is of_hub or any(reader is one for one in kept):
                continue
            of = _reference(reader, hub, entity)
            is_own = feed.columns[keys(entity)[0]] == _own_number(reader)
            if entity == "account" and of is not None:
                feed.columns["account_id"] = expression_of(of, "text")
                feed.partial = feed.distinct = True
            elif entity == "order" and of is None and reader.key != hub.key:
                # Sales of another kind: nothing says that the hub has them.
                continue
            elif is_own or entity == "order":
                mine.remove(feed)
                yield f"{reader.table.name}: {hub.table.name} has what others name as {entity}"


def _names(reader: Reader, other: Reader) -> bool:
    """Whether a table has a column for the number of another's rows."""
    key = other.table.column(other.key[0])
    return any(
        leads(column, reader, other, key) and len(column.distinct & key.distinct) >= _SOME * len(column.distinct)
        for column in reader.usable
        if [column.name] != reader.key and column.distinct
    )


def _reference(reader: Reader, other: Reader, entity: str) -> Column | None:
    """Return the column of a table that has the numbers of another's rows, as its name says."""
    key = other.table.column(other.key[0])
    for column in reader.usable:
        if [column.name] == reader.key or not column.distinct:
            continue
        # What belongs to a record in a table called as that one, with a word more, names it as its parent.
        called = leads(column, reader, other, key) or names.folded(column.name) == "parentid"
        called = called or names.is_number_of(column.name, entity, reader.shared) >= 2
        if called and len(column.distinct & key.distinct) >= _ALL * len(column.distinct):
            return column
    return None


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
