"""How one table could feed one canonical entity: which column stands for which, and what is left in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from forewarn.config.entities import entities, told_by_parent
from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed, Lacking
from forewarn.scaffold.reading import can_be_named, counted_days, divided, expression_of, fits, named, timed
from forewarn.scaffold.table import Column, Table

REFERENCES = {
    "account_id": "account", "order_id": "order", "product_id": "product", "owner_id": "owner", "ticket_id": "ticket",
    "invoice_id": "invoice", "campaign_id": "campaign", "contact_id": "contact",
}  # fmt: skip
_UNIT_PRICES = (
    "price", "unitprice", "preis", "prix", "precio", "preco", "prezzo", "einzelpreis", "prixunitaire",
    "preciounitario", "precounitario", "prezzounitario",
)  # fmt: skip
# What rows of something else may repeat: the customer on each order.
_REPEATED = ("account", "order", "product", "owner", "campaign")
_STAND_INS = (
    ("invoice", "due_at", "issued_at", "no column says when it was issued; the day it is due stands for it"),
    ("subscription", "cancelled_at", "ended_at", "the day it was cancelled; without an end nobody ever leaves"),
)
_FEW, _TELLING, _OVERLAP = 5, 4, 0.9
# From here on a name is one of those that people use, and not just one that ends like it.
_SURE = 40


@dataclass(frozen=True)
class Reader:
    """One table with what its names say.

    `customers` are the numbers of customers that another table of the source knows: where no name says which column
    holds them, the values may. `customer` is the column where it is known already, and `parent` the entity that says
    whose a row is instead, with the column of its number. `person` is the number of people at customers, whose table
    is called as one of customers is. The rows of an `outcome` say who left, which other tables' rows are to foresee.
    With `alike` words the names of all tables of the source begin.
    """

    table: Table
    customers: frozenset[str] = frozenset()
    customer: Column | None = None
    parent: tuple[str, Column] | None = None
    person: Column | None = None
    outcome: bool = False
    alike: int = 0

    @cached_property
    def called(self) -> str:
        """What the table is called, without its schema and the words with which the names of all tables begin."""
        return "_".join(names.parts(self.table.name.rpartition(".")[2])[self.alike :])

    @cached_property
    def usable(self) -> list[Column]:
        """Columns that an expression can name."""
        return [column for column in self.table.columns if can_be_named(column.name)]

    @cached_property
    def shared(self) -> str:
        """What every column's name begins with."""
        return names.prefix([column.name for column in self.table.columns])

    @cached_property
    def account(self) -> Column | None:
        """The column that says which customer a row is about."""
        if self.parent is not None or (self.person is not None and self.customer is None):
            return None
        if self.customer is not None:
            return self.customer
        named_so = self.reference("account")
        if named_so is not None and len(self.customers) >= _FEW and not named_so.distinct & self.customers:
            # What is called a customer's number and is none of theirs gives way to what is called otherwise and is.
            return self.account_by_values or named_so
        return named_so or self.account_by_values

    @cached_property
    def account_by_values(self) -> Column | None:
        """The column whose values are numbers of customers that another table knows."""
        if len(self.customers) < _FEW:
            return None
        fitting = [
            column
            for column in self.usable
            if len(column.distinct) >= _FEW
            and column.shape.kind in ("text", "number")
            and len(column.distinct & self.customers) >= _OVERLAP * len(column.distinct)
        ]
        # Small whole numbers are in every range of numbers: they say nothing.
        telling = [column for column in fitting if max(map(len, column.distinct)) >= _TELLING]
        return telling[0] if len(telling) == 1 else None

    def reference(self, entity: str) -> Column | None:
        """Return the column that holds an entity's number."""
        rated = [(names.is_number_of(column.name, entity, self.shared), column) for column in self.usable]
        best = max((rate for rate, _ in rated), default=0)
        found = [column for rate, column in rated if rate == best and best >= 2 and column.shape.kind != "time"]
        found = [column for column in found if column.distinct or not column.values]
        # Of a customer's number and a customer's name, the one with more values tells customers apart.
        return max(found, key=lambda column: len(column.distinct), default=None)

    @cached_property
    def key(self) -> list[str]:
        """Columns that are unique together: those that the source declares, or those that the rows suggest."""
        if self.table.key:
            return self.table.key if all(can_be_named(name) for name in self.table.key) else []
        named = [column for column in self.usable if self.is_numberlike(column)]
        for column in named:
            if column.is_unique and self._holds([column.name]):
                return [column.name]
        pairs = [(first, second) for at, first in enumerate(named) for second in named[at + 1 :]]
        for first, second in pairs[:40]:
            both = set(zip(first.values, second.values, strict=True))
            unique = len(both) == len(first.values) > 1
            filled = not {None, ""} & (set(first.values) | set(second.values))
            if unique and filled and self._holds([first.name, second.name]):
                return [first.name, second.name]
        return []

    def _holds(self, key: list[str]) -> bool:
        """Whether columns that are unique in the sample are so in all rows: a key that is wrong would lose rows."""
        return self.table.whole or (self.table.verify is not None and self.table.verify(key))

    def is_numberlike(self, column: Column) -> bool:
        """Whether a column is called as numbers of records are."""
        if column.shape.kind in ("time", "truth", "empty") or not column.distinct:
            return False
        name = names.folded(column.name)
        return (
            names.is_number(column.name, self.shared)
            or names.is_one_of(column.name, "lines", self.shared)
            or any(names.is_number_of(column.name, entity, self.shared) >= 2 for entity in entities())
            or (len(name) > 3 and name.endswith(("id", "key", "no", "nr", "code", "number", "nummer", "num")))
        )

    @cached_property
    def is_numbered_as_itself(self) -> bool:
        """Whether the key is called as the table is, such as loan_id of loan: its rows are those, and not customers."""
        called = names.singular(names.folded(self.called))
        return len(self.key) == 1 and any(
            names.folded(self.key[0]) == called + number for number in names.words()["numbers"]
        )

    def identity(self) -> tuple[str, bool]:
        """Return an expression that is different for each row, and whether it is more than a guess."""
        if len(self.key) == 1:
            return named(self.key[0]), True
        if self.key:
            return " || '-' || ".join(f"cast({named(name)} as text)" for name in self.key), True
        whole = [column.name for column in self.usable][:40]
        return f"hash_of({', '.join(named(name) for name in whole)})", False

    def feed(self, entity: str, *, guess: bool = True, numbered: bool = True, partial: bool = False) -> Feed | Lacking:
        """Return how the table could feed an entity, or what it lacks for it.

        With `guess`, the only column that could be the time or the amount is taken for it, whatever it is called. Where
        its rows are not `numbered`, what stands in them serves as their number. What only adds to another table's
        records is `partial`, and lacks nothing but their number.
        """
        definition = entities()[entity]
        feed = Feed(entity, {}, partial=partial)
        if self.parent is not None and definition.refers and entity != self.parent[0]:
            feed.belongs_to = {self.parent[0]: self._take(feed, self.parent[1])}
        by_parent = told_by_parent(entity, feed.belongs_to)
        for target, spec in definition.columns.items():
            if feed.belongs_to and target in ("account_id", *(entities()[parent].key for parent in feed.belongs_to)):
                continue
            expression = self._own_number(entity, feed) if target == definition.key else None
            if expression is None and target in REFERENCES and target != definition.key:
                found = self.reference(REFERENCES[target])
                if target == "account_id":
                    found = self.account if self.person is None and self.parent is None else self.customer or found
                    found = None if self.person is not None and self.customer is None else found
                if (
                    target == "account_id"
                    and found is not None
                    and found is not self.reference("account")
                    and found is self.account_by_values
                ):
                    feed.doubts.append(f"account_id: by its values, which another table has as customers: {found.name}")
                if found is not None and (entity, target) == ("invoice", "order_id"):
                    # An invoice's number may serve as an order's, but not where the row is the invoice.
                    found = None if expression_of(found, "text") == feed.columns.get(definition.key) else found
                expression = self._take(feed, found) if found else None
            elif expression is None and target not in (definition.key, "known_at"):
                expression = self._by_meaning(feed, target, spec.type, required=spec.required and guess)
                if expression is None and spec.required and target == "kind":
                    expression = self._constant_kind(entity, feed)
            if expression is None and target == definition.key and not numbered:
                expression, _ = self.identity()
            if expression is not None:
                feed.columns[target] = expression
        self._price_by_quantity(feed)
        self._whole_name(feed)
        _stand_in(feed)
        lacking = tuple(
            name
            for name, spec in definition.columns.items()
            if spec.required and name not in (*feed.columns, *by_parent) and (not partial or name == definition.key)
        )
        if lacking:
            return Lacking(entity, lacking)
        feed.score = len(feed.columns)
        return feed

    def _own_number(self, entity: str, feed: Feed) -> str | None:
        column = self.person if entity == "contact" and self.person is not None else self.reference(entity)
        if column is None and len(self.key) == 1:
            own = self.table.column(self.key[0])
            elsewhere = any(
                names.is_number_of(own.name, other, self.shared) == 3 for other in entities() if other != entity
            )
            column = None if elsewhere and entity in ("account", "product", "owner") else own
        if column is not None and not column.is_unique and self._is_list_of(entity):
            # In a list of customers that is numbered by `id`, whatever else names one is another.
            column = self.table.column(self.key[0])
        if column is not None and (column.is_unique or [column.name] == self.key):
            return self._take(feed, column)
        if column is not None and (column is self.person or entity in _REPEATED):
            feed.distinct = True
            return self._take(feed, column)
        if entity in ("account", "product", "owner", "order", "campaign", "contact"):
            return None
        expression, sure = self.identity()
        if not sure:
            feed.doubts.append("no column is unique: rows that agree in every column count once")
        return expression

    def _is_list_of(self, entity: str) -> bool:
        """Whether the table is called as an entity alone, and its key no more than a number."""
        called = names.singular(names.folded(self.called))
        return (
            called in names.words()["entities"][entity]
            and len(self.key) == 1
            and names.is_number(self.key[0], self.shared)
        )

    def _by_meaning(self, feed: Feed, target: str, kind: str, *, required: bool) -> str | None:
        fitting = [
            column
            for column in self.usable
            if column.name not in feed.read
            and (fits(column, kind) or (kind == "timestamptz" and self._counts_time(column, feed.entity, target)))
        ]
        fitting = [column for column in fitting if not names.is_one_of(column.name, "leaks", self.shared)]
        if target == "amount" and feed.entity in ("order", "order_line"):
            fitting = [column for column in fitting if not _is_besides(column.name)]
        rated = [(names.means(column.name, feed.entity, target, self.shared), column) for column in fitting]
        # A yes or no is what its whole name says, and not what its name ends with: is_beta_feature.
        rated = [
            (rate, one) for rate, one in rated if rate > (_SURE if kind == "text" and one.shape.kind == "truth" else 0)
        ]
        rated.sort(key=lambda pair: -pair[0])
        if not rated and required and kind in ("timestamptz", "numeric"):
            alone = [column for column in fitting if kind == "timestamptz" or not self.is_numberlike(column)]
            alone = [column for column in alone if not self._means_another(feed.entity, target, column)]
            if len(alone) == 1:
                feed.doubts.append(f"{target}: nothing is named so; {alone[0].name} is the only column that could be")
                rated = [(1, alone[0])]
            elif kind == "timestamptz" and alone:
                # What happened first stands in every row; what follows may not have come yet.
                first = max(alone, key=lambda column: len(column.present))
                feed.doubts.append(f"{target}: nothing is named so; perhaps {_either(alone)}")
                rated = [(1, first)]
        if not rated and required and kind == "timestamptz" and (day := counted_days(self.usable, self.shared)):
            feed.doubts.append(f"{target}: {day.name} counts days; write the date of its day 0 for 2000-01-01")
            return f"date '2000-01-01' + {self._take(feed, day, 'numeric')} * interval '1 day'"
        if not rated:
            return self._by_content(feed, target, kind, fitting)
        if rated[0][0] < 30 and kind == "text":
            return None
        others = [column.name for rate, column in rated[1:4] if rate >= rated[0][0] - 25]
        best = rated[0][1]
        if target == "discount_amount" and _is_share(best):
            text = expression_of(best, kind)
            whole = 1 if _is_of_one(best) else 100
            feed.doubts.append(
                f"discount_amount: {best.name} is a share; amount * {text} / ({whole} - {text}) of a net amount"
            )
            return None
        if others:
            feed.doubts.append(f"{target}: perhaps {' or '.join(others)}")
        return self._take(feed, best, kind)

    def _by_content(self, feed: Feed, target: str, kind: str, fitting: list[Column]) -> str | None:
        """Return what no column is called and one holds: an address of mail, the price of a year."""
        if target == "email":
            addresses = [column for column in fitting if column.shape.kind == "email"]
            return self._take(feed, addresses[0]) if len(addresses) == 1 else None
        if target == "mrr":
            yearly = [column for column in fitting if names.is_one_of(column.name, "yearly", self.shared)]
            return divided(yearly[0], self._take(feed, yearly[0], kind), 12) if yearly else None
        return None

    def _counts_time(self, column: Column, entity: str, target: str) -> bool:
        """Whether numbers are seconds since 1970 under a name that says a moment without a word for time: created."""
        return (
            timed(column).how in ("epoch", "epoch_ms") and names.means(column.name, entity, target, self.shared) > _SURE
        )

    def _means_another(self, entity: str, target: str, column: Column) -> bool:
        others = [(entity, name) for name in entities()[entity].columns if name != target]
        # An invoice's own row may say when it was paid, which is not when it was issued.
        others += [("payment", "paid_at")] if entity == "invoice" else []
        return any(names.means(column.name, *other, self.shared) > _SURE for other in others)

    def _whole_name(self, feed: Feed) -> None:
        """Take a person's first and last name together, where no column has both."""
        halves = [
            next((one for one in self.usable if names.is_one_of(one.name, half, self.shared)), None)
            for half in ("first_name", "last_name")
        ]
        first, last = halves
        if first is None or last is None or "name" not in entities()[feed.entity].columns:
            return
        if feed.columns.get("name") in (None, named(first.name), named(last.name)):
            feed.columns["name"] = f"trim(concat({named(first.name)}, ' ', {named(last.name)}))"
            feed.read |= {first.name, last.name}
            feed.doubts = [doubt for doubt in feed.doubts if not doubt.startswith("name: ")]

    def _take(self, feed: Feed, column: Column, kind: str = "text") -> str:
        feed.read.add(column.name)
        return expression_of(column, kind)

    def _constant_kind(self, entity: str, feed: Feed) -> str | None:
        """Return what kind every row is of, where the table's name or the score's range says it."""
        if entity == "marketing_event":
            said = {names.singular(part) for part in names.parts(self.called)}
            kinds = [kind for kind, known in names.words()["events"].items() if said & set(known)]
            return f"'{kinds[0]}'" if len(kinds) == 1 else None
        if entity != "survey_response":
            return None
        called = {names.folded(self.called), *(names.folded(name) for name in feed.read)}
        kind = next((kind for kind in ("nps", "csat") if any(kind in name for name in called)), None)
        if kind is None:
            feed.doubts.append("kind: 'nps' for a recommendation from 0 to 10")
        return f"'{kind or 'survey'}'"

    def _price_by_quantity(self, feed: Feed) -> None:
        """Take a price times the quantity: it is of one unit, and there may be several."""
        amount, quantity = feed.columns.get("amount"), feed.columns.get("quantity")
        if feed.entity != "order_line" or amount is None or quantity is None:
            return
        if any(names.folded(name).endswith(_UNIT_PRICES) for name in feed.read if named(name) in amount):
            feed.columns["amount"] = f"{quantity} * {amount}"
            feed.doubts.append(f"amount: {amount}, if that is the price of the whole line")
            self._without_share(feed)

    def _without_share(self, feed: Feed) -> None:
        """Take off what is given as a share of the price of a unit."""
        shares = [
            column
            for column in self.usable
            if names.means(column.name, feed.entity, "discount_amount", self.shared) > _SURE and _is_of_one(column)
        ]
        if len(shares) == 1:
            share, whole = expression_of(shares[0], "numeric"), feed.columns["amount"]
            feed.columns |= {"amount": f"{whole} * (1 - {share})", "discount_amount": f"{whole} * {share}"}
            feed.read.add(shares[0].name)
            feed.doubts = [doubt for doubt in feed.doubts if not doubt.startswith("discount_amount: ")]
            feed.doubts.append(f"amount: without {shares[0].name}, which is taken for a share of the price")


def _is_besides(name: str) -> bool:
    """Whether an amount is a tax, a freight or the like, and not the price of what was bought."""
    return any(part in names.words()["besides_price"] for part in names.parts(name))


def _either(columns: list[Column]) -> str:
    return " or ".join(column.name for column in columns[:4])


def _is_share(column: Column) -> bool:
    """Whether the values are per cent, or shares of one."""
    return any("%" in value for value in column.present[:100]) or _is_of_one(column)


def _is_of_one(column: Column) -> bool:
    numbers = [float(value) for value in column.present if value.replace(".", "", 1).isdecimal()]
    return any(value > 0 for value in numbers) and all(value < 1 for value in numbers)


def _stand_in(feed: Feed) -> None:
    """Let a moment that is known stand for one that is needed and that no column tells."""
    for entity, known, lacking, doubt in _STAND_INS:
        if feed.entity == entity and known in feed.columns and lacking not in feed.columns:
            feed.columns[lacking] = feed.columns[known]
            feed.doubts.append(f"{lacking}: {doubt}")
