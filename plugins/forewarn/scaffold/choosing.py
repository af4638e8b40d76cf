"""Which entity a table feeds: what its name and the numbers in it say, and what it has columns for."""

from __future__ import annotations

from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed, Lacking
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.together import SOLD
from forewarn.scaffold.unlike import is_unlike

# What those who use something are known by, and what a line of an order names.
_USERS = ("contact", "subscription")
# Of a line, what the numbers of an order and of an article say without a name of the table.
_NAMED_ALONE = 2


def _strengths(reader: Reader) -> dict[str, int]:
    """Return how strongly a table's name and the numbers in it speak of each entity that it may feed."""
    found = dict(names.entity_of(reader.called))
    account = reader.account
    if reader.outcome:
        return {}
    if account is not None:
        if account.is_unique and (not found or not reader.is_numbered_as_itself or reader.key == [account.name]):
            found["account"] = found.get("account", 0) + 2
        for entity in ("order", "usage_event"):
            found.setdefault(entity, 0)
    elif reader.parent is not None and reader.parent[0] in _USERS:
        found.setdefault("usage_event", 0)
    if (
        {"transaction", "transactions", "trx", "txn"} & set(names.parts(reader.called))
        and reader.reference("product") is None
        and any(reader.reference(entity) is not None for entity in ("subscription", "invoice"))
    ):
        # Of a contract or an invoice, and of no article, it is the money that moved.
        found["payment"] = found.get("order", 0) + 1
    if reader.reference("order") is not None and reader.reference("product") is not None:
        others = [strength for entity, strength in found.items() if entity not in SOLD]
        if found.get("order_line", 0) or not any(strength > 2 for strength in others):
            # What an order has in a list of its own is called items as articles are.
            found["order_line"] = found.get("order_line", found.get("product", 0)) + 2
    return found


def choose(reader: Reader) -> tuple[Feed | None, Lacking | None]:
    """Return the entity that a table feeds best, or what the likeliest one lacks."""
    if reader.customer is not None or reader.person is not None:
        person = reader.feed("contact", partial=reader.customer is None)
        if isinstance(person, Feed) and (len(person.columns) > 1 or not person.partial):
            return person, None
        if reader.person is not None:
            return None, None
    strengths = _strengths(reader)
    best: tuple[float, Feed] | None = None
    worst: tuple[int, Lacking] | None = None
    for entity, strength in strengths.items():
        found = reader.feed(entity)
        if entity == "order" and strength > 2 and found == Lacking("order", ("order_id",)):
            found = reader.feed(entity, numbered=False)
        if isinstance(found, Feed) and is_unlike(reader, found):
            continue
        if isinstance(found, Lacking):
            if strength > 0 and (worst is None or strength > worst[0]):
                worst = (strength, found)
            continue
        if entity == "order" and found.distinct and isinstance(lines := reader.feed("order_line"), Feed):
            # An order's number on several rows: they are its lines, and the order follows from them.
            found = lines
        if _says_too_little(found, entity, strength) or _is_of_pairs(reader):
            continue
        rate = strength * 10 + found.score - (5 if found.distinct else 0)
        if best is None or rate > best[0]:
            best = (rate, found)
    return (best[1] if best else None), (worst[1] if worst else None)


def _says_too_little(feed: Feed, entity: str, strength: int) -> bool:
    """Whether a table whose name hardly says so lacks what makes rows an order, its lines or usage."""
    if entity == "order":
        return strength == 0 and not {"amount", "quantity"} & feed.columns.keys()
    if entity == "order_line":
        return strength <= _NAMED_ALONE and not {"quantity", "amount"} & feed.columns.keys()
    used = {"feature", "events", "active_users"}
    return entity == "usage_event" and strength == 0 and not used & feed.columns.keys()


def _is_of_pairs(reader: Reader) -> bool:
    """Whether the rows of a list within a record are names and values."""
    if (each := reader.table.place.get("each")) is None:
        return False
    own = [column.name for column in reader.table.columns if not column.name.startswith(f"{each['of']}__")]
    return all(name in ("key", "name", "property") or name.partition("__")[0] == "value" for name in own)
