"""What a source file could say about the tables of a source; every guess that is not sure says so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from forewarn.config.entities import entities
from forewarn.scaffold import belonging, between, instead, names
from forewarn.scaffold.beside import beside, contract, depends
from forewarn.scaffold.choosing import choose
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.looking_up import Lookup, look_up
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.outcomes import end_by_status, leave_out, say_cancelled, settle_deal, take_back, tells_who_left
from forewarn.scaffold.prices import doubt_cents, monthly, price_of_plan
from forewarn.scaffold.reach import is_read, newest
from forewarn.scaffold.reading import expression_of, named
from forewarn.scaffold.star import with_days
from forewarn.scaffold.table import NO_DAYS, Table
from forewarn.scaffold.tickets import more_of_tickets, settle_step, settle_ticket
from forewarn.scaffold.together import as_orders
from forewarn.sources.belonging import all_above

_CHURN_NEEDS = "a churn definition needs orders (non_contractual) or subscriptions (contractual)"


@dataclass
class StreamProposal:
    """One stream as it will be written."""

    name: str
    table: Table
    key: list[str]
    feeds: list[Feed] = field(default_factory=list)
    cursor: str | None = None
    date_order: str | None = None
    marked_by: str | None = None
    personal: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


@dataclass
class Proposal:
    """The streams, what could not be placed and why, and the newest day that the data know."""

    streams: list[StreamProposal]
    unplaced: list[str] = field(default_factory=list)
    newest: date | None = None
    names: dict[str, str] = field(default_factory=dict)

    @property
    def fed(self) -> set[str]:
        """The entities that some stream feeds."""
        return {feed.entity for stream in self.streams for feed in stream.feeds}

    def missing(self, elsewhere: Collection[str] = ()) -> list[str]:
        """Return what a churn definition still lacks, in words; other sources feed what is `elsewhere`."""
        found = []
        fed = self.fed.union(elsewhere)
        if not fed & set(instead.FACTS):
            found.append(f"no stream feeds order or subscription; {_CHURN_NEEDS}")
        if "account" not in fed:
            found.append("no stream feeds account: nobody says who the customers are")
        sold = [feed for stream in self.streams for feed in stream.feeds if feed.entity in ("order", "order_line")]
        if sold and not any("amount" in feed.columns for feed in sold):
            found.append("no stream says what orders are worth: map `amount` of order or order_line")
        if "owner" not in fed:
            found.append("no stream feeds owner: every message goes to `alerts.fallback_recipient`")
        return found


def propose(tables: Sequence[Table], today: date) -> Proposal:
    """Return the proposal for the tables of one source.

    Parameters
    ----------
    today : date
        The day that a table without dates is taken to speak of, where the tables themselves do not know a newer one.
    """
    alike = names.begin_alike([table.name for table in tables])
    readers = belonging.people_apart(with_days([Reader(table, alike=alike) for table in tables]))
    customers = _customers(readers)
    readers = [as_orders(replace(reader, customers=customers)) for reader in readers]
    if any(dict(names.entity_of(one.called)).get("account") and not tells_who_left(one) for one in readers):
        readers = [replace(reader, outcome=tells_who_left(reader)) for reader in readers]
    taken: set[str] = set()
    result = Proposal([])
    for reader in readers:
        chosen, lacking = choose(reader)
        name = _stream_name(reader.table.name, taken, chosen.entity if chosen else "table")
        stream = StreamProposal(name, reader.table, list(reader.key), doubts=list(reader.table.doubts))
        if chosen is not None:
            stream.feeds.append(chosen)
        elif reader.outcome:
            result.unplaced.append(
                f"{reader.table.name}: tells who left, which is what a model foresees; a day in it may be `ended_at` of"
                " the contract (`partial: true`, with the contract's number)"
            )
        elif lacking is not None:
            needs = " and ".join(lacking.columns)
            way = ""
            if "account_id" in lacking.columns and (order := reader.reference("order")) is not None:
                way = f"; {order.name} leads to it: `belongs_to`, with the source of the orders as `account_source`"
            result.unplaced.append(f"{reader.table.name}: looks like {lacking.entity}, which needs {needs}{way}")
        else:
            result.unplaced.append(f"{reader.table.name}: nothing says what its rows are")
        result.streams.append(stream)
    _belongings(result, readers, customers)
    between.colleagues(readers, [stream.feeds for stream in result.streams])
    result.unplaced += between.one_numbering(readers, [stream.feeds for stream in result.streams])
    result.newest = _newest(result, readers, today)
    more_of_tickets(readers, [stream.feeds for stream in result.streams])
    done = _in_terms(result, readers, [])
    _more_feeds(result, readers, today)
    # A contract that follows from the row of a customer is in the models' terms as it comes.
    done += [feed for stream in result.streams for feed in stream.feeds if feed.entity == "subscription"]
    if any(feed.entity == "order" and feed.distinct for stream in result.streams for feed in stream.feeds):
        # Where orders follow from lines, it is they that tell the day.
        result.newest = _newest(result, readers, today)
    belonging.second_numbers(
        [(reader, one.feeds) for reader, one in zip(readers, result.streams, strict=True)], customers
    )
    # What follows from lines and wide rows may be what others belong to: the return of an order.
    _belongings(result, readers, customers)
    _in_terms(result, readers, done)
    feeds = [stream.feeds for stream in result.streams]
    instead.bought(readers, feeds)
    result.unplaced += [*between.strangers(readers, feeds), *between.views(readers, feeds)]
    between.additions(readers, feeds)
    between.looked_after(readers, feeds)
    between.paid_invoices(readers, feeds)
    between.strange_numbers(readers, feeds, customers)
    _lookups(result, readers)
    between.without_numbers_alone(feeds)
    for stream, reader in zip(result.streams, readers, strict=True):
        _settle(stream, reader)
    placed = {stream.table.name for stream in result.streams if stream.feeds}
    result.unplaced = [line for line in result.unplaced if line.split(":")[0] not in placed]
    return result


def _newest(result: Proposal, readers: Sequence[Reader], today: date) -> date | None:
    return newest([(reader, stream.feeds) for stream, reader in zip(result.streams, readers, strict=True)], today)


def _customers(readers: Sequence[Reader]) -> frozenset[str]:
    """Return the numbers of the customers, by the table that is named after them most."""
    called = [(dict(names.entity_of(one.called)).get("account", 0), one) for one in readers if one.customer is None]
    for strength, reader in sorted(called, key=lambda pair: -pair[0]):
        if strength and isinstance(account := reader.feed("account"), Feed):
            number = account.columns["account_id"]
            return next(one.distinct for one in reader.usable if expression_of(one, "text") == number)
    # Where no table is called so, that of their people knows them.
    return next((one.customer.distinct for one in readers if one.customer is not None), frozenset())


def _belongings(result: Proposal, readers: list[Reader], customers: frozenset[str]) -> None:
    """Let rows that name no customer belong to the record that does: a review to its order, an order to its user."""
    above: dict[str, set[str]] = {}
    changed = True
    while changed:
        changed = False
        feeds = [stream.feeds for stream in result.streams]
        numbers = belonging.numbers(list(zip(readers, feeds, strict=True)))
        for at, (stream, reader) in enumerate(zip(result.streams, readers, strict=True)):
            foreign = belonging.is_foreign(reader, stream.feeds, customers)
            if not belonging.is_nobodys(reader, stream.feeds, customers, numbers):
                belonging.also(reader, stream.feeds, numbers, above)
                continue
            for parent in belonging.candidates(reader, numbers):
                if foreign and parent[0] != "contact":
                    continue
                child = replace(reader, customers=customers, parent=parent)
                chosen, _ = choose(child)
                if chosen is None or not chosen.belongs_to or chosen.entity in all_above(parent[0], above):
                    continue
                above.setdefault(chosen.entity, set()).add(parent[0])
                stream.feeds, readers[at], changed = [chosen], child, True
                break


def _in_terms(result: Proposal, readers: list[Reader], done: Collection[Feed]) -> list[Feed]:
    """Put what tables say of how things went as models know it, and leave out what never counted; return all feeds."""
    solved = any("closed_at" in feed.columns for one in result.streams for feed in one.feeds if feed.entity == "ticket")
    for stream, reader in zip(result.streams, readers, strict=True):
        for feed in [one for one in stream.feeds if not any(one is other for other in done)]:
            if feed.entity == "opportunity":
                settle_deal(feed, reader)
            elif feed.entity == "order":
                take_back(feed, reader)
                say_cancelled(feed, reader)
            elif feed.entity == "ticket":
                settle_ticket(feed, reader, solved=solved)
            elif feed.entity == "ticket_status_change":
                settle_step(feed, reader)
            elif feed.entity == "subscription":
                monthly(feed, reader)
                end_by_status(feed, reader)
            leave_out(feed, reader)
            doubt_cents(feed, reader)
    return [feed for stream in result.streams for feed in stream.feeds]


def _more_feeds(result: Proposal, readers: list[Reader], today: date) -> None:
    """Add what a table tells beside its own rows: the customer on each order, the order on each line, the contract."""
    day = result.newest or today
    for stream, reader in zip(result.streams, readers, strict=True):
        own = {feed.entity for feed in stream.feeds}
        account = reader.account
        stream.feeds += beside(result.fed, reader, stream.feeds)
        if account is None or not account.is_unique or "account" not in own:
            continue
        if (told := contract(reader, account, day)) is not None:
            stream.feeds.append(told)
    feeds = [stream.feeds for stream in result.streams]
    instead.ends(readers, feeds, day)
    if "account" in result.fed:
        _numbers_alone(result)
        return
    with_account = [
        (stream, reader) for stream, reader in zip(result.streams, readers, strict=True) if reader.account is not None
    ]
    for stream, reader in sorted(
        with_account, key=lambda pair: -len(pair[1].account.distinct if pair[1].account else ())
    )[:1]:
        found = reader.feed("account")
        if isinstance(found, Feed):
            found.distinct = True
            account = reader.account
            known = {named(column.name): column for column in reader.usable}
            for target, expression in list(found.columns.items()):
                if target != "account_id" and expression in known and not depends(known[expression], account):
                    del found.columns[target]
            stream.feeds.insert(0, found)


def _lookups(result: Proposal, readers: list[Reader]) -> None:
    """Let streams look up what they have as a number and another table in words."""
    of = {stream.table.name: stream for stream in result.streams}
    for stream, reader in zip(result.streams, readers, strict=True):
        stream.lookups += [one for one in reader.lookups if any(is_read(one.name, feed) for feed in stream.feeds)]
        for feed in stream.feeds:
            priced = price_of_plan(feed, reader, readers) if feed.entity == "subscription" else []
            for one in [*look_up(reader, feed, readers), *priced]:
                stream.lookups.append(one)
                other = of[one.to.table.name]
                other.key = other.key or [one.to.usable[0].name]
    placed = {one.to.table.name for stream in result.streams for one in stream.lookups}
    result.unplaced = [line for line in result.unplaced if line.split(":")[0] not in placed]
    result.names = {stream.table.name: stream.name for stream in result.streams}


def _numbers_alone(result: Proposal) -> None:
    """Take out what says of customers no more than their number, where another table says who they are."""
    known = [feed for stream in result.streams for feed in stream.feeds if feed.entity == "account"]
    told = [feed for feed in known if len(feed.columns) > 1 and not feed.distinct] or known[:1]
    for stream in result.streams:
        for feed in [one for one in stream.feeds if one.entity == "account" and len(one.columns) == 1]:
            if any(one is not feed for one in told):
                stream.feeds.remove(feed)
                if not stream.feeds:
                    result.unplaced.append(
                        f"{stream.table.name}: nothing says what its rows are; of customers it has but the number"
                    )


def _settle(stream: StreamProposal, reader: Reader) -> None:
    """Decide what a stream's other keys say."""
    stream.personal = [
        column.name
        for column in stream.table.columns
        if names.is_one_of(column.name, "personal", reader.shared, of="account")
        or column.shape.kind == "email"
        # The number of an order may be written as telephones are.
        or (column.shape.kind == "phone" and reader.reference("order") is not column)
        or any(_is_personal(column.name, feed) for feed in stream.feeds)
    ]
    read = {column.name for feed in stream.feeds for column in reader.usable if is_read(column.name, feed)}
    orders = {column.shape.how for column in reader.usable if column.name in read and column.shape.kind == "time"}
    for order in ("dmy", "mdy"):
        if order in orders:
            stream.date_order = order
    if "either" in orders and stream.date_order is None:
        stream.date_order = "dmy"
        stream.doubts.append("date_order: mdy, if the month stands first; no date in the sample tells")
    changed = [
        column
        for column in reader.usable
        if names.is_one_of(column.name, "changed", reader.shared) and column.shape.kind == "time"
    ]
    if "table" in stream.table.place and stream.key:
        declared = [
            column.name
            for column in reader.usable
            if column.declared in ("timestamptz", "date") and column.name not in stream.personal
        ]
        if changed and changed[0].declared in ("timestamptz", "date"):
            stream.cursor = changed[0].name
        elif declared:
            stream.doubts.append(
                f"cursor: {declared[0]}, if it changes with every change of a row; without one all is read"
            )
    if stream.key:
        stream.marked_by = _mark_of_deletion(reader)
    said = [column for column in reader.usable if names.is_one_of(column.name, "leaks", reader.shared)]
    if said:
        told = ", ".join(column.name for column in said)
        stream.doubts.append(f"not mapped, since it tells the outcome: {told}")
    mapped = {feed.entity for feed in stream.feeds}
    if mapped and not stream.key and (twice := _rows_again(stream.table)):
        stream.doubts.append(
            f"{twice} of the rows that were looked at agree with another in every column: they count once"
        )
        if "path" in stream.table.place:
            stream.doubts.append("repeats: again, with `again` in each hash_of(…), if each of them counts")
    if mapped:
        brought = {one.name for one in reader.lookups}
        rest = [column.name for column in stream.table.columns if column.name not in read | brought]
        if rest:
            stream.doubts.append(f"not mapped: {', '.join(rest[:30])}{', …' if len(rest) > 30 else ''}")


def _rows_again(table: Table) -> int:
    rows = list(zip(*(column.values for column in table.columns), strict=True))
    return len(rows) - len(set(rows))


def _mark_of_deletion(reader: Reader) -> str | None:
    """Return the condition by which rows say that they were deleted: a truth, or the time when they were."""
    for column in reader.usable:
        if not names.is_one_of(column.name, "deleted", reader.shared):
            continue
        if column.shape.kind in ("truth", "number"):
            return f"truth({named(column.name)})"
        if column.shape.kind == "time" and not len(column.present) == len(column.values) > 0:
            # Where every row has the day it was deleted, it is what the rows are about.
            name = named(column.name)
            for word in [*column.nothing, *sorted({*NO_DAYS} & {value for value in column.values if value})]:
                name = f"nullif({name}, '{word}')"
            return f"{name} is not null"
    return None


def _is_personal(name: str, feed: Feed) -> bool:
    columns = entities()[feed.entity].columns
    return any(columns[target].personal and text == named(name) for target, text in feed.columns.items())


def _stream_name(name: str, taken: set[str], otherwise: str) -> str:
    """Return a table's name as a stream's, or `otherwise` where nothing of it can be written so."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(sign))
    plain = re.sub(r"[^a-z0-9]+", "_", bare).strip("_") or otherwise
    plain = plain if plain[0].isalpha() else f"t_{plain}"
    plain, number = plain[:36].rstrip("_"), 2
    while (found := plain if plain not in taken else f"{plain}_{number}") in taken:
        number += 1
    taken.add(found)
    return found
