"""What a table says of how things ended: a deal that was won or lost, an order taken back, a customer who left."""

from __future__ import annotations

from datetime import date, timedelta

from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import named
from forewarn.scaffold.table import Column

MONTH = timedelta(days=30)

_MOST_STATES, _MOST_KINDS = 30, 8
_DOCUMENTS = ("order", "invoice", "payment")
_WITH_STATUS = ("order", "invoice", "payment", "return", "ticket")
# As int_orders has them.
_KNOWN = ("cancelled", "canceled", "void", "voided", "rejected")


def tells_who_left(reader: Reader) -> bool:
    """Whether a table holds what a model is to foresee: labels, or a row for each customer who left."""
    said = {names.singular(part) for part in names.parts(reader.called)}
    return not said.isdisjoint(names.words()["outcomes"])


def has_left(reader: Reader) -> Column | None:
    """Return the column that says of each customer whether they have left."""
    return next(
        (
            column
            for column in reader.usable
            if names.is_one_of(column.name, "churned", reader.shared) and 0 < len(column.distinct) <= 3
        ),
        None,
    )


def left_by(column: Column, day: date) -> str:
    """Return the day that stands for the end of a contract, of which only that it has ended is known by `day`.

    It is a month before: an end on the last day of the data lies in no label window that has closed.
    """
    return f"case when truth({named(column.name)}) then date '{day - MONTH}' end"


def settle_deal(deal: Feed, reader: Reader) -> None:
    """Say how a deal ended, where its stages are called so, and let it close only then.

    The day of closing of a deal that is still open is what somebody hopes for.
    """
    stages = next((column for column in reader.usable if named(column.name) == deal.columns.get("stage")), None)
    if stages is None:
        return
    ended = {outcome: _called(stages, outcome) for outcome in ("won", "lost")}
    if not ended["won"]:
        return
    stage = named(stages.name)
    whens = " ".join(f"when {stage} in ({listed(found)}) then '{outcome}'" for outcome, found in ended.items() if found)
    deal.columns["outcome"] = f"case {whens} end"
    closing = next((column for column in reader.usable if named(column.name) == deal.columns.get("closed_at")), None)
    over = {value for found in ended.values() for value in found}
    if closing is None or closing.shape.how not in ("ymd", ""):
        return
    if any(day and stage not in over for day, stage in zip(closing.values, stages.values, strict=True)):
        deal.columns["closed_at"] = f"case when {stage} in ({listed(sorted(over))}) then {named(closing.name)} end"
        deal.doubts.append(f"closed_at: {closing.name} of a deal that is still open is a plan")


def order_of(deal: Feed, reader: Reader) -> Feed | None:
    """Return the order that a deal became when it was won; None where nothing tells which were won, and when."""
    if "outcome" not in deal.columns or not {"closed_at", "amount"} <= deal.columns.keys():
        return None
    won = deal.columns["outcome"].removeprefix("case when ").split(" then ", 1)[0]
    closing = reader.feed("opportunity")
    closed_at = closing.columns["closed_at"] if isinstance(closing, Feed) else deal.columns["closed_at"]
    order = Feed(
        "order",
        {
            "order_id": deal.columns["opportunity_id"],
            "account_id": deal.columns["account_id"],
            "ordered_at": closed_at,
            "amount": deal.columns["amount"],
        },
        where=won,
    )
    order.doubts.append("nothing else tells of orders or contracts: a deal that was won is taken for one")
    return order


def take_back(order: Feed, reader: Reader) -> None:
    """Leave out rows that say of themselves that they take an order back."""
    for column in reader.usable:
        is_truth = column.shape.kind == "truth" or column.distinct == {"0", "1"}
        if is_truth and not order.where and names.is_one_of(column.name, "voided", reader.shared):
            order.where = f"truth({named(column.name)}) is not true"
            order.doubts.append(f"where: {column.name} is taken to say that a row is no order, or is one taken back")


def say_cancelled(order: Feed, reader: Reader) -> None:
    """Put a status that says so in other words as the models know it: an order that was cancelled never counted."""
    status = next((column for column in reader.usable if named(column.name) == order.columns.get("status")), None)
    if status is None:
        return
    found = sorted(value for value in status.distinct if names.folded(value) in names.words()["cancelled"])
    if any(value not in _KNOWN for value in found):
        name = named(status.name)
        order.columns["status"] = f"case when {name} in ({listed(found)}) then 'cancelled' else {name} end"


def end_by_status(contract: Feed, reader: Reader) -> None:
    """Let a contract whose day of cancelling stands for its end have ended only where its status says so."""
    ended = contract.columns.get("ended_at")
    if ended is None or ended != contract.columns.get("cancelled_at"):
        return
    for column in states(reader):
        over = sorted(value for value in column.distinct if names.folded(value) in names.words()["over"])
        if over and len(over) < len(column.distinct):
            contract.columns["ended_at"] = f"case when {named(column.name)} in ({listed(over)}) then {ended} end"
            return


def leave_out(feed: Feed, reader: Reader) -> None:
    """Leave out what a status says was never meant to count: drafts, invoices made void, payments that failed."""
    for column in states(reader) if feed.entity in _WITH_STATUS and not feed.partial else ():
        said = (
            names.words()["never"] if feed.entity == "order" else [*names.words()["never"], *names.words()["cancelled"]]
        )
        said = [*said, *names.words()["failed"]] if feed.entity == "payment" else said
        out = sorted(value for value in column.distinct if names.folded(value) in said)
        if out and len(out) < len(column.distinct):
            name = named(column.name)
            is_always_there = reader.table.whole and len(column.present) == len(column.values)
            name = name if is_always_there else f"coalesce({name}, '')"
            feed.where = " and ".join(filter(None, (feed.where, f"{name} not in ({listed(out)})")))
            rest = ", ".join(sorted(column.distinct.difference(out))[:12])
            feed.doubts.append(f"where: what else {column.name} says, and counts: {rest}")
    kinds = [one for one in reader.usable if "type" in names.parts(one.name) and 1 < len(one.distinct) <= _MOST_KINDS]
    for column in kinds if feed.entity in _DOCUMENTS else ():
        feed.doubts.append(f"where: {column.name} has {', '.join(sorted(column.distinct))}, and all count")


def states(reader: Reader) -> list[Column]:
    """Return the columns that say by one of a few words how things stand."""
    return [
        column
        for column in reader.usable
        if names.means(column.name, "order", "status", reader.shared) and len(column.distinct) <= _MOST_STATES
    ]


def _called(stages: Column, outcome: str) -> list[str]:
    known = names.words()[outcome]
    return sorted(
        value
        for value in stages.distinct
        if names.folded(value) in known or any(part in known for part in names.parts(value))
    )


def listed(values: list[str]) -> str:
    """Return values as they stand between the parentheses of `in`."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
