"""One system of a company whose rows come, change and go by chance, in every entity that features rest on."""

from __future__ import annotations

import random
from datetime import date, timedelta

from tests.integration.warehouse.company import Company

COLUMNS = {
    "account": "account_id name tax_id created_at",
    "order": "order_id account_id ordered_at known_at cancelled_at status amount",
    "order_line": "order_line_id order_id product_id amount known_at",
    "ticket": "ticket_id account_id opened_at known_at closed_at satisfaction rated_at subject",
    "usage_event": "usage_event_id account_id occurred_at known_at active_users",
    "shipment": "shipment_id order_id shipped_at known_at promised_at delivered_at",
    "invoice": "invoice_id order_id issued_at known_at due_at amount",
    "payment": "payment_id paid_at known_at amount invoice_id",
    "return": "return_id account_id returned_at known_at amount",
    "product": "product_id category",
    "backorder": "backorder_id account_id product_id opened_at known_at",
    "inventory_snapshot": "inventory_snapshot_id product_id taken_at known_at on_hand",
    "subscription": "subscription_id account_id started_at known_at ended_at cancelled_at mrr",
    "dispute": "dispute_id account_id opened_at known_at",
    "credit_limit": "credit_limit_id account_id valid_from known_at amount",
    "ticket_status_change": "ticket_status_change_id ticket_id changed_at known_at status",
    "interaction": "interaction_id account_id occurred_at known_at topic",
    "owner_assignment": "owner_assignment_id account_id assigned_at known_at owner_id",
    "opportunity": "opportunity_id account_id opened_at known_at closed_at outcome",
    "marketing_event": "marketing_event_id account_id occurred_at known_at kind",
    "survey_response": "survey_response_id account_id answered_at known_at kind score body",
    "review": "review_id account_id posted_at known_at rating body",
    "mention": "mention_id account_id posted_at known_at body",
}
# Records whose customer only the record tells that they belong to.
BELONGS_TO = {"shipment": {"order": "order_id"}, "invoice": {"order": "order_id"}, "payment": {"invoice": "invoice_id"}}
ARTICLES = ("p1", "p2", "p3")
# Records of a customer that need no more than whose they are, when they happened and when they were entered.
_PLAIN = {
    "dispute": (),
    "interaction": ("topic",),
    "owner_assignment": ("owner",),
    "usage_event": ("number",),
    "return": ("number",),
    "credit_limit": ("number",),
    "marketing_event": ("marketing",),
    "survey_response": ("survey", "number", "text"),
    "review": ("number", "text"),
    "mention": ("text",),
}


class Source:
    """One system, in which an order that is a draft does not count.

    With `related` some accounts are one customer, lines come without a moment of their own, a return is told by two
    rows, and what was removed may come back.
    """

    def __init__(self, company: Company, seed: int, name: str = "erp", *, related: bool = True) -> None:
        self.company, self.chance, self.name, self.related = company, random.Random(seed), name, related
        self.accounts = [f"{name}-c{number}" for number in range(12)]
        self.number = 0
        self.keys: dict[str, list[str]] = {entity: [] for entity in COLUMNS}

    def at(self, day: date) -> str:
        """Return a moment of a day."""
        return f"{day} {self.chance.randint(0, 23):02d}:30Z"

    def row(self, entity: str, key: str, day: date, known: date) -> tuple[object, ...]:
        """Return a random row: it happened on one day and was entered on another."""
        pick, account = self.chance.choice, self.chance.choice(self.accounts)
        at, entered = self.at(day), self.at(known)
        later = known + timedelta(days=self.chance.randint(0, 40))
        closed, rated = (self.at(later), pick([None, 4])) if self.chance.random() < 0.7 else (None, None)
        if entity in _PLAIN:
            drawn = {
                "number": self.chance.randint(1, 9),
                "topic": pick([None, "discount"]),
                "owner": pick(["o1", "o2"]),
                "marketing": pick(["sent", "opened", "attended"]),
                "survey": pick(["nps", "csat"]),
                "text": pick([None, "words"]),
            }
            return (key, account, at, entered, *(drawn[name] for name in _PLAIN[entity]))
        tax_id = pick([None, "11111112", "11111112", "22222223"]) if self.related else None
        rows: dict[str, tuple[object, ...]] = {
            "account": (key, f"Name {key}", tax_id, at),
            "order": (
                *(key, account, at, entered, pick([None, None, None, self.at(later)])),
                *(pick(["sent", "sent", "draft", "void"]), pick([None, 5])),
            ),
            "order_line": (
                *(key, pick(self.keys["order"] or ["none"])),
                *(pick(ARTICLES), self.chance.randint(1, 9), pick([None, entered]) if self.related else entered),
            ),
            "ticket": (key, account, at, entered, closed, rated, closed, pick([None, "words"])),
            "ticket_status_change": (
                *(key, pick(self.keys["ticket"] or ["none"]), at, entered),
                pick(["open", "waiting", "reopened"]),
            ),
            "shipment": (
                *(key, pick(self.keys["order"] or ["none"]), at, entered),
                *(pick([None, self.at(day + timedelta(days=3))]), pick([None, self.at(later)])),
            ),
            "invoice": (key, pick(self.keys["order"] or ["none"]), at, entered, self.at(day + timedelta(days=14)), 10),
            "payment": (key, at, entered, 5, pick(self.keys["invoice"] or ["none"])),
            "product": (key, pick(["x", "y"])),
            "backorder": (key, account, pick(ARTICLES), at, entered),
            "inventory_snapshot": (key, pick(ARTICLES), at, entered, pick([0, 0, 5])),
            "subscription": (key, account, at, entered, closed, closed, self.chance.randint(1, 9)),
            "opportunity": (key, account, at, entered, closed, closed and pick(["won", "lost"])),
        }
        return rows[entity]

    def land(self, entity: str, rows: list[tuple[object, ...]]) -> None:
        """Land rows as one batch."""
        where = "status <> 'draft'" if entity == "order" else None
        self.company.land(
            *(self.name, entity, COLUMNS[entity], rows),
            where=where,
            distinct=self._by_parts(entity),
            belongs_to=BELONGS_TO.get(entity),
        )

    def new(self, entity: str, rows: int, first: date, last: date, *, known_from: date) -> None:
        """Land new rows of days in [first, last), entered in [known_from, last)."""
        told = []
        for _ in range(rows):
            self.number += 1
            named = {"account": self.accounts, "product": ARTICLES}.get(entity)
            key = named[len(self.keys[entity])] if named else f"{entity}{self.number}"
            self.keys[entity].append(key)
            day = first + timedelta(days=self.chance.randrange((last - first).days))
            known = max(day, known_from + timedelta(days=self.chance.randrange((last - known_from).days)))
            told += [self.row(entity, key, day, known) for _ in range(2 if self._by_parts(entity) else 1)]
        self.land(entity, told)

    def rewrite(self, entity: str, rows: int, last: date) -> None:
        """Land some rows anew with other content: also the customer, the day, and whether it counts may change."""
        keys = self.chance.sample(self.keys[entity], min(rows, len(self.keys[entity])))
        days = [last - timedelta(days=self.chance.randint(1, 600)) for _ in keys]
        self.land(entity, [self.row(entity, key, day, day) for key, day in zip(keys, days, strict=True)])

    def lose(self, entity: str, rows: int) -> None:
        """Remove some rows without a trace in any batch."""
        key_column = COLUMNS[entity].split()[0]
        for key in self.chance.sample(self.keys[entity], min(rows, len(self.keys[entity]))):
            amount = self.chance.randint(1, 9)
            if not self.related:
                self.keys[entity].remove(key)
            part = f" and amount < {amount}" if self._by_parts(entity) else ""
            self.company.remove(self.name, entity, f"{key_column} = '{key}'{part}")

    def _by_parts(self, entity: str) -> bool:
        return self.related and entity == "return"
