"""What rows have only as a number, and another table in words: an address and its city, a category, a status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from forewarn.config.entities import entities, keys, parents
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import named
from forewarn.scaffold.table import Column

_ALL, _STEPS = 0.9, 3
# Tables of these say where somebody is, whatever of it they hold.
_PLACES = ("address", "adresse", "location", "place", "zip", "postcode", "postalcode", "geography")
# Columns by whose number a table of words is found, and what its words are called.
_WORDS = ("name", "title", "label", "description", "desc", "text", "value", "bezeichnung", "nom", "nombre", "nome")


@dataclass(frozen=True)
class Step:
    """One step from a table to a row of another: the column with its number, and the other table's key."""

    column: Column
    to: Reader
    key: Column


@dataclass(frozen=True)
class Lookup:
    """A column that a stream will have: of which table, by which of its columns or earlier lookups."""

    name: str
    to: Reader
    by: str
    take: str


def look_up(reader: Reader, feed: Feed, readers: Sequence[Reader]) -> Iterator[Lookup]:
    """Yield what a feed lacks and another table has, and map it; the nearest table counts."""
    own = {column.name for column in reader.table.columns}
    columns = entities()[feed.entity].columns
    skipped = {*feed.columns, *keys(feed.entity), "account_id", "known_at"}
    wanted = [name for name, spec in columns.items() if spec.type == "text" and name not in skipped | set(parents())]
    made: dict[tuple[str, ...], str] = {}
    for way in ways(reader, feed.entity, readers):
        for target in list(wanted):
            taken = _means(way[-1].to, feed.entity, target)
            if taken is None or target not in wanted or way[-1].to.table.name == reader.table.name:
                continue
            wanted.remove(target)
            by = named(way[0].column.name)
            for at, step in enumerate(way[1:], start=1):
                path = tuple(one.column.name for one in way[: at + 1])
                if path not in made:
                    made[path] = free_name(step.column.name, {*own, *made.values()})
                    yield Lookup(made[path], way[at - 1].to, by, named(step.column.name))
                by = made[path]
            name = free_name(target, {*own, *made.values()})
            made[*(one.column.name for one in way), taken.name] = name
            feed.columns[target] = name
            yield Lookup(name, way[-1].to, by, named(taken.name))


def ways(reader: Reader, entity: str, readers: Sequence[Reader]) -> Iterator[tuple[Step, ...]]:
    """Yield the ways from a table to others that hold words of an entity, the shortest first."""
    open_: list[tuple[Step, ...]] = [()]
    for _ in range(_STEPS):
        longer = []
        for way in open_:
            at = way[-1].to if way else reader
            known = {reader.table.name, *(step.to.table.name for step in way)}
            for step in _steps(at, readers):
                if step.to.table.name not in known and _speaks_of(step.to, entity):
                    longer.append((*way, step))
        yield from longer
        open_ = longer


def _steps(reader: Reader, readers: Sequence[Reader]) -> Iterator[Step]:
    for column in reader.usable:
        if column.shape.kind == "time" or [column.name] == reader.key or not column.distinct:
            continue
        for other in readers:
            key = _key(other)
            if other is reader or key is None or not leads(column, reader, other, key):
                continue
            if len(column.distinct & key.distinct) >= _ALL * len(column.distinct):
                yield Step(column, other, key)
                break


def _key(reader: Reader) -> Column | None:
    """Return the column that tells the rows of a table of words apart."""
    if len(reader.key) == 1:
        return reader.table.column(reader.key[0])
    first = reader.usable[0] if reader.usable else None
    return first if not reader.key and reader.table.whole and first is not None and first.is_unique else None


def leads(column: Column, reader: Reader, other: Reader, key: Column) -> bool:
    """Whether a table's column is named as another's key, or as that table with a word for number.

    A word may stand before, for what the other's row is to this one: `ship_address_id` leads to `address_id`; or the
    table's own may be left out: `group_id` of a customer leads to `customer_group_id`.
    """
    said = names.spellings(column.name, reader.shared)
    said |= {f"{_alone(reader.called)}{text}" for text in said}
    own = names.spellings(key.name, other.shared) - {*names.words()["numbers"]}
    if not said.isdisjoint(own) or any(text.endswith(name) for text in said for name in own if len(name) > 5):
        return True
    return not said.isdisjoint(_numbered_as(other.called))


@lru_cache(maxsize=1_000)
def _alone(called: str) -> str:
    return names.singular("".join(names.told(called)))


@lru_cache(maxsize=1_000)
def _numbered_as(called: str) -> frozenset[str]:
    """Return how a row of a table may be numbered: as the table, with a word for number before or behind."""
    said = {names.folded(called), "".join(names.told(called))}
    said |= {names.singular(name) for name in said}
    return frozenset(way for name in said for no in names.words()["numbers"] for way in (f"{name}{no}", f"{no}{name}"))


def _speaks_of(other: Reader, entity: str) -> bool:
    """Whether a table is of words that the entity has a column for, or of places."""
    said = _said(other)
    if not said.isdisjoint(_PLACES):
        return "city" in entities()[entity].columns
    return any(
        names.means(word, entity, target) > names.SURE
        for word in said
        for target, spec in entities()[entity].columns.items()
        if spec.type == "text" and target not in keys(entity) and target != "name"
    )


def _said(other: Reader) -> set[str]:
    """Return how a table of words may be called: as the table, and as its key without the word for number."""
    said = names.parts(other.called)
    parts = [*said, *map(names.singular, said)]
    key = _key(other)
    by_key = names.parts(key.name) if key is not None else []
    return {"".join(said), "".join(map(names.singular, said)), *parts, *by_key} - {*names.words()["numbers"], *_WORDS}


def _means(other: Reader, entity: str, target: str) -> Column | None:
    """Return the column of a table that is an entity's: named so, or the words of a table that is named so."""
    fitting = [
        column
        for column in other.usable
        if column.shape.kind in ("text", "phone", "email", "number") and column is not _key(other)
    ]
    rated = [(names.means(column.name, entity, target, other.shared), column) for column in fitting]
    best = max(rated, key=lambda pair: pair[0], default=(0, None))
    if best[0] > names.SURE and target != "name":
        return best[1]
    if not any(names.means(word, entity, target) > names.SURE for word in _said(other)) or target == "name":
        return None
    texts = [column for column in fitting if column.shape.kind == "text"]
    called = [column for column in texts if _is_word(column.name)]
    return next(iter(called or texts), None)


def _is_word(name: str) -> bool:
    return any(part in _WORDS for part in names.parts(name)) or names.folded(name).endswith(_WORDS)


def free_name(name: str, taken: set[str]) -> str:
    """Return a name for what is looked up that no column of the stream has."""
    plain = "".join(sign if sign.isalnum() else "_" for sign in name.lower())[:36].strip("_")
    plain = plain if plain[:1].isalpha() and plain.isascii() else f"looked_up_{len(taken)}"
    number, found = 2, plain
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    return found
