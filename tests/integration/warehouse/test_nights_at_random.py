"""Nights of random changes: what they end in is what a build from nothing gives, and no earlier date ever changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from tests.integration.warehouse.company import Company

FIRST = date(2024, 6, 1)
# Long enough before it for a part of the history to lie in int_customer_past.
BEGIN = date(2022, 9, 1)
ACCOUNTS = [f"c{number}" for number in range(12)]
COLUMNS = {
    "account": "account_id name tax_id created_at",
    "order": "order_id account_id ordered_at known_at cancelled_at status amount",
    "order_line": "order_line_id order_id product_id amount",
    "ticket": "ticket_id account_id opened_at known_at closed_at satisfaction rated_at",
    "usage_event": "usage_event_id account_id occurred_at known_at active_users",
    "shipment": "shipment_id account_id shipped_at known_at promised_at delivered_at",
    "invoice": "invoice_id account_id issued_at known_at due_at amount",
    "payment": "payment_id account_id paid_at known_at amount invoice_id",
    "return": "return_id account_id returned_at known_at amount",
}
# What a build leaves behind, without the number of the build that wrote a row.
WRITTEN = {
    "intermediate.int_accounts": "source, account_id, has_record",
    "intermediate.int_account_identity": "source, account_id, customer_id, matched_by, reason, has_record",
    "intermediate.int_orders": "order_key, customer_id, known_at, cancelled_at, amount, line_count, is_purchase",
    "intermediate.int_order_items": "order_key, customer_id, product_id, day, known_day, cancelled_day",
    "intermediate.int_payments": "invoice_key, paid_on, known_on, amount, paid_so_far",
    "intermediate.int_invoices": "invoice_key, customer_id, known_on, amount, settled_on",
    "marts.customer_daily": "*",
    "marts.customer_crosswalk": "*",
    "marts.dim_customers": "*",
}
OF_A_DATE = ("marts.churn_features", "marts.churn_labels", "marts.customer_lifecycle", "marts.customer_value")


class Source:
    """One ERP whose rows come, change and go by chance; an order that is a draft does not count."""

    def __init__(self, company: Company, seed: int) -> None:
        self.company, self.chance = company, random.Random(seed)
        self.number = 0
        self.keys: dict[str, list[str]] = {entity: [] for entity in COLUMNS}

    def at(self, day: date) -> str:
        """Return a moment of a day."""
        return f"{day} {self.chance.randint(0, 23):02d}:30Z"

    def row(self, entity: str, key: str, day: date, known: date) -> tuple[object, ...]:
        """Return a random row: it happened on one day and was entered on another."""
        pick, account = self.chance.choice, self.chance.choice(ACCOUNTS)
        at, entered = self.at(day), self.at(known)
        later = known + timedelta(days=self.chance.randint(0, 40))
        closed, rated = (self.at(later), pick([None, 4])) if self.chance.random() < 0.7 else (None, None)
        rows: dict[str, tuple[object, ...]] = {
            "account": (key, f"Name {key}", pick([None, "11111112", "11111112", "22222223"]), at),
            "order": (
                *(key, account, at, entered, pick([None, None, None, self.at(later)])),
                *(pick(["sent", "sent", "draft", "void"]), pick([None, 5])),
            ),
            "order_line": (
                *(key, pick(self.keys["order"] or ["none"])),
                *(pick(["p1", "p2", "p3"]), self.chance.randint(1, 9)),
            ),
            "ticket": (key, account, at, entered, closed, rated, closed),
            "usage_event": (key, account, at, entered, self.chance.randint(1, 9)),
            "shipment": (
                *(key, account, at, entered),
                *(pick([None, self.at(day + timedelta(days=3))]), pick([None, self.at(later)])),
            ),
            "invoice": (key, account, at, entered, self.at(day + timedelta(days=14)), 10),
            "payment": (key, account, at, entered, 5, pick(self.keys["invoice"] or ["none"])),
            "return": (key, account, at, entered, self.chance.randint(1, 9)),
        }
        return rows[entity]

    def land(self, entity: str, rows: list[tuple[object, ...]]) -> None:
        """Land rows as one batch; returns are told by several rows a record."""
        options = {"where": "status <> 'draft'"} if entity == "order" else {"distinct": entity == "return"}
        self.company.land("erp", entity, COLUMNS[entity], rows, **options)

    def new(self, entity: str, rows: int, first: date, last: date, *, known_from: date) -> None:
        """Land new rows of days in [first, last), entered in [known_from, last)."""
        told = []
        for _ in range(rows):
            self.number += 1
            key = ACCOUNTS[len(self.keys[entity])] if entity == "account" else f"{entity}{self.number}"
            self.keys[entity].append(key)
            day = first + timedelta(days=self.chance.randrange((last - first).days))
            known = max(day, known_from + timedelta(days=self.chance.randrange((last - known_from).days)))
            told += [self.row(entity, key, day, known) for _ in range(2 if entity == "return" else 1)]
        self.land(entity, told)

    def rewrite(self, entity: str, rows: int, last: date) -> None:
        """Land some rows anew with other content: also the customer, the day, and whether it counts may change."""
        keys = self.chance.sample(self.keys[entity], min(rows, len(self.keys[entity])))
        days = [last - timedelta(days=self.chance.randint(1, 600)) for _ in keys]
        self.land(entity, [self.row(entity, key, day, day) for key, day in zip(keys, days, strict=True)])

    def lose(self, entity: str, rows: int) -> None:
        """Remove some rows without a trace in any batch."""
        name = COLUMNS[entity].split()[0]
        for key in self.chance.sample(self.keys[entity], min(rows, len(self.keys[entity]))):
            amount = self.chance.randint(1, 9)
            self.company.remove("erp", entity, f"{name} = '{key}'" + f" and amount < {amount}" * (entity == "return"))


def _digests(company: Company, day: date) -> dict[str, str]:
    whole = {table: company.digest(f"(select {columns} from {table})") for table, columns in WRITTEN.items()}
    return whole | {table: company.digest(table, f"as_of_date = '{day}'") for table in OF_A_DATE}


@pytest.mark.capability("B3")
@pytest.mark.parametrize("seed", [5])
def test_nights_of_any_changes_end_where_a_build_from_nothing_ends(new_company: Callable[[], Company], seed: int):
    company = new_company()
    source = Source(company, seed)
    source.new("account", 8, date(2022, 1, 1), FIRST, known_from=FIRST - timedelta(days=1))
    for entity in list(COLUMNS)[1:]:
        source.new(entity, 40, BEGIN, FIRST, known_from=BEGIN)
    company.build(str(FIRST))
    day = FIRST
    for night in range(3):
        # Some days are skipped, one is built again, and one build dies between two models.
        day += timedelta(days=source.chance.randint(0, 3))
        for entity in source.chance.sample(list(COLUMNS), len(COLUMNS)):
            if entity != "account":
                source.new(entity, 4, BEGIN, day, known_from=day - timedelta(days=2))
            if entity != "return":
                source.rewrite(entity, 3, day)
            source.lose(entity, 1 if entity == "account" else 2)
            if night == 1 and entity == "ticket":
                company.build(str(day), select="+int_customer_events")
        company.build(str(day), tests=night == 2)
    (moved,) = company.rows(
        "select count(*) as accounts from intermediate.int_account_identity where previous_customer_id is not null"
    )
    in_steps = _digests(company, day)
    company.build(str(day), full_refresh=True, tests=True)
    at_once = _digests(company, day)
    assert {table for table in at_once if in_steps[table] != at_once[table]} == set()
    (rolled,) = company.rows("select count(*) as days from marts.customer_daily")
    assert rolled["days"] > 100
    assert moved["accounts"] > 0
    assert company.rows("select from intermediate.int_customer_past where order_days > 1")


@pytest.mark.capability("B3")
@pytest.mark.parametrize("seed", [3])
def test_late_rows_in_any_order_change_no_earlier_date(new_company: Callable[[], Company], seed: int):
    company = new_company()
    source = Source(company, seed)
    source.new("account", 12, date(2022, 1, 1), date(2022, 8, 1), known_from=date(2022, 1, 1))
    for entity in list(COLUMNS)[1:]:
        source.new(entity, 30, BEGIN, FIRST, known_from=BEGIN)
    days = [FIRST]
    company.build(str(FIRST))
    told = {FIRST: company.digest("marts.churn_features", f"as_of_date = '{FIRST}'")}
    for _ in range(3):
        before, day = days[-1], days[-1] + timedelta(days=source.chance.randint(1, 40))
        for entity in source.chance.sample(list(COLUMNS)[1:], len(COLUMNS) - 1):
            # A line is known with its order: a late one of an early order would be known too early.
            if entity != "order_line":
                source.new(entity, 10, BEGIN, day, known_from=before)
        days.append(day)
        company.build(str(day))
        told[day] = company.digest("marts.churn_features", f"as_of_date = '{day}'")
    company.build(*map(str, days), tests=True)
    again = {day: company.digest("marts.churn_features", f"as_of_date = '{day}'") for day in days}
    assert again == told
    assert len(set(told.values())) == len(days)
