"""What a price is of: a unit or a whole line, with or without what was given off."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from forewarn.scaffold import names
from forewarn.scaffold.reading import expression_of, named, reads
from forewarn.scaffold.shapes import number_of
from forewarn.scaffold.table import Column

if TYPE_CHECKING:
    from forewarn.scaffold.feed import Feed
    from forewarn.scaffold.matching import Reader

_UNIT_PRICES = (
    "price", "unitprice", "priceeach", "preis", "prix", "precio", "preco", "prezzo", "einzelpreis", "prixunitaire",
    "preciounitario", "precounitario", "prezzounitario", "单价",
)  # fmt: skip
_MINUS = re.compile(r"[^\d-]*[-(−]")
# So many articles must have been sold in different quantities, and so large a share of them agree.
_FEW, _AGREE = 5, 0.8
# As many units a line usually has at most, and as many times that a price is at least.
_MANY, _TIMES = 3, 5


def price_by_quantity(feed: Feed, reader: Reader) -> None:
    """Take the price of a unit times the quantity, since there may be several."""
    amount, quantity = feed.columns.get("amount"), feed.columns.get("quantity")
    if feed.entity != "order_line" or amount is None or quantity is None:
        return
    price = next((one for one in reader.usable if one.name in feed.read and reads(amount, one.name)), None)
    if price is None or names.is_whole(price.name) or not names.folded(price.name).endswith(_UNIT_PRICES):
        return
    of_unit = _by_articles(reader, price, quantity)
    if of_unit is False:
        return
    feed.columns["amount"] = f"{quantity} * {amount}"
    if of_unit is None:
        feed.doubts.append(f"amount: {amount}, if that is the price of the whole line")
    _without_share(feed, reader)


def count_units(feed: Feed, reader: Reader) -> None:
    """Take an amount of few whole units for the quantity that it is, where another column is a price."""
    said = next((one for one in reader.usable if named(one.name) == feed.columns.get("amount")), None)
    if feed.entity != "order_line" or "quantity" in feed.columns or said is None or not said.shape.whole:
        return
    others = [
        (names.means(one.name, feed.entity, "amount", reader.shared), one)
        for one in reader.usable
        if one is not said and one.shape.kind == "number"
    ]
    rate, price = max(others, key=lambda other: other[0], default=(0, said))
    if rate <= names.SURE or _middle(said) > _MANY or _middle(price) < _TIMES * _middle(said):
        return
    feed.columns |= {"quantity": feed.columns["amount"], "amount": expression_of(price, "numeric")}
    feed.read.add(price.name)
    feed.doubts.append(f"quantity: {said.name} counts few units; {price.name} is taken for the price")


def _middle(column: Column) -> float:
    found = sorted(number for value in column.present if (number := number_of(value)) is not None)
    return found[len(found) // 2] if found else 0.0


def _by_articles(reader: Reader, price: Column, quantity: str) -> bool | None:
    """Whether a price is that of a unit: what an article costs varies less than its share of the quantity does.

    None where too few articles were sold in different quantities, or they do not agree.
    """
    units = next((one for one in reader.usable if expression_of(one, "numeric") == quantity), None)
    product = reader.reference("product")
    if units is None or product is None:
        return None
    sold: dict[str | None, list[tuple[float, float]]] = {}
    for article, value, count in zip(product.values, price.values, units.values, strict=True):
        numbers = number_of(value), number_of(count)
        if numbers[0] and numbers[1] and numbers[1] > 0:
            sold.setdefault(article, []).append((numbers[0], numbers[1]))
    votes = [
        _spread(value for value, _ in found) < _spread(value / count for value, count in found)
        for found in sold.values()
        if len({count for _, count in found}) > 1
    ]
    if len(votes) < _FEW or 1 - _AGREE < sum(votes) / len(votes) < _AGREE:
        return None
    return sum(votes) > len(votes) / 2


def _spread(values: Iterable[float]) -> float:
    found = list(values)
    return (max(found) - min(found)) / max(map(abs, found))


def _without_share(feed: Feed, reader: Reader) -> None:
    """Take off what is given as a share of the price of a unit."""
    shares = [
        column
        for column in reader.usable
        if names.means(column.name, feed.entity, "discount_amount", reader.shared) > names.SURE and is_of_one(column)
    ]
    if len(shares) == 1:
        share, whole = expression_of(shares[0], "numeric"), feed.columns["amount"]
        feed.columns |= {"amount": f"{whole} * (1 - {share})", "discount_amount": f"{whole} * {share}"}
        feed.read.add(shares[0].name)
        feed.doubts = [doubt for doubt in feed.doubts if not doubt.startswith("discount_amount: ")]
        feed.doubts.append(f"amount: without {shares[0].name}, which is taken for a share of the price")


def is_share(column: Column) -> bool:
    """Whether the values are per cent, as they or their name say, or shares of one."""
    return "%" in column.name or any("%" in value for value in column.present[:100]) or is_of_one(column)


def is_taken_off(column: Column) -> bool:
    """Whether most values stand as what is taken off, with a minus: -0.50, ($0.50)."""
    some = [value for value in column.present if set(value) - set("0.,$€£ ")]
    return bool(some) and sum(_MINUS.match(value) is not None for value in some) >= _AGREE * len(some)


def is_of_one(column: Column) -> bool:
    """Whether the values are shares of one."""
    numbers = [float(value) for value in column.present if value.replace(".", "", 1).isdecimal()]
    return any(value > 0 for value in numbers) and all(value < 1 for value in numbers)


def is_besides(name: str) -> bool:
    """Whether an amount is a tax, a freight or the like, and not the price of what was bought."""
    return any(part in names.words()["besides_price"] for part in names.parts(name))


def rather_net(name: str) -> int:
    """Return how much rather an amount without taxes is taken than one with them."""
    said = {*names.parts(name), *names.spellings(name)}
    return 12 * (not said.isdisjoint(names.words()["net"])) - 12 * (not said.isdisjoint(names.words()["gross"]))
