"""Whose rows are that name no customer: of the record that they name, an order or a person at a customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from forewarn.config.entities import entities, keys, parents
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import expression_of, named
from forewarn.scaffold.table import Column
from forewarn.sources.belonging import all_above

# Tables of these are people at customers where another table has the customers.
_PEOPLE = ("user", "member", "person", "people", "login", "seat", "profile")
_FEW, _TELLING = 5, 4
# What a number of people is called, which names none of them.
_COUNTED = {"count", "total", "number", "anzahl"}
_ALL, _SOME = 0.9, 0.5
# What somebody said or did of something; nothing belongs to it.
_SAID = ("review", "survey_response", "mention", "interaction", "usage_event", "marketing_event")


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
        if not is_of_people(reader) or len(reader.key) != 1:
            continue
        people = reader.table.column(reader.key[0])
        others = [other for other in readers if other is not reader and len(other.key) == 1]
        called = [other for other in others if dict(names.entity_of(other.called)).get("account")]
        if any(
            looks_after(one, people) and len(one.present) > 2 * len(one.distinct) for o in called for one in o.usable
        ):
            # Of people who look after several customers each, customers have none.
            continue
        for other in others:
            key = other.table.column(other.key[0])
            for column in reader.usable:
                named_so = names.is_number_of(column.name, "account", reader.shared) >= 2
                # A document that describes an API shows no values.
                fits = _overlap(column, key.distinct) >= _ALL or not (column.values or key.distinct)
                told = named_so and _tells(column) and column.distinct != people.distinct
                if (
                    column is not people
                    and fits
                    and (told or (other in called and (named_so or column.name == key.name)))
                ):
                    found[at] = replace(reader, customer=column)
    return _one_numbering(found)


def is_of_people(reader: Reader) -> bool:
    """Whether a table is called as one of users or members is."""
    return names.singular(reader.called.rpartition("_")[2]) in _PEOPLE


def looks_after(column: Column, people: Column) -> bool:
    """Whether a column names one of some people as who looks after a row: owner_user_id, assigned_to."""
    said = set(names.parts(column.name))
    if not said.isdisjoint(_COUNTED):
        return False
    # In the plural it is how many there are: users, employees.
    return not said.isdisjoint(names.words()["looks_after"]) and _overlap(column, people.distinct) >= _ALL


def _one_numbering(readers: list[Reader]) -> list[Reader]:
    """Return the readers; where two tables are called as customers are, the number that most others have is theirs.

    A bank has clients and accounts, and tables of both. Two numberings of customers in one source would make one
    customer of client 7 and account 7.
    """
    called = [one for one in readers if one.customer is None and len(one.key) == 1 and _names_customers(one)]
    numbered = {reader.key[0] for reader in called}
    used = {key: sum(any(column.name == key for column in one.usable) for one in readers) for key in numbered}
    hub = max(sorted(used), key=lambda key: used[key], default="")
    people = {key for key, count in used.items() if count < used[hub]}
    found = []
    for reader in readers:
        person = next((column for column in reader.usable if column.name in people), None)
        customer = next((column for column in reader.usable if column.name == hub), None)
        # A table that has both says whose a person is; where its rows are something else, the customer's number counts.
        links = person is not None and (customer is None) == (reader.key == [person.name])
        found.append(replace(reader, person=person, customer=customer) if links else reader)
    return found


def _names_customers(reader: Reader) -> bool:
    column = reader.table.column(reader.key[0])
    return (
        bool(dict(names.entity_of(reader.called)).get("account"))
        and names.is_number_of(column.name, "account", reader.shared) == 3
    )


def numbers(placed: Sequence[tuple[Reader, Sequence[Feed]]]) -> list[Numbers]:
    """Return the numbers of the records that others may belong to."""
    found = []
    for reader, feeds in placed:
        columns = {named(column.name): column for column in reader.usable}
        columns |= {f"cast({name} as text)": column for name, column in list(columns.items())}
        for feed in feeds:
            if (
                feed.entity in parents()
                and feed.entity not in _SAID
                and (own := columns.get(feed.columns[keys(feed.entity)[0]])) is not None
            ):
                found.append(Numbers(feed.entity, own, reader.table.whole))
    return found


def is_nobodys(reader: Reader, feeds: Sequence[Feed], customers: frozenset[str], known: Sequence[Numbers]) -> bool:
    """Whether nothing says whose the rows are, or what seems to say it are the numbers of something else."""
    if reader.parent is not None or reader.customer is not None:
        return False
    if is_foreign(reader, feeds, customers):
        return True
    if feeds and entities()[feeds[0].entity].refers is None:
        return False
    return reader.account is None or _is_of_others(reader.account, customers, known)


def is_foreign(reader: Reader, feeds: Sequence[Feed], customers: frozenset[str]) -> bool:
    """Whether rows number their customers otherwise than the table of customers does."""
    if reader.parent is not None or reader.customer is not None or any(feed.entity == "account" for feed in feeds):
        return False
    own = reader.account.distinct if reader.account is not None else frozenset()
    return min(len(own), len(customers)) >= _FEW and not own & customers


def also(reader: Reader, feeds: Sequence[Feed], known: Sequence[Numbers], above: dict[str, set[str]]) -> None:
    """Let rows that name a customer only at times belong to what else they name, so that none is set aside for it."""
    if not feeds or reader.account is None or feeds[0].belongs_to or feeds[0].distinct:
        return
    feed, column = feeds[0], reader.account
    needs = "account_id" in entities()[feed.entity].columns and feed.columns.get("account_id") is not None
    if not needs or not entities()[feed.entity].refers or (column.values and len(column.present) == len(column.values)):
        return
    for parent, number in candidates(reader, known):
        if parent != feed.entity and feed.entity not in all_above(parent, above) and number is not column:
            feed.belongs_to = {parent: expression_of(number, "text")}
            feed.doubts.append(
                f"{column.name} may be empty: then the customer is that of the {parent} in {number.name}"
            )
            above.setdefault(feed.entity, set()).add(parent)
            return


def second_numbers(placed: Sequence[tuple[Reader, list[Feed]]], customers: frozenset[str]) -> None:
    """Make people at customers of the numbers by which rows without a customer know them, such as telephones.

    To those the rows may then belong.
    """
    for lost, feeds in placed:
        unplaced = not feeds and lost.account is None and "each" not in lost.table.place
        nobodys = unplaced or is_foreign(lost, feeds, customers)
        if nobodys and not lost.outcome and (found := _by_another_number(lost, placed)) is not None:
            next(told for reader, told in placed if reader is found[0]).append(found[1])


def _by_another_number(lost: Reader, placed: Sequence[tuple[Reader, list[Feed]]]) -> tuple[Reader, Feed] | None:
    mine = [column for column in lost.usable if _tells(column)]
    for reader, feeds in placed:
        if reader is lost or reader.account is None or any(feed.entity == "contact" for feed in feeds):
            continue
        numbers = {feed.columns.get(keys(feed.entity)[0]) for feed in feeds}
        # The list of customers may have its own key beside the number that is theirs.
        listed = any(feed.entity == "account" and not feed.distinct for feed in feeds)
        for column in sorted(reader.usable, key=lambda one: not reader.is_numberlike(one)):
            own = column is not reader.account and len(column.distinct) == len(column.present)
            own = own and expression_of(column, "text") not in numbers
            own = own and (listed or [column.name] != reader.key) and not _is_of_another(column, reader)
            if own and _tells(column) and any(_are_the_same(one, column) for one in mine):
                number, account = expression_of(column, "text"), expression_of(reader.account, "text")
                doubt = f"{lost.table.name} knows customers by {column.name} alone"
                return reader, Feed("contact", {"contact_id": number, "account_id": account}, doubts=[doubt])
    return None


def _are_the_same(column: Column, other: Column) -> bool:
    """Whether two columns hold the same numbers of people, as their values and their names or looks say."""
    alike = bool(names.spellings(column.name) & names.spellings(other.name)) or column.shape.kind in ("phone", "email")
    # Who has a customer's name alone calls the column as customers are called.
    last = names.singular((names.parts(column.name) or [""])[-1])
    alike = alike or (
        last in names.words()["entities"]["account"] and names.means(other.name, "account", "name", "") > names.SURE
    )
    alike = (
        alike
        or names.is_number_of(other.name, "contact") >= 2
        or names.means(other.name, "contact", "phone") > names.SURE
    )
    return alike and other.shape.kind != "time" and _overlap(column, other.distinct) >= _ALL


def _is_of_another(column: Column, reader: Reader) -> bool:
    """Whether a name says that its numbers are those of an order or the like, and no person's."""
    return any(
        names.is_number_of(column.name, entity, reader.shared) >= 2
        for entity in entities()
        if entity not in ("account", "contact")
    )


def candidates(reader: Reader, known: Sequence[Numbers]) -> Iterator[tuple[str, Column]]:
    """Yield what the rows may belong to, with the column of its number: the likeliest first."""
    rated: list[tuple[bool, int, float, int, str, Column]] = []
    for column in reader.usable:
        for one in known:
            if one.column is column or column.shape.kind == "time":
                continue
            rate = names.is_number_of(column.name, one.entity, reader.shared)
            alike = names.folded(column.name) == names.folded(one.column.name) and not names.is_number(column.name)
            # Two tables that call their own numbers alike have each its own.
            rate = 3 if alike and [column.name] != reader.key else rate
            share = _overlap(column, one.column.distinct)
            both = reader.table.whole and one.whole
            told = share >= _ALL and _tells(column) and (one.entity == "contact" or [column.name] != reader.key)
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
    if column.shape.kind == "time" or len(column.distinct) < _FEW:
        return False
    return max(map(len, column.distinct)) >= _TELLING
