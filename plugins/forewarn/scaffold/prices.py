"""What a contract costs a month, by prices of a seat or a year, and what may be given in cents."""

from __future__ import annotations

from collections.abc import Sequence

from forewarn.config.entities import entities
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.looking_up import Lookup, free_name, ways
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.outcomes import listed
from forewarn.scaffold.reading import divided, expression_of, named, reads, replaced
from forewarn.scaffold.shapes import number_of
from forewarn.scaffold.table import Column

# From here on a whole amount may well be one of cents.
_LARGE = 1_000
_MOST_PERIODS = 8
# What servers that count in cents give in whole units, since these have none.
_WITHOUT_CENTS = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf")
)


def monthly(contract: Feed, reader: Reader) -> None:
    """Take the price of a contract times its seats, and by the months that it covers, where its names say so."""
    price = contract.columns.get("mrr")
    column = next((one for one in reader.usable if price is not None and reads(price, one.name)), None)
    if price is None or column is None:
        return
    if any(names.is_one_of(column.name, term, reader.shared) for term in ("monthly", "yearly")):
        return
    seats = contract.columns.get("seats")
    if seats is not None and any(names.folded(column.name).endswith(word) for word in names.words()["of_a_unit"]):
        price = f"{seats} * {price}"
        contract.doubts.append(f"mrr: {column.name} is taken to be of one seat")
    contract.columns["mrr"] = price + _by_months(reader)


def _by_months(reader: Reader, read: Sequence[tuple[Column, str]] = ()) -> str:
    """Return the division by the months of a term, where columns say month or year, and how many; or nothing."""
    counts = [
        expression_of(column, "numeric")
        for column in reader.usable
        if names.is_one_of(column.name, "terms_of", reader.shared) and column.shape.whole and column.distinct - {"1"}
    ]
    return _by_unit(reader, read) + (f" / {counts[0]}" if counts else "")


def _by_unit(reader: Reader, read: Sequence[tuple[Column, str]]) -> str:
    columns = [*read, *((column, named(column.name)) for column in reader.usable)]
    for column, name in columns:
        if not 0 < len(column.distinct) <= _MOST_PERIODS or set(names.parts(column.name)).isdisjoint(_said("period")):
            continue
        found = {value: months for value in sorted(column.distinct) if (months := _months(value)) is not None}
        if len(found) == len(column.distinct) and any(months != 1 for months in found.values()):
            whens = [f"when {listed([value])} then {months}" for value, months in found.items() if months != 1]
            return f" / case {name} {' '.join(whens)} else 1 end"
    return ""


def _months(value: str) -> int | None:
    return next((int(months) for months, known in names.words()["terms"].items() if names.folded(value) in known), None)


def _said(group: str) -> list[str]:
    found: list[str] = names.words()[group]
    return found


def price_of_plan(contract: Feed, reader: Reader, readers: Sequence[Reader]) -> list[Lookup]:
    """Look up what the plan of a contract costs, where the contract does not say it."""
    if "mrr" in contract.columns:
        return []
    for way in ways(reader, "subscription", readers):
        plan, by = way[-1].to, named(way[0].column.name)
        prices = [
            column
            for column in plan.usable
            if column.shape.kind == "number"
            and names.means(column.name, "subscription", "mrr", plan.shared) > names.SURE
        ]
        if len(way) > 1 or not prices:
            continue
        price = expression_of(prices[0], "numeric")
        # What is looked up in a file is a text.
        price = f"number({price})" if price == named(prices[0].name) and prices[0].declared is None else price
        own = {column.name for column in reader.table.columns}
        called, period = free_name("plan_price", own), free_name("plan_period", own)
        found = [Lookup(called, plan, by, price)]
        seats = contract.columns.get("seats")
        contract.columns["mrr"] = f"{seats} * {called}" if seats is not None else called
        contract.doubts.append("mrr: by the price that the plan has now" + (", of one seat" if seats else ""))
        periods = [column for column in plan.usable if not set(names.parts(column.name)).isdisjoint(_said("period"))]
        if periods and (by_months := _by_months(reader, [(periods[0], period)])):
            found.append(Lookup(period, plan, by, expression_of(periods[0], "text")))
            contract.columns["mrr"] += by_months
        return found
    return []


def doubt_cents(feed: Feed, reader: Reader) -> None:
    """Take whole amounts of a server that names their currency for cents, and doubt those of others.

    People write what a deal is worth in whole units, and some currencies have nothing smaller.
    """
    currencies = [column for column in reader.usable if "currency" in names.parts(column.name)]
    said = {value.lower() for column in currencies for value in column.distinct}
    if not currencies or (said and said <= _WITHOUT_CENTS):
        return
    served = "endpoint" in reader.table.place and feed.entity != "opportunity" and said.isdisjoint(_WITHOUT_CENTS)
    for target in [one for one, spec in entities()[feed.entity].columns.items() if spec.type == "numeric"]:
        text = feed.columns.get(target, "")
        column = max((one for one in reader.usable if reads(text, one.name)), key=_largest, default=None)
        if target not in ("amount", "mrr", "discount_amount") or column is None or "/ 100" in text:
            continue
        if _largest(column) < _LARGE:
            continue
        if served and not column.nothing:
            cents = divided(column, named(column.name), 100)
            feed.columns[target] = replaced(text, column.name, cents if text == named(column.name) else f"({cents})")
            feed.doubts.append(f"{target}: {column.name} has whole numbers beside a currency, taken for cents")
        else:
            feed.doubts.append(f"{target}: {column.name} / 100, if its whole numbers are cents")


def _largest(column: Column) -> float:
    """Return the largest of a column's whole numbers; 0 where it has others."""
    numbers = [abs(number) for value in column.present if (number := number_of(value)) is not None]
    return max(numbers, default=0) if column.shape.whole else 0
