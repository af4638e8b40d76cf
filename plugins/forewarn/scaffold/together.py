"""Purchases whose rows name a customer, an article and a moment, and no order: what is bought together is one."""

from __future__ import annotations

from dataclasses import replace

from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.reading import expression_of, named

# What the words for purchases, their lines and articles, and for who buys them may all speak of.
SOLD = ("account", "order", "order_line", "product")


def as_orders(reader: Reader) -> Reader:
    """Return the reader; of rows without an order's number it has an expression that stands for one."""
    product, account = reader.reference("product"), reader.account
    if product is None or account is None or account.is_unique or _is_told_otherwise(reader):
        return reader
    order = reader.feed("order", numbered=False)
    if not isinstance(order, Feed) or "amount" not in order.columns:
        return reader
    others = {product.name, account.name, *(one.by for one in reader.lookups)}
    if len(reader.key) == 2 and product.name in reader.key and (number := {*reader.key} - others):
        # What is unique together with the article is the number of what it was bought in.
        return replace(reader, together=expression_of(reader.table.column(number.pop()), "text"))
    moment = order.columns["ordered_at"]
    # What tells records apart stands in the row itself, and not in what is looked up.
    by = next((one.by for one in reader.lookups if named(one.name) == moment), moment)
    is_column = any(named(one.name) == moment for one in reader.table.columns)
    return replace(reader, together=f"hash_of({named(account.name)}, {by})") if is_column else reader


def _is_told_otherwise(reader: Reader) -> bool:
    """Whether rows have a number of an order or of their own, or their table is called something else: a wish list."""
    said = {names.singular(part) for part in names.parts(reader.called)}
    if not said.isdisjoint(names.words()["unbought"]):
        return True
    others = [strength for entity, strength in names.entity_of(reader.called) if entity not in SOLD]
    return reader.reference("order") is not None or len(reader.key) == 1 or max(others, default=0) > 2
