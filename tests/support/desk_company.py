"""A published company whose people have accounts of the workbench: seven customers of two managers, one of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import psycopg2
from alerting_warehouse import DAY, NOW, RUN, SILENT, AlertingWarehouse, simulated_project, weekly
from answering import BASE, KEY
from fastapi.testclient import TestClient
from gated_warehouse import MARTS, columns_of
from psycopg2.extras import Json
from sqlalchemy import make_url

from forewarn.alerts import evaluate_rules, open_cases
from forewarn.alerts.answer_links import LinkBook, Signer
from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.warehouse import access
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.publish import publish
from forewarn.workbench import accounts
from forewarn.workbench.app import create_app
from forewarn.workbench.pool import Pool
from forewarn.workbench.single_sign_on import Provider
from forewarn.workbench.visit import COOKIE

PASSWORD = "correct-horse-battery"
# E-mail: name, role, language.
PEOPLE = {
    "ana@meridian.example": ("Ana Weber", "manager", "en"),
    "bert@meridian.example": ("Bert Olsen", "manager", "zh_CN"),
    "lena@meridian.example": ("Lena Fox", "lead", "en"),
    "olga@meridian.example": ("Olga Ruiz", "operations", "en"),
    "ada@meridian.example": ("Ada Stone", "admin", "en"),
}
OWNERS = {"ana": ("7", "Ana Weber"), "bert": ("8", "Bert Olsen")}
MARKUP = "<script>alert(1)</script> & Sons"
FORMULA = "=HYPERLINK(0)"
# Customer: account manager, name, value at stake.
CUSTOMERS = {
    "a1": ("ana", "Northwind Traders", 90_000),
    "a2": ("ana", MARKUP, 80_000),
    "a3": ("ana", FORMULA, 70_000),
    "a4": ("ana", "Quiet Harbour", 60_000),
    "b1": ("bert", "北风贸易有限公司", 95_000),
    "b2": ("bert", "Bluewater Mills", 50_000),
    "b3": ("bert", "Borealis Foods", 40_000),
    "n1": (None, "Nobody's Own", 30_000),
}
CALM_ONES = ("a4",)
REASONS = (
    {"family": "rhythm", "text": "no order for 100 days", "feature": "days_since_last_order", "value": 100},
    {"family": "service", "text": "no ticket of late", "feature": "tickets_90d", "value": 0},
    {"family": "service", "text": "never complained", "feature": "complaints_90d", "value": 0},
)
# Cases of past months: customer, rule or model, day of the alert, whether the customer left (None: not ripe), whether
# somebody was told, outcome, cost.
PAST: dict[int, tuple[str, tuple[str, str, str], date, bool | None, bool, str | None, float | None]] = {
    901: ("a1", ("rule", "spend_drop", "1"), date(2026, 7, 6), True, True, "churned", 40),
    902: ("a2", ("rule", "spend_drop", "2"), date(2026, 8, 3), False, True, "saved", 40),
    903: ("a3", ("rule", "overdue", "1"), date(2026, 8, 4), False, True, "false_alarm", 0),
    904: ("b1", ("model", "non_contractual", "3"), date(2026, 8, 5), True, False, None, None),
    905: ("a4", ("rule", "spend_drop", "2"), date(2026, 11, 2), None, True, None, None),
}
# Customer, day on which it counts as gone, and the case that foresaw it.
LEFT: dict[str, tuple[date, int | None]] = {
    "a1": (date(2026, 8, 30), 901),
    "b1": (date(2026, 10, 4), 904),
    "n1": (date(2026, 10, 9), None),
}
# Segment and arm of customers who were drawn in July, how many they are, and how many of them left.
DRAWN = {
    ("retail", "told"): (60, 6),
    ("retail", "control"): (40, 20),
    ("trade", "told"): (9, 1),
    ("trade", "control"): (8, 4),
}
# Customer, day on which it counts as gone, first day on which a rule would have shown it, the rule, and why it did not.
MISSED = {
    "n1": (date(2026, 10, 9), date(2026, 9, 1), "spend_drop", "not_in_use", "the rule is shadow, and tells nobody"),
    "a2": (date(2026, 9, 15), None, None, "nothing", "nothing in the data showed it on 60 dates from 2026-07-17"),
}
SUGGESTION = {
    **{"rule": "spend_drop", "metric": "days_since_last_order", "before": 30.0, "after": 45.0},
    "when": "days_since_last_order >= 45",
    "now": {"precision": 0.03, "alerts_per_week": 40.0},
    "then": {"precision": 0.11, "alerts_per_week": 9.5},
}
# Month: rate of logo churn, score of recommendation, closing value; only the newest is not settled.
MONTHS = {
    date(2026, 8, 1): (0.04, -12.0, 100_000),
    date(2026, 9, 1): (0.021, 30.0, 110_000),
    date(2026, 10, 1): (0.013, 41.0, 120_000),
}


@dataclass
class Office:
    """The workbench of that company, over a login of the role `web`."""

    settings: Settings
    project: Project
    marts: AlertingWarehouse
    pool: Pool
    book: LinkBook
    url: str
    now: datetime = NOW
    cases: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)

    def visitor(self, provider: Provider | None = None) -> TestClient:
        """Return a browser of its own in which nobody has logged in."""
        app = create_app(self.pool, self.book, self.project, provider=provider, clock=lambda: self.now)
        return TestClient(app, base_url=BASE, headers={"origin": BASE})

    def enter(self, person: str) -> TestClient:
        """Return a browser in which a person, by the first part of the address, has just logged in."""
        browser = self.visitor()
        given = {"email": f"{person}@meridian.example", "password": PASSWORD}
        assert browser.post("/login", data=given, follow_redirects=False).status_code == 303
        return browser

    def of(self, person: str) -> TestClient:
        """Return a browser in which a person has logged in, once for all tests."""
        if person not in self.secrets:
            self.secrets[person] = self.enter(person).cookies[COOKIE]
        browser = self.visitor()
        browser.cookies.set(COOKIE, self.secrets[person])
        return browser

    def everything(self) -> list[Any]:
        """Return all rows that the workbench may write, to compare before and after."""
        tables = ("case_event", "outbox", "task", "task_event", "absence", "silence", "rule_version", "rule_event")
        return [
            self.marts.rows(f"select * from {table} order by 1")
            for table in ('alerts."case"', *(f"alerts.{table}" for table in tables), "workbench.session")
        ]


@contextmanager
def office(owner: Settings, login: str) -> Iterator[Office]:
    """Publish the company, open its cases, give its people accounts, and the workbench a new login."""
    connection = psycopg2.connect(dsn(owner.warehouse_url))
    connection.autocommit = True
    marts = AlertingWarehouse(connection, marts=False)
    marts.run("create schema if not exists staging; create schema if not exists intermediate")
    for model in MARTS:
        columns = ", ".join(f"{name} {kind}" for name, kind in columns_of(model).items())
        marts.run(f"create table marts.{model} ({columns})")
    marts.run("create table staging.stg_owners (source text, owner_id text, name text, email text)")
    marts.run(
        "create table intermediate.int_customer_events (event_key text, customer_id text, kind text, entity text,"
        " source text, source_record_id text, day date, known_day date, amount numeric, quantity numeric, detail text,"
        " _version bigint);"
        " create table staging.stg_orders (source text, order_id text, ordered_at timestamptz, status text,"
        " amount numeric);"
        " create table staging.stg_tickets (source text, ticket_id text, opened_at timestamptz, priority text,"
        " subject text)"
    )
    for person, (number, name) in OWNERS.items():
        values = ["crm", number, name, f"{person}@meridian.example"]
        marts.run("insert into staging.stg_owners values (%s, %s, %s, %s)", values)
    for customer, (person, name, value) in CUSTOMERS.items():
        _customer(marts, customer, person, name, value)
    _past(marts)
    project = simulated_project(owner.config, channels=["email"])
    publish(owner, as_of_date=DAY, run_id=RUN, live=True, now=NOW)
    evaluate_rules(owner, project, as_of_date=DAY, now=NOW)
    open_cases(owner, project, as_of_date=DAY, run_id=RUN, now=NOW)
    with connection.cursor() as cursor:
        for email, (name, role, locale) in PEOPLE.items():
            accounts.add(
                cursor,
                email,
                name=name,
                role=role,
                locale=locale,
                managers=[],
                password=PASSWORD,
                by="tests",
                now=NOW,
            )
    password = access.create_service(owner.warehouse_url, login, "web")
    url = make_url(owner.warehouse_url).set(username=login, password=password).render_as_string(hide_password=False)
    pool = Pool(replace(owner, web_url=url).as_service("web").warehouse_url)
    found = Office(owner, project, marts, pool, LinkBook(BASE, Signer([KEY]), timedelta(days=30)), url)
    found.cases = dict(marts.rows('select customer_id, case_id from alerts."case"'))
    _closed(marts)
    try:
        yield found
    finally:
        pool.close()
        marts.run(f"drop owned by {login}; drop role {login}")
        connection.close()


def _customer(marts: AlertingWarehouse, customer: str, person: str | None, name: str, value: int) -> None:
    """Add a customer with its features, scores, health and events."""
    number, manager = OWNERS[person] if person else (None, None)
    owner = {
        "owner_id": number,
        "owner_name": manager,
        "owner_email": person and f"{person}@meridian.example",
        "owner_locale": "en",
    }
    marts.customer(customer, value=value, name=name, **owner)
    marts.run(
        "update marts.dim_customers set owner_key = 'crm|' || owner_id where customer_id = %s;"
        " update marts.customer_360 as v set name = d.name, segment = d.segment, owner_key = d.owner_key,"
        " owner_name = d.owner_name, contact_name = d.contact_name, as_of_date = %s,"
        " revenue_365d = v.value_at_stake_year, orders_365d = 36 from marts.dim_customers as d"
        " where d.customer_id = v.customer_id and v.customer_id = %s",
        [customer, DAY, customer],
    )
    for number_of_day, day in enumerate(weekly(DAY, 4)):
        marts.score(customer, 0.2 + 0.2 * number_of_day if customer not in CALM_ONES else 0.1, day, reasons=REASONS)
        marts.run(
            "insert into marts.customer_health (customer_id, as_of_date, orders_score, payments_score, health_score,"
            " known_share) values (%s, %s, %s, 60, %s, 0.5)",
            [customer, day, 70 - 10 * number_of_day, 65 - 5 * number_of_day],
        )
        marts.features(customer, day, **({} if customer in CALM_ONES else SILENT))
        marts.label(customer, day, customer == "b1")
    marts.run(
        "insert into intermediate.int_customer_events select %(c)s || kind, %(c)s, kind, entity, 'erp',"
        " %(c)s || number, %(day)s::date - 100, %(day)s::date - 100, 120, 1, detail, 0"
        " from (values ('order', 'order', '-1', 'shipped'), ('ticket', 'ticket', '-2', 'high'))"
        " as v (kind, entity, number, detail);"
        " insert into staging.stg_orders values ('erp', %(c)s || '-1', %(day)s::date - 100, 'shipped', 120);"
        " insert into staging.stg_tickets values ('erp', %(c)s || '-2', %(day)s::date - 100, 'high', 'Canary Jane')",
        {"c": customer, "day": DAY},
    )


def _closed(marts: AlertingWarehouse) -> None:
    """Add what the calm customer had before: a case that ended long ago, and suggestions of two runs."""
    marts.run(
        'insert into alerts."case" (customer_id, episode, state, outcome, level, route, routes, value_at_stake,'
        " expected_loss, reasons, next_step, opened_as_of, updated_as_of, closed_as_of, opened_at, updated_at,"
        " closed_at, intervention, intervention_cost, intervention_presumed) values ('a4', 0, 'closed', 'saved',"
        " 'high', 'account_manager', '{account_manager}', 60000, 30000, %s, 'call',"
        " '2026-02-02', '2026-02-02', '2026-02-12', '2026-02-02', '2026-02-12', '2026-02-12', 'visit', 240, false)",
        [Json([{"title": "Spend is falling", "text": "half of last year"}])],
    )
    because = {"product_source": "erp", "product_id": "p1", "product": "Pump", "day": "2026-08-08", "source": "erp"}
    for customer, day, product in (("a4", date(2025, 11, 10), "Old hose"), ("a1", date(2026, 11, 10), "Valve")):
        marts.run(
            "insert into ml.suggestion values (%s, %s, 1, 'erp', 'p2', %s, %s, 0.4, 2, 30, %s)",
            [customer, day, product, Json([because | {"order_id": f"{customer}-1"}]), NOW],
        )


def _past(marts: AlertingWarehouse) -> None:
    """Add what came of alerts since January, and the company's figures."""
    marts.publish(date(2026, 1, 1), "january")
    for case, (customer, signal, day, churned, told, outcome, cost) in PAST.items():
        person, _, value = CUSTOMERS[customer]
        manager = OWNERS[person][1] if person else "nobody"
        left, foreseen_by = LEFT.get(customer, (None, None))
        lead = (left - day).days if left and foreseen_by == case else None
        marts.run(
            "insert into marts.alert_outcomes (case_id, customer_id, episode, state, level, segment, manager, playbook,"
            " is_alert, opened_as_of, fired_as_of, is_treated, is_mature, churned, outcome, cost, value_at_stake,"
            " lead_days) values (%s, %s, 1, %s, 'high', 'retail', %s, %s, true, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(case, customer, "closed" if outcome else "open", manager, "spend" if told else "none", day, day),
                *(told, churned is not None, churned, outcome, cost, value, lead),
            ],
        )
        marts.run(
            "insert into marts.alert_signals (case_id, customer_id, kind, name, version) values (%s, %s, %s, %s, %s)",
            [case, customer, *signal],
        )
    for customer, (day, foreseen_by) in LEFT.items():
        marts.run(
            "insert into marts.churn_leavers (customer_id, definition, gone_on, was_foreseen, case_id)"
            " values (%s, 'non_contractual', %s, %s, %s)",
            [customer, day, foreseen_by is not None, foreseen_by],
        )
    numbers = count(2000)
    for (segment, arm), (customers, left) in DRAWN.items():
        for number in range(customers):
            case = next(numbers)
            marts.run(
                "insert into marts.alert_outcomes (case_id, customer_id, episode, state, level, segment, manager,"
                " playbook, is_alert, opened_as_of, is_treated, is_mature, churned, value_at_stake, cost, arm,"
                " drawn_as_of, control_share)"
                " values (%s, %s, 1, 'open', 'high', %s, 'nobody', 'none', false, %s, false,"
                " true, %s, 1000, 40, %s, %s, 0.4)",
                [case, f"drawn{case}", segment, date(2026, 7, 1), number < left, arm, date(2026, 7, 1)],
            )
    for customer, (day, detectable, rule, why, reason) in MISSED.items():
        marts.run(
            "insert into alerts.missed_churn values (%s, 'non_contractual', %s, %s::date - 60, 60, %s, %s, %s, %s, %s,"
            " %s, %s)",
            [customer, day, day, detectable, rule and "rule", rule, why, reason, DAY, NOW],
        )
    marts.run(
        "insert into alerts.report (kind, since, locale, html_path, pdf_path, pdf_sha256, figures, made_as_of, made_at)"
        " values ('monthly', '2026-10-01', 'en', 'reports/a', 'reports/b', '', %s, %s, %s)",
        [Json({"suggestions": [SUGGESTION]}), DAY, NOW],
    )
    for month, (churn, nps, closing) in MONTHS.items():
        figures = {"non_contractual_logo_churn_rate": churn, "non_contractual_closing_value": closing, "nps": nps}
        marts.month(month, settled=month != max(MONTHS), is_restated=False, **figures)
