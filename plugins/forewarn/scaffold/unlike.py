"""What looks like rows of an entity and is none: fields within a ticket, changes of a contract, steps of an order."""

from __future__ import annotations

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import reads

# Records of ours, about which much happens that no customer does.
_HANDLED = ("ticket", "invoice", "payment", "order", "opportunity", "shipment", "return")


def is_unlike(reader: Reader, feed: Feed) -> bool:
    """Whether rows are something else than what they could be mapped to."""
    number = reader.reference("ticket") if feed.entity == "ticket" else None
    if number is not None and not number.is_unique and [number.name] != reader.key:
        # Several rows of one ticket are what happened to it.
        return True
    if feed.entity == "dispute" and "claim" in names.parts(reader.called)[-1] and not _is_of_a_bill(reader):
        # A claim on a policy is a case, and nobody contests an invoice.
        return True
    return not _rests_on(reader, feed) or (feed.entity == "usage_event" and _is_no_use(reader, feed))


def _is_of_a_bill(reader: Reader) -> bool:
    return any(reader.reference(entity) is not None for entity in ("invoice", "order", "payment"))


def _rests_on(reader: Reader, feed: Feed) -> bool:
    """Whether a mapping reads more of an inner list than its number; the rest is the record around it."""
    if "each" not in reader.table.place:
        return True
    around = f"{reader.table.place['each']['of']}__"
    texts = [text for target, text in feed.columns.items() if target != entities()[feed.entity].key]
    own = [column.name for column in reader.usable if not column.name.startswith(around)]
    return any(reads(text, name) for name in own for text in texts)


def _is_no_use(reader: Reader, feed: Feed) -> bool:
    """Whether what looks like usage is what became of a ticket, an order, an invoice or a contract."""
    called = dict(names.entity_of(reader.called))
    handled = any(called.get(entity) and reader.reference(entity) is not None for entity in _HANDLED)
    return handled or _tells_changes(reader) or not feed.belongs_to.keys() <= {"contact", "subscription"}


def _tells_changes(reader: Reader) -> bool:
    """Whether rows have what was before a change and after it."""
    said = [names.parts(column.name) for column in reader.usable]
    begins = {parts[0] for parts in said if len(parts) > 1}
    return all(not begins.isdisjoint(names.words()[side]) for side in ("before", "after"))
