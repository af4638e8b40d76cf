"""How one table could feed one canonical entity: which column stands for which, and what is left in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from forewarn.config.entities import entities, told_by_parent
from forewarn.scaffold import line_prices, names
from forewarn.scaffold.feed import Feed, Lacking, stand_in
from forewarn.scaffold.persons import whole_name, whole_street
from forewarn.scaffold.reading import can_be_named, counted_days, divided, expression_of, fits, named, timed
from forewarn.scaffold.shapes import SINCE_1970
from forewarn.scaffold.table import Column, Table

if TYPE_CHECKING:
    from forewarn.scaffold.looking_up import Lookup

REFERENCES = {
    "account_id": "account", "order_id": "order", "product_id": "product", "owner_id": "owner", "ticket_id": "ticket",
    "invoice_id": "invoice", "campaign_id": "campaign", "contact_id": "contact",
}  # fmt: skip
# What rows of something else may repeat: the customer on each order.
_REPEATED = ("account", "order", "product", "owner", "campaign")
_FEW, _TELLING, _OVERLAP = 5, 4, 0.9
# What has lists whose key is their number; so strongly the name of a table speaks of what alone it is called.
_LISTED, _WHOLE = ("account", "product", "owner"), 5
# Words that end as those for numbers do.
_NO_NUMBERS = ("paid", "void", "valid", "grid", "casino", "turkey")


@dataclass(frozen=True)
class Reader:
    """One table with what its names say.

    `customers` are the numbers of customers that another table of the source knows: where no name says which column
    holds them, the values may. `customer` is the column where it is known already, and `parent` the entity that says
    whose a row is instead, with the column of its number. `person` is the number of people at customers, whose table
    is called as one of customers is. The rows of an `outcome` say who left, which other tables' rows are to foresee.
    `lookups` are columns that another table brings, and `together` stands for the number of an order where none is.
    With `alike` words the names of all tables of the source begin.
    """

    table: Table
    customers: frozenset[str] = frozenset()
    customer: Column | None = None
    parent: tuple[str, Column] | None = None
    person: Column | None = None
    outcome: bool = False
    alike: int = 0
    lookups: tuple[Lookup, ...] = ()
    together: str = ""

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
            if len(column.distinct) >= _FEW and column.shape.kind in ("text", "number") and self._are_customers(column)
        ]
        # Small whole numbers are in every range of numbers: they say nothing.
        telling = [column for column in fitting if max(map(len, column.distinct)) >= _TELLING]
        return telling[0] if len(telling) == 1 else None

    def reference(self, entity: str, but: str = "") -> Column | None:
        """Return the column that holds an entity's number, which is not the column `but`."""
        rated = [(names.is_number_of(one.name, entity, self.shared), one) for one in self.usable if one.name != but]
        best = max((rate for rate, _ in rated), default=0)
        found = [column for rate, column in rated if rate == best and best >= 2 and column.shape.kind != "time"]
        found = [column for column in found if column.distinct or not column.values]
        known = [one for one in found if self._are_customers(one)] if entity == "account" else []
        if entity == "account" and not found and not self.customers and self.reference("order") is not None:
            # A marketplace tells of a buyer no more than an address that it gave them.
            found = [column for column in self.usable if column.shape.kind == "email" and column.name != but]
        # Of a customer's number and a customer's name, the one with more values tells customers apart.
        return max(known or found, key=lambda column: len(column.distinct), default=None)

    def _are_customers(self, column: Column) -> bool:
        return bool(column.distinct) and len(column.distinct & self.customers) >= _OVERLAP * len(column.distinct)

    @cached_property
    def key(self) -> list[str]:
        """Columns that are unique together: those that the source declares, or those that the rows suggest.

        What the sample suggests is asked of all rows: a key that is wrong would lose some.
        """
        if self.table.key:
            return self.table.key if all(can_be_named(name) for name in self.table.key) else []
        named = [column for column in self.usable if self.is_numberlike(column)]
        for column in named:
            if column.is_unique and self.table.holds([column.name]):
                return [column.name]
        pairs = [(first, second) for at, first in enumerate(named) for second in named[at + 1 :]]
        for first, second in pairs[:40]:
            both = set(zip(first.values, second.values, strict=True))
            unique = len(both) == len(first.values) > 1
            filled = not {None, ""} & (set(first.values) | set(second.values))
            if unique and filled and self.table.holds([first.name, second.name]):
                return [first.name, second.name]
        return []

    def is_numberlike(self, column: Column) -> bool:
        """Whether a column is called as numbers of records are."""
        shape = column.shape
        if shape.kind in ("time", "truth", "empty") or (shape.kind == "number" and not shape.whole):
            return False
        name = names.folded(column.name)
        if not column.distinct or name.endswith(_NO_NUMBERS):
            return False
        return (
            names.is_number(column.name, self.shared)
            or any(names.is_number(part) for part in names.parts(column.name)[-1:])
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
        brought = {one.name for one in self.lookups}
        whole = [column.name for column in self.usable if column.name not in brought][:40]
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
                found = self._other_number(entity, target, feed)
                expression = self._take(feed, found) if found else None
            elif expression is None and target not in (definition.key, "known_at"):
                expression = self._by_meaning(feed, target, spec.type, required=spec.required and guess)
                if expression is None and spec.required and target == "kind":
                    expression = self._constant_kind(entity, feed)
            if expression is None and target == "order_id":
                expression = self._bought_together(entity, feed)
            if expression is None and target == definition.key and not numbered:
                expression, _ = self.identity()
            if expression is not None:
                feed.columns[target] = expression
        line_prices.count_units(feed, self)
        line_prices.price_by_quantity(feed, self)
        whole_name(feed, self)
        whole_street(feed, self)
        stand_in(feed)
        lacking = tuple(
            name
            for name, spec in definition.columns.items()
            if spec.required and name not in (*feed.columns, *by_parent) and (not partial or name == definition.key)
        )
        if lacking:
            return Lacking(entity, lacking)
        feed.score = len(feed.columns)
        return feed

    def _other_number(self, entity: str, target: str, feed: Feed) -> Column | None:
        """Return the column that names another entity's record: the customer, the order, the article."""
        # The number of a line is called as an item's: it is not the article.
        own = self.key[0] if (entity, target) == ("order_line", "product_id") and len(self.key) == 1 else ""
        found = self.reference(REFERENCES[target], but=own)
        if target == "account_id":
            named_so = found
            found = self.account if self.person is None and self.parent is None else self.customer or found
            found = None if self.person is not None and self.customer is None else found
            if found is not None and found is not named_so and found is self.account_by_values:
                feed.doubts.append(f"account_id: by its values, which another table has as customers: {found.name}")
        elif found is not None and (entity, target) == ("invoice", "order_id"):
            # An invoice's number may serve as an order's, but not where the row is the invoice.
            return None if expression_of(found, "text") == feed.columns.get("invoice_id") else found
        return found

    def _bought_together(self, entity: str, feed: Feed) -> str | None:
        if not self.together or entity not in ("order", "order_line"):
            return None
        feed.distinct = entity == "order"
        if self.together.startswith("hash_of"):
            feed.doubts.append("order_id: nothing has one; what a customer bought at one moment is taken for one")
        return self.together

    def _own_number(self, entity: str, feed: Feed) -> str | None:
        column = self.person if entity == "contact" and self.person is not None else self.reference(entity)
        if column is None and len(self.key) == 1:
            own = self.table.column(self.key[0])
            elsewhere = any(
                names.is_number_of(own.name, other, self.shared) == 3 for other in entities() if other != entity
            )
            column = None if (elsewhere or self._counts_another(entity)) and entity in _LISTED else own
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

    def _counts_another(self, entity: str) -> bool:
        """Whether the key is named after neither the table nor an entity: value_id of product_values."""
        said = dict(names.entity_of(self.called)).get(entity, 0)
        mine = {*names.told(self.called)}
        words = [word for word in names.parts(self.key[0].removeprefix(self.shared)) if not names.is_number(word)]
        return 0 < said < _WHOLE and bool(words) and mine.isdisjoint({*words, *map(names.singular, words)})

    def _is_list_of(self, entity: str) -> bool:
        """Whether the table is called as an entity alone, and its key no more than a number."""
        called = names.singular(names.folded(self.called))
        return (
            called in names.words()["entities"][entity]
            and len(self.key) == 1
            and names.is_number(self.key[0], self.shared)
        )

    def _fitting(self, feed: Feed, target: str, kind: str) -> list[Column]:
        """Return the columns whose values could be those of an entity's column."""
        fitting = [
            column
            for column in self.usable
            if column.name not in feed.read
            and (kind == "text" or column.present or not column.values)
            and (fits(column, kind) or (kind == "timestamptz" and self._counts_time(column, feed.entity, target)))
        ]
        fitting = [column for column in fitting if not names.is_one_of(column.name, "leaks", self.shared)]
        if target == "amount" and feed.entity in ("order", "order_line"):
            fitting = [column for column in fitting if not line_prices.is_besides(column.name)]
        return fitting

    def _rated(self, entity: str, target: str, kind: str, fitting: list[Column]) -> list[tuple[int, Column]]:
        """Return the columns whose names say that they are an entity's column, the surest first."""
        rated = [(names.means(column.name, entity, target, self.shared), column) for column in fitting]
        if target in ("closed_at", "ended_at", "shipped_at", "delivered_at"):
            planned = tuple(names.words()["planned"])
            rated = [pair for pair in rated if not names.folded(pair[1].name).startswith(planned)] or rated
        if target == "region":
            # What is called a state may be that of the record.
            rated = [(rate, one) for rate, one in rated if not names.tell_states(one.distinct)]
        # A yes or no is what its whole name says, and not what its name ends with: is_beta_feature.
        rated = [
            (rate, one)
            for rate, one in rated
            if rate > (names.SURE if kind == "text" and one.shape.kind == "truth" else 0)
        ]
        if target == "events":
            # How many there were stands in every row, or each row is one.
            rated = [(rate, one) for rate, one in rated if rate > names.SURE]
        if target == "status":
            rated = [(rate, one) for rate, one in rated if rate > names.SURE or not names.is_of_an_address(one.name)]
        if target == "amount":
            # What is paid of an invoice has the taxes in it.
            sign = -1 if entity == "invoice" else 1
            rated = [(rate + sign * line_prices.rather_net(one.name), one) for rate, one in rated]
        return sorted(rated, key=lambda pair: -pair[0])

    def _by_meaning(self, feed: Feed, target: str, kind: str, *, required: bool) -> str | None:
        fitting = self._fitting(feed, target, kind)
        rated = self._rated(feed.entity, target, kind, fitting)
        if not rated and required and kind in ("timestamptz", "numeric"):
            alone = [column for column in fitting if kind == "timestamptz" or not self.is_numberlike(column)]
            alone = [column for column in alone if not self._means_another(feed.entity, target, column)]
            if len(alone) == 1:
                feed.doubts.append(f"{target}: nothing is named so; {alone[0].name} is the only column that could be")
                rated = [(1, alone[0])]
            elif kind == "timestamptz" and alone:
                # What happened first stands in every row; what follows may not have come yet.
                first = max(alone, key=lambda column: len(column.present))
                feed.doubts.append(
                    f"{target}: nothing is named so; perhaps {' or '.join(one.name for one in alone[:4])}"
                )
                rated = [(1, first)]
        if not rated and required and kind == "timestamptz" and (day := counted_days(self.usable, self.shared)):
            feed.doubts.append(f"{target}: {day.name} counts days; write the date of its day 0 for 2000-01-01")
            return f"date '2000-01-01' + {self._take(feed, day, 'numeric')} * interval '1 day'"
        if not rated:
            return self._by_content(feed, target, kind, fitting)
        if rated[0][0] < 30 and kind == "text":
            return self._by_content(feed, target, kind, fitting)
        others = [column.name for rate, column in rated[1:4] if rate >= rated[0][0] - 25]
        best = rated[0][1]
        if target == "discount_amount" and line_prices.is_share(best):
            text = expression_of(best, kind)
            whole = 1 if line_prices.is_of_one(best) else 100
            feed.doubts.append(
                f"discount_amount: {best.name} is a share; amount * {text} / ({whole} - {text}) of a net amount"
            )
            return None
        if others:
            feed.doubts.append(f"{target}: perhaps {' or '.join(others)}")
        taken = self._take(feed, best, kind)
        return f"-{taken}" if target == "discount_amount" and line_prices.is_taken_off(best) else taken

    def _by_content(self, feed: Feed, target: str, kind: str, fitting: list[Column]) -> str | None:
        """Return what no column is called and one holds: an address of mail, the price of a year."""
        if target == "email":
            addresses = [column for column in fitting if column.shape.kind == "email"]
            return self._take(feed, addresses[0]) if len(addresses) == 1 else None
        if target == "name":
            called = [one for one in fitting if names.folded(one.name) in names.words()["entities"][feed.entity]]
            return self._take(feed, called[0]) if called and called[0].shape.kind == "text" else None
        if target == "mrr":
            yearly = [column for column in fitting if names.is_one_of(column.name, "yearly", self.shared)]
            return divided(yearly[0], self._take(feed, yearly[0], kind), 12) if yearly else None
        return None

    def _counts_time(self, column: Column, entity: str, target: str) -> bool:
        """Whether numbers are seconds since 1970 under a name that says a moment without a word for time: created."""
        return timed(column).how in SINCE_1970 and names.means(column.name, entity, target, self.shared) > names.SURE

    def _means_another(self, entity: str, target: str, column: Column) -> bool:
        others = [(entity, name) for name in entities()[entity].columns if name != target]
        # An invoice's own row may say when it was paid, which is not when it was issued.
        others += [("payment", "paid_at")] if entity == "invoice" else []
        return any(names.means(column.name, *other, self.shared) > names.SURE for other in others)

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
