"""Whose rows are that name no customer: of the record that they name, an order or a person at a customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from forewarn.config.entities import entities, keys, parents
from forewarn.scaffold import names
from forewarn.scaffold.matching import Feed, Reader, named
from forewarn.scaffold.table import Column

# Tables of these are people at customers where another table has the customers.
_PEOPLE = ("user", "member", "person", "people", "login", "seat", "profile")
_FEW, _TELLING = 5, 4
_ALL, _SOME = 0.9, 0.5


@dataclass(frozen=True)
class Numbers:
    """The numbers of an entity's records, as one table has them."""

    entity: str
    column: Column
    whole: bool


def people_apart(readers: Sequence[Reader]) -> list[Reader]:
    """Return the readers; that of a table of people at customers knows the column of their customer."""
    found = list(readers)
    for at, reader in enumerate(readers):
        if names.singular(names.folded(reader.table.name.rpartition(".")[2])) not in _PEOPLE or len(reader.key) != 1:
            continue
        for other in readers:
            if other is reader or not dict(names.entity_of(other.table.name)).get("account") or len(other.key) != 1:
                continue
            customers = other.table.column(other.key[0]).distinct
            for column in reader.usable:
                named_so = column.name == other.key[0] or names.is_number_of(column.name, "account", reader.shared) >= 2
                if column.name != reader.key[0] and named_so and _overlap(column, customers) >= _ALL:
                    found[at] = replace(reader, customer=column)
    return found


def numbers(placed: Sequence[tuple[Reader, Sequence[Feed]]]) -> list[Numbers]:
    """Return the numbers of the records that others may belong to."""
    found = []
    for reader, feeds in placed:
        columns = {named(column.name): column for column in reader.usable}
        columns |= {f"cast({name} as text)": column for name, column in list(columns.items())}
        for feed in feeds:
            if feed.entity in parents() and (own := columns.get(feed.columns[keys(feed.entity)[0]])) is not None:
                found.append(Numbers(feed.entity, own, reader.table.whole))
    return found


def is_nobodys(reader: Reader, feeds: Sequence[Feed], customers: frozenset[str], known: Sequence[Numbers]) -> bool:
    """Whether nothing says whose the rows are, or what seems to say it are the numbers of something else."""
    if reader.parent is not None or reader.customer is not None:
        return False
    if feeds and entities()[feeds[0].entity].refers is None:
        return False
    return reader.account is None or _is_of_others(reader.account, customers, known)


def candidates(reader: Reader, known: Sequence[Numbers]) -> Iterator[tuple[str, Column]]:
    """Yield what the rows may belong to, with the column of its number: the likeliest first."""
    rated: list[tuple[bool, int, float, int, str, Column]] = []
    for column in reader.usable:
        for one in known:
            if one.column is column or column.shape.kind == "time":
                continue
            rate = names.is_number_of(column.name, one.entity, reader.shared)
            rate = 3 if names.folded(column.name) == names.folded(one.column.name) and len(column.name) > 2 else rate
            share = _overlap(column, one.column.distinct)
            both = reader.table.whole and one.whole
            told = share >= _ALL and _tells(column) and [column.name] != reader.key
            if (rate >= 2 and (share >= _SOME or not both)) or told:
                # A person is the last resort: what people did stands nearer to what it was.
                rated.append((one.entity == "contact", -rate, -share, len(rated), one.entity, column))
    yield from ((entity, column) for *_, entity, column in sorted(rated, key=lambda one: one[:4]))


def _is_of_others(account: Column, customers: frozenset[str], known: Sequence[Numbers]) -> bool:
    if len(customers) < _FEW or _overlap(account, customers) >= _SOME:
        return False
    return any(_overlap(account, one.column.distinct) >= _ALL for one in known if len(one.column.distinct) >= _FEW)


def _overlap(column: Column, others: frozenset[str]) -> float:
    return len(column.distinct & others) / len(column.distinct) if column.distinct else 0.0


def _tells(column: Column) -> bool:
    """Whether values are long and many enough to be the numbers of nothing else."""
    return len(column.distinct) >= _FEW and max(map(len, column.distinct)) >= _TELLING
