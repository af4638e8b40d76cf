"""What stands for orders and ends of contracts where nothing tells of them: deals that were won, invoices, labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from forewarn.scaffold.beside import end_of_contract
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.outcomes import order_of

FACTS = ("order", "subscription")


def ends(readers: Sequence[Reader], feeds: Sequence[list[Feed]], day: date) -> None:
    """Let a table that knows who has left say so of the contract that another one tells, a row a customer in each."""
    contracts = [feed for mine in feeds for feed in mine if feed.entity == "subscription"]
    told = [feed.columns["subscription_id"] == feed.columns.get("account_id") for feed in contracts]
    if told != [True] or any("ended_at" in feed.columns for feed in contracts):
        return
    for reader, mine in zip(readers, feeds, strict=True):
        if reader.account is None or not reader.account.is_unique:
            continue
        if (ended := end_of_contract(reader, reader.account, day)) is not None:
            mine.append(ended)
            return


def bought(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Take deals that were won for orders, or else invoices, where nothing says what customers bought."""
    for entity, order in (("opportunity", order_of), ("invoice", _order_of_invoice)):
        if any(feed.entity in FACTS for mine in feeds for feed in mine):
            return
        for reader, mine in zip(readers, feeds, strict=True):
            found = [order(feed, reader) for feed in mine if feed.entity == entity]
            mine.extend(one for one in found if one is not None)


def _order_of_invoice(invoice: Feed, _: Reader) -> Feed:
    columns = {"order_id": "invoice_id", "account_id": "account_id", "ordered_at": "issued_at", "amount": "amount"}
    order = Feed(
        "order",
        {target: invoice.columns[told] for target, told in columns.items() if told in invoice.columns},
        where=invoice.where,
        belongs_to=dict(invoice.belongs_to),
    )
    order.doubts.append("nothing else tells of orders or contracts: an invoice is taken for one")
    return order
