"""What the rows of a table tell beside their own entity: the order of a line, the payment of an invoice, a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed, Lacking
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.outcomes import has_left, left_by, say_cancelled
from forewarn.scaffold.reading import expression_of, named
from forewarn.scaffold.table import Column

_OVERLAP = 0.9


def beside(fed: set[str], reader: Reader, feeds: Sequence[Feed]) -> Iterator[Feed]:
    """Yield what the rows of a table tell beside what they feed already."""
    own = {feed.entity for feed in feeds}
    if "order" not in fed and "order_line" in own and isinstance(order := reader.feed("order"), Feed):
        order.distinct = True
        for name in ("amount", "discount_amount"):
            # A line's own figures are not the order's: without an amount, the sum of the lines counts.
            order.columns.pop(name, None)
        order.doubts = [doubt for doubt in order.doubts if not doubt.startswith(("amount: ", "discount_amount: "))]
        status = next((one for one in reader.usable if named(one.name) == order.columns.get("status")), None)
        if status is not None and not depends(status, reader.reference("order")):
            # It is that of a line where the lines of an order have several.
            del order.columns["status"]
        say_cancelled(order, reader)
        yield order
    if "order_line" not in fed and "order" in own and reader.reference("product") is not None:
        line = reader.feed("order_line")
        if isinstance(line, Feed) and not line.distinct:
            yield line
    if not fed & {"order", "order_line"} and "usage_event" in own:
        yield from _bought(reader)
    if "product" not in fed and "order_line" in own and (sold := _sold(reader)) is not None:
        yield sold
    for feed in feeds:
        if feed.entity == "payment" and "invoice" not in fed and (billed := _billed(reader, feed)) is not None:
            yield billed
    if "invoice" in own and "payment" not in fed and (paid := _payment(reader)) is not None:
        yield paid
    if "order" in own and "shipment" not in fed and (sent := _shipment(reader)) is not None:
        yield sent
    if "account" in own and (linked := _linked(reader)) is not None:
        yield linked


def _bought(reader: Reader) -> Iterator[Feed]:
    """Yield the orders of a log of events, of which some have an order's number."""
    number = reader.reference("order")
    if number is None or len(number.present) in (0, len(number.values)):
        return
    for entity in ("order", "order_line"):
        found = reader.feed(entity)
        if isinstance(found, Feed):
            found.distinct = entity == "order"
            found.where = f"{named(number.name)} is not null"
            yield found


def _sold(reader: Reader) -> Feed | None:
    """Return the product that a line's own row tells: its name and category, where each has one of them."""
    found = reader.feed("product", guess=False)
    number = reader.reference("product")
    if isinstance(found, Lacking) or number is None or not found.distinct:
        return None
    known = {named(column.name): column for column in reader.usable}
    for target, expression in list(found.columns.items()):
        if target != "product_id" and (expression not in known or not depends(known[expression], number)):
            del found.columns[target]
    found.doubts = []
    return found if {"name", "category"} & found.columns.keys() else None


def depends(column: Column, account: Column | None) -> bool:
    """Whether a column has one value for each of another's."""
    if account is None:
        return False
    seen: dict[str | None, set[str | None]] = {}
    for customer, value in zip(account.values, column.values, strict=True):
        seen.setdefault(customer, set()).add(value)
    return sum(len(values - {None}) <= 1 for values in seen.values()) >= _OVERLAP * len(seen)


def _shipment(reader: Reader) -> Feed | None:
    """Return the shipment that an order's own row tells: when it left, and when it was promised or arrived."""
    found = reader.feed("shipment", guess=False)
    if isinstance(found, Lacking) or not {"promised_at", "delivered_at"} & found.columns.keys():
        return None
    if "shipped_at" not in found.columns:
        return None
    found.where = f"{found.columns['shipped_at']} is not null"
    return found


def _linked(reader: Reader) -> Feed | None:
    """Return the statement that several numbers are one customer, where a table gives customers a number anew."""
    for column in reader.usable:
        if names.means(column.name, "account", "linked_account_id", reader.shared) and not column.is_unique:
            own = reader.feed("account")
            if isinstance(own, Feed) and (number := own.columns["account_id"]) != named(column.name):
                return Feed("account_link", {"account_id": number, "linked_account_id": named(column.name)})
    return None


def _billed(reader: Reader, payment: Feed) -> Feed | None:
    """Return the invoice that a payment's own row tells: when it was due, whether or not it has been paid."""
    found = reader.feed("invoice", guess=False)
    if isinstance(found, Lacking) or "due_at" not in found.columns:
        return None
    payment.columns.setdefault("invoice_id", found.columns["invoice_id"])
    payment.where = f"{payment.columns['paid_at']} is not null"
    return found


def _payment(reader: Reader) -> Feed | None:
    """Return the payment that an invoice's own row tells: when it was paid."""
    found = reader.feed("payment", guess=False)
    invoice = reader.feed("invoice")
    if isinstance(found, Lacking) or isinstance(invoice, Lacking) or "paid_at" not in found.columns:
        return None
    if found.columns["paid_at"] in (invoice.columns["issued_at"], invoice.columns["due_at"]):
        return None
    number = invoice.columns["invoice_id"]
    found.columns |= {"payment_id": number, "invoice_id": number, "amount": invoice.columns["amount"]}
    found.where = f"{found.columns['paid_at']} is not null"
    found.doubts = ["the whole invoice is taken to be paid on that day"]
    return found


def contract(reader: Reader, account: Column, day: date) -> Feed | None:
    """Return the contract of a customer by the customer's row: how long it has run, and whether it has ended."""
    found = reader.feed("subscription", guess=False)
    tenure = next(
        (
            column
            for column in reader.usable
            if names.is_one_of(column.name, "tenure", reader.shared) and column.shape.kind == "number"
        ),
        None,
    )
    feed = found if isinstance(found, Feed) else _without_start(reader)
    if isinstance(found, Lacking) and tenure is None and not _began_as_customer(reader, feed):
        return None
    feed.columns = {
        "subscription_id": expression_of(account, "text"),
        "account_id": expression_of(account, "text"),
    } | feed.columns
    feed.columns["subscription_id"] = expression_of(account, "text")
    if "started_at" not in feed.columns and tenure is not None:
        feed.columns["started_at"] = f"date '{day}' - {expression_of(tenure, 'numeric')} * interval '1 month'"
        feed.doubts.append(f"started_at: the rows are taken to be of {day}, and {tenure.name} to count months")
    ended = has_left(reader)
    if ended is not None and "ended_at" not in feed.columns:
        feed.columns["ended_at"] = left_by(ended, day)
        feed.doubts.append(
            f"ended_at: {ended.name} says that it ended, and no column says when: some day of the last months"
        )
    return feed


def end_of_contract(reader: Reader, account: Column, day: date) -> Feed | None:
    """Return what a table of its own says of the contract that another table tells: that the customer has left."""
    ended = has_left(reader)
    if ended is None:
        return None
    feed = Feed("subscription", {"subscription_id": expression_of(account, "text")}, partial=True)
    feed.columns["ended_at"] = left_by(ended, day)
    feed.doubts.append(
        f"ended_at: {ended.name} says that it ended, and no column says when: some day of the last months"
    )
    return feed


def _without_start(reader: Reader) -> Feed:
    """Return what a table says of a contract, where no column says when it began."""
    feed = Feed("subscription", {})
    for target in ("plan", "mrr", "seats", "renews_at", "ended_at", "cancelled_at"):
        spec = entities()["subscription"].columns[target]
        found = reader._by_meaning(feed, target, spec.type, required=False)
        if found is not None:
            feed.columns[target] = found
    return feed


def _began_as_customer(reader: Reader, feed: Feed) -> bool:
    """Take the day a customer joined for the contract's first, where its row tells price or plan, and an end."""
    account = reader.feed("account")
    ends = {"renews_at", "ended_at", "cancelled_at"} & feed.columns.keys()
    if isinstance(account, Lacking) or "created_at" not in account.columns or not ends:
        return False
    if not {"plan", "mrr"} & feed.columns.keys():
        return False
    feed.columns["started_at"] = account.columns["created_at"]
    feed.doubts.append("started_at: the contract is taken to have begun when the customer joined")
    return True
