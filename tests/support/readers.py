"""A published company of three customers and the logins that read it: what each may see is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from ddl import RELATIONS
from psycopg2 import extensions
from sqlalchemy import make_url
from tests.integration.warehouse.company import Companies, Company

from forewarn.warehouse import access
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.publish import publish

NOW = datetime(2024, 7, 1, 6, tzinfo=UTC)
DAY = date(2024, 7, 1)
# Login: which accounts it sees, and of which it sees personal data.
SEES = {
    "fault_analyst": ("abc", ""),
    "fault_director": ("abc", "abc"),
    "fault_anna": ("a", "a"),
    "fault_bert": ("b", "b"),
}
# What the model and the gates say beside its scores: one row of the company each, and one of every customer.
INSIGHT = (
    f"insert into ml.driver values ('{DAY}', 'non_contractual', 'spend', 0, 0, 0, 0, 0, 0, 1, 3, 'm', '1', 'r', now())"
    " returning 1",
    f"insert into ml.watch values ('{DAY}', 'non_contractual', 'gap', 'all', 0, 1, 'fine', 's', 'm', '1', now())"
    " returning 1",
    f"insert into ml.segment_profile values ('{DAY}', 'S1', 'like most', 3, '{{}}', 'r', now()) returning 1",
    "insert into ml.segment select customer_id, as_of_date, 'S1', 0 from marts.churn_features returning 1",
    "insert into ml.suggestion select customer_id, as_of_date, 1, 'erp', 'p', 'P', '[]', 1, 1, 1, now()"
    " from marts.churn_features returning 1",
    f"insert into ops.late_stream values ('{DAY}', 'erp', 'orders', now(), null, null, '{{}}', now()) returning 1",
    f"insert into ops.gate_result values ('{DAY}', '{DAY}', 'r', 't', 'e', 'info', true, 'fine', 'r', now(), 'o')"
    " returning 1",
    "insert into alerts.missed_churn (customer_id, definition, gone_on, looked_from, dates, why, reason,"
    " examined_as_of, examined_at) select customer_id, 'non_contractual', as_of_date, as_of_date - 60, 1, 'nothing',"
    " 'r', as_of_date, now() from marts.churn_features returning 1",
    "insert into alerts.signal (customer_id, as_of_date, kind, name, version, level, route, reason, evidence,"
    " observed_at) select customer_id, as_of_date, 'rule', 'r', '1', 'high', 'account_manager', 'r', '{}', now()"
    " from marts.churn_features returning 1",
    # As if the window were over: each has left.
    "update marts.churn_labels set eligible = true, churned = true, is_mature = true returning 1",
)


class Warehouse:
    """A published company of three customers, two of them with an account manager, and the logins of SEES."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.passwords: dict[str, str] = {}

    @contextmanager
    def login(self, name: str) -> Iterator[extensions.connection]:
        """Connect as a login that defends itself: its own settings are off."""
        url = make_url(self.company.settings.warehouse_url).set(username=name, password=self.passwords[name])
        session = psycopg2.connect(dsn(url.render_as_string(hide_password=False)))
        session.autocommit = True
        try:
            run(session, "set default_transaction_read_only = off")
            yield session
        finally:
            session.close()

    def relations(self) -> list[str]:
        """Return every relation outside the system's own schemas, quoted."""
        with self.company.connection.cursor() as cursor:
            cursor.execute(RELATIONS)
            return [name for (name,) in cursor.fetchall()]


def run(session: extensions.connection, statement: str) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def warehouse(postgres: EmbeddedServer, companies: Companies) -> Iterator[Warehouse]:
    company = companies.new()
    company.land(
        "crm",
        "owner",
        "owner_id name email",
        [("1", "Anna", "anna@example.org"), ("2", "Bert", "bert@example.org"), ("3", "Bert", "other@example.org")],
    )
    company.land(
        "crm",
        "account",
        "account_id name email owner_id",
        [("a", "Ada", "a@x.org", "1"), ("b", "Bob", "b@y.org", "2"), ("c", "Cy", "c@z.org", None)],
    )
    company.land("crm", "contact", "contact_id account_id name email", [(n, n, f"P {n}", f"p@{n}.org") for n in "abc"])
    company.land(
        "crm",
        "lead",
        "lead_id account_id created_at channel email name",
        [(n, n, "2024-01-01T00:00Z", "fair", f"l@{n}.org", f"L {n}") for n in "abc"],
    )
    orders = [(n, n, "2024-06-20T00:00Z", 5) for n in "abc"]
    company.land("erp", "order", "order_id account_id ordered_at amount", orders, account_source="crm")
    company.build(str(DAY))
    company.rows(
        "insert into ml.score select customer_id, as_of_date, 'non_contractual', 'm', '1', 0.5, 0.4, 1, '[]', now()"
        " from marts.churn_features returning 1"
    )
    company.rows(
        'with opened as (insert into alerts."case" (customer_id, episode, state, level, route, routes, value_at_stake,'
        " expected_loss, reasons, next_step, opened_as_of, updated_as_of, opened_at, updated_at)"
        " select customer_id, 1, 'open', 'high', 'r', '{r}', 1, 1, '[]', 'call ' || contact_name, as_of_date,"
        " as_of_date, now(), now() from marts.churn_features join marts.dim_customers using (customer_id)"
        " returning case_id, opened_as_of, next_step)"
        " insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
        ' select case_id, opened_as_of, \'opened\', next_step, \'{"level": "high", "by": "Anna"}\', now()'
        " from opened returning 1"
    )
    company.rows(
        "insert into alerts.hold (customer_id, kind, name, reason, held_as_of, held_at)"
        " select customer_id, 'rule', 'r', 'r', as_of_date, now() from marts.churn_features returning 1"
    )
    company.rows(
        "insert into alerts.task (case_id, customer_id, role, step, step_version, text, owner_email, created_as_of,"
        " due_on, created_at, state, outcome, ended_at) select case_id, customer_id, 'r', 's', 'v', next_step, 'o',"
        " opened_as_of, opened_as_of, now(), 'done', next_step, now() from alerts.\"case\" returning 1"
    )
    for statement in INSIGHT:
        company.rows(statement)
    publish(company.settings, as_of_date=DAY, run_id="first", live=True, now=NOW)
    warehouse = Warehouse(company)
    managers = {"fault_anna": "anna@example.org", "fault_bert": "crm|2"}
    for name in SEES:
        password = access.grant(
            company.settings.warehouse_url,
            name,
            manager=managers.get(name),
            every_customer=name not in managers,
            personal=name == "fault_director",
            now=NOW,
        )
        assert password
        warehouse.passwords[name] = password
    yield warehouse
    for name in SEES:
        access.revoke(company.settings.warehouse_url, name)
    assert access.logins(company.settings.warehouse_url) == []
    companies.close(company)
