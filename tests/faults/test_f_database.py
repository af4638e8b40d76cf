"""FAULTS group F: what a login of schema bi may do, generated from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions, sql
from psycopg2.errors import InsufficientPrivilege, QueryCanceled
from sqlalchemy import make_url
from tests.integration.warehouse.company import Company

from forewarn.errors import Permanent
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
VERBS = ("insert", "update", "delete", "truncate", "references", "trigger", "maintain")
# What the model says beside its scores: one row of the company each, and one of every customer.
COMPANY = ("bi.drivers", "bi.model_watch", "bi.segment_profiles")
INSIGHT = (
    f"insert into ml.driver values ('{DAY}', 'non_contractual', 'spend', 0, 0, 0, 0, 0, 0, 1, 3, 'm', '1', 'r', now())"
    " returning 1",
    f"insert into ml.watch values ('{DAY}', 'non_contractual', 'gap', 'all', 0, 1, 'fine', 's', 'm', '1', now())"
    " returning 1",
    f"insert into ml.segment_profile values ('{DAY}', 'S1', 'like most', 3, '{{}}', 'r', now()) returning 1",
    "insert into ml.segment select customer_id, as_of_date, 'S1', 0 from marts.churn_features returning 1",
    "insert into ml.suggestion select customer_id, as_of_date, 1, 'erp', 'p', 'P', '[]', 1, 1, 1, now()"
    " from marts.churn_features returning 1",
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
        rows = self.company.rows(
            "select format('%%I.%%I', nspname, relname) as name"
            " from pg_class join pg_namespace as n on n.oid = relnamespace"
            " where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'"
            " order by 1"
        )
        return [row["name"] for row in rows]


def run(session: extensions.connection, statement: str) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def warehouse(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    company = Company(postgres.ensure_database("fault_access", template=template), tmp_path_factory.mktemp("home"))
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
        " select customer_id, 1, 'open', 'low', 'r', '{r}', 1, 1, '[]', 'call', as_of_date, as_of_date, now(), now()"
        " from marts.churn_features returning case_id, opened_as_of)"
        " insert into alerts.case_event (case_id, as_of_date, kind, reason, happened_at)"
        " select case_id, opened_as_of, 'opened', 'r', now() from opened returning 1"
    )
    company.rows(
        "insert into alerts.hold (customer_id, kind, name, reason, held_as_of, held_at)"
        " select customer_id, 'rule', 'r', 'r', as_of_date, now() from marts.churn_features returning 1"
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
    company.close()


@pytest.fixture(params=SEES)
def login(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _readable(warehouse: Warehouse, login: str) -> list[str]:
    rows = warehouse.company.rows(
        "select name from unnest(%s) as name where has_schema_privilege(%s, split_part(name, '.', 1), 'usage')"
        " and has_any_column_privilege(%s, name, 'select') order by 1",
        warehouse.relations(),
        login,
        login,
    )
    return [row["name"] for row in rows]


@pytest.mark.capability("C7")
def test_74_a_login_reads_bi_and_what_its_views_stand_on_and_nothing_else(warehouse: Warehouse, login: str) -> None:
    readable = _readable(warehouse, login)
    assert {name for name in readable if not name.startswith(("bi.", "published."))} == {
        'alerts."case"',
        "alerts.case_event",
        "alerts.hold",
        "ops.publication",
    }
    assert "published.customer_owner" not in readable
    with warehouse.login(login) as session:
        for name in warehouse.relations():
            if name in readable:
                run(session, f"select * from {name}")
            else:
                with pytest.raises(InsufficientPrivilege):
                    run(session, f"select * from {name}")
    assert len(warehouse.relations()) > 50


@pytest.mark.capability("C7")
def test_74_a_login_writes_nowhere(warehouse: Warehouse, login: str) -> None:
    rows = warehouse.company.rows(
        "select name, verb from unnest(%s) as name, unnest(%s) as verb where has_table_privilege(%s, name, verb)",
        warehouse.relations(),
        list(VERBS),
        login,
    )
    assert rows == []
    rows = warehouse.company.rows(
        "select name, verb from unnest(%s) as name, unnest(array['insert', 'update', 'references']) as verb"
        " where has_any_column_privilege(%s, name, verb)",
        warehouse.relations(),
        login,
    )
    assert rows == [], "not even one column"
    schemas = [row["nspname"] for row in warehouse.company.rows("select nspname from pg_namespace")]
    with warehouse.login(login) as session:
        for schema in (*schemas, "new_schema"):
            made = "create schema new_schema" if schema == "new_schema" else f'create table "{schema}".t (a int)'
            with pytest.raises((InsufficientPrivilege, psycopg2.errors.InvalidTableDefinition)):
                run(session, made)
        for statement in (
            "create temporary table t (a int)",
            "select lo_create(0)",
            "select lo_from_bytea(0, 'x')",
            "copy (select 1) to program 'true'",
            "copy (select 1) to '/tmp/forewarn_fault'",
            "select pg_read_file('postgresql.conf')",
            "delete from bi.scores",
            "insert into access.login values ('fault_anna', 'crm|2', now())",
            "create role fault_more",
        ):
            with pytest.raises(InsufficientPrivilege):
                run(session, statement)


def _seen(session: extensions.connection, shown: str) -> set[str]:
    """The accounts, by the last letter of their orders, of which a relation shows rows."""
    return {row[0] for row in run(session, f"select customer_id from {shown}")}


@pytest.mark.capability("C7")
def test_75_neither_a_role_nor_a_setting_shows_more(warehouse: Warehouse) -> None:
    own = {warehouse.company.customer("a")}
    for change in (
        "set role bi_access",
        "set role account_manager",
        "set role bi_reader",
        "set role fault_bert",
        "set role postgres",
        "set session authorization fault_bert",
        "set row_security = off",
        "set search_path = public, access",
        "set session.user = 'fault_bert'",
        "select set_config('role', 'bi_reader', false)",
        "alter role fault_anna in role bi_reader",
        "alter role fault_anna bypassrls",
        "grant bi_reader to fault_anna",
        "set local role fault_director",
    ):
        with warehouse.login("fault_anna") as session:
            try:
                run(session, change)
                seen = _seen(session, "bi.customer_360")
            except psycopg2.Error:
                session.rollback()
                continue
            assert seen == own, change


@pytest.mark.capability("C7")
def test_76_every_relation_shows_a_login_its_own_customers_alone(warehouse: Warehouse, login: str) -> None:
    accounts = {warehouse.company.customer(letter): letter for letter in "abc"}
    own = {customer for customer, letter in accounts.items() if letter in SEES[login][0]}
    with warehouse.login(login) as session:
        shown = []
        for name in _readable(warehouse, login):
            with session.cursor() as cursor:
                cursor.execute(f"select * from {name} limit 0")
                columns = [column.name for column in cursor.description or ()]
            if "customer_id" in columns:
                personal = "_person_" in name
                whose = {c for c in own if not personal or accounts[c] in SEES[login][1]}
                assert _seen(session, name) == whose, name
            elif "case_id" in columns:
                assert _seen(session, f'{name} join alerts."case" using (case_id)') == own, name
                assert run(session, f"select count(*) from {name}") == [(len(own),)], name
            elif "month" in columns:
                # The company's figures: for those who see every customer, and for nobody else.
                months = run(session, f"select count(distinct month) from {name}")
                assert months == [(1 if SEES[login][0] == "abc" else 0,)], name
            elif name in COMPANY:
                assert run(session, f"select count(*) from {name}") == [(1 if SEES[login][0] == "abc" else 0,)], name
            else:
                assert name in ("bi.publications", "ops.publication"), "a relation of its own kind needs a rule here"
            shown.append(name)
        assert len(shown) >= 20
        named = {
            row[0]: row[1:] for row in run(session, "select customer_id, name, contact_email from bi.customer_360")
        }
        assert {accounts[customer] for customer, values in named.items() if None not in values} == set(SEES[login][1])
        assert {accounts[customer] for customer, values in named.items() if set(values) != {None}} == set(
            SEES[login][1]
        )
        statistics = run(session, "select tablename from pg_stats where schemaname in ('published', 'alerts')")
        assert statistics == [], "the planner's statistics hold values of rows that the login may not see"


@pytest.mark.capability("C7")
def test_76_views_run_with_the_readers_rights_and_no_function_reads_for_them(warehouse: Warehouse) -> None:
    views = warehouse.company.rows(
        "select relname, relkind, reloptions from pg_class where relnamespace = 'bi'::regnamespace and relkind <> 'i'"
    )
    assert len(views) >= 6
    assert {(row["relkind"], *(row["reloptions"] or ())) for row in views} == {("v", "security_invoker=true")}
    functions = warehouse.company.rows(
        "select proname from pg_proc join pg_namespace as n on n.oid = pronamespace"
        " where nspname !~ '^pg_' and nspname <> 'information_schema'"
        " and has_function_privilege('fault_anna', pg_proc.oid, 'execute') order by 1"
    )
    assert [row["proname"] for row in functions] == ["own_customers", "sees_every_customer", "sees_personal_data"]


def test_77_a_query_that_does_not_end_is_ended(warehouse: Warehouse) -> None:
    url = warehouse.company.settings.warehouse_url
    with warehouse.login("fault_analyst") as session:
        assert run(session, "show statement_timeout") == [("5min",)]
        with pytest.raises(InsufficientPrivilege):
            run(session, "set temp_file_limit = -1")
    with psycopg2.connect(dsn(url)) as owner:
        run(owner, "alter role fault_analyst set statement_timeout = '200ms'")
    owner.close()
    with warehouse.login("fault_analyst") as session, pytest.raises(QueryCanceled, match="statement timeout"):
        run(session, "select count(*) from generate_series(1, 10000000000)")


@pytest.mark.parametrize("schema", ["bi", "published", "marts", "alerts"])
def test_78_a_new_table_is_nobodys_until_granted(warehouse: Warehouse, schema: str, login: str) -> None:
    name = sql.Identifier(schema, "brand_new").as_string(warehouse.company.connection)
    warehouse.company.connection.cursor().execute(f"create table {name} as select 1 as a")
    try:
        with warehouse.login(login) as session, pytest.raises(InsufficientPrivilege):
            run(session, f"select * from {name}")
    finally:
        warehouse.company.connection.cursor().execute(f"drop table {name}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"manager": None, "every_customer": False}, "neither"),
        ({"manager": "Anna", "every_customer": True}, "both"),
        ({"manager": "Zoe", "every_customer": False}, "nobody"),
        ({"manager": "Bert", "every_customer": False}, r"several: crm\|2, crm\|3"),
    ],
)
def test_a_grant_that_is_not_clear_is_refused_and_leaves_nothing(
    warehouse: Warehouse, given: dict[str, Any], message: str
) -> None:
    url = warehouse.company.settings.warehouse_url
    with pytest.raises(Permanent, match=message):
        access.grant(url, "fault_other", personal=False, now=NOW, **given)
    assert "fault_other" not in {login.name for login in access.logins(url)}


def test_a_dry_run_of_access_changes_nothing(warehouse: Warehouse) -> None:
    url = warehouse.company.settings.warehouse_url
    before = access.logins(url)
    access.grant(url, "fault_other", manager="Anna", every_customer=False, personal=False, now=NOW, dry_run=True)
    for login in before:
        access.revoke(url, login.name, dry_run=True)
    assert before
    assert access.logins(url) == before


def test_a_role_that_is_there_for_something_else_is_never_changed(warehouse: Warehouse) -> None:
    url = warehouse.company.settings.warehouse_url
    change: list[Callable[[], object]] = [
        lambda: access.grant(url, "postgres", manager=None, every_customer=True, personal=True, now=NOW),
        lambda: access.grant(url, "bi_reader", manager=None, every_customer=True, personal=True, now=NOW),
        lambda: access.revoke(url, "postgres"),
    ]
    for attempt in change:
        with pytest.raises(Permanent, match="access of"):
            attempt()
