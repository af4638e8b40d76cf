"""FAULTS group F: what a login of schema bi may do, generated from the catalog."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from ddl import denied_changes
from psycopg2 import extensions, sql
from psycopg2.errors import InsufficientPrivilege, QueryCanceled
from readers import NOW, SEES, Warehouse, run, warehouse

from forewarn.errors import Permanent
from forewarn.warehouse import access
from forewarn.warehouse.engine import dsn
from forewarn.warehouse.runaway import end_runaways

__all__ = ["warehouse"]

VERBS = ("insert", "update", "delete", "truncate", "references", "trigger", "maintain")
# One row of the company each, whoever its customers are.
COMPANY = ("bi.drivers", "bi.gate_results", "bi.late_streams", "bi.model_watch", "bi.segment_profiles")
BEHIND_BI = ("ops.batch", "ops.gate_result", "ops.late_stream")


@pytest.fixture(params=SEES)
def login(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _readable(warehouse: Warehouse, login: str) -> dict[str, str]:
    """Return the relations of which a login may read anything, and the columns that it may read."""
    rows = warehouse.company.rows(
        "select name, string_agg(quote_ident(attname), ', ' order by attnum) as columns from unnest(%s) as name"
        " join pg_attribute on attrelid = name::regclass and attnum > 0 and not attisdropped"
        " where has_schema_privilege(%s, split_part(name, '.', 1), 'usage')"
        " and has_column_privilege(%s, attrelid, attnum, 'select') group by name order by 1",
        warehouse.relations(),
        login,
        login,
    )
    return {row["name"]: row["columns"] for row in rows}


@pytest.mark.capability("C7")
def test_74_a_login_reads_bi_and_what_its_views_stand_on_and_nothing_else(warehouse: Warehouse, login: str) -> None:
    readable = _readable(warehouse, login)
    assert {name for name in readable if not name.startswith(("bi.", "published."))} == {
        "access.case_event_reason",
        "access.case_person",
        "access.task_person",
        'alerts."case"',
        "alerts.case_event",
        "alerts.hold",
        "alerts.missed_churn",
        "alerts.task",
        "ops.publication",
        *BEHIND_BI,
    }
    assert "published.customer_owner" not in readable
    with warehouse.login(login) as session:
        for name in warehouse.relations():
            if name in readable:
                run(session, f"select {readable[name]} from {name}")
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


CHANGES = (
    "set role bi_access",
    "set role account_manager",
    "set role bi_reader",
    "set role pii_reader",
    "set role fault_bert",
    "set role fault_director",
    "set role postgres",
    "set session authorization fault_bert",
    "set session authorization fault_director",
    "set row_security = off",
    "set search_path = public, access",
    "set session.user = 'fault_bert'",
    "select set_config('role', 'bi_reader', false)",
    "select set_config('session_authorization', 'fault_director', false)",
    "alter role {login} in role bi_reader",
    "alter role {login} bypassrls",
    "grant bi_reader to {login}",
    "grant fault_director to {login}",
    "begin; set local role fault_director",
)


@pytest.mark.capability("C7")
@pytest.mark.parametrize("login", ["fault_anna", "fault_bert", "fault_analyst"])
def test_75_neither_a_role_nor_a_setting_shows_more_of_any_relation(warehouse: Warehouse, login: str) -> None:
    with warehouse.login(login) as session:
        allowed = _shown(warehouse, session)
    assert len(allowed) >= 40
    for change in CHANGES:
        with warehouse.login(login) as session:
            try:
                run(session, change.format(login=login))
            except psycopg2.Error:
                session.rollback()
            for name, rows in _shown(warehouse, session).items():
                assert rows <= allowed[name], f"{change}: {name}"


def _shown(warehouse: Warehouse, session: extensions.connection) -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows that a session sees of each relation that any login may read; none where it may not ask."""
    shown: dict[str, set[tuple[Any, ...]]] = {}
    for name, columns in _readable(warehouse, "fault_director").items():
        try:
            shown[name] = set(run(session, f"select row({columns})::text from {name}"))
        except psycopg2.Error:
            session.rollback()
            shown[name] = set()
    return shown


@pytest.mark.capability("C7")
def test_74_a_login_changes_the_definition_of_nothing(warehouse: Warehouse, login: str) -> None:
    with warehouse.login(login) as session:
        tried = denied_changes(session, warehouse.relations())
    assert tried > 300


@pytest.mark.capability("C7")
def test_76_every_relation_shows_a_login_its_own_customers_alone(warehouse: Warehouse, login: str) -> None:
    accounts = {warehouse.company.customer(letter): letter for letter in "abc"}
    own = {customer for customer, letter in accounts.items() if letter in SEES[login][0]}
    with warehouse.login(login) as session:
        shown = []
        for name, columns in _readable(warehouse, login).items():
            if "customer_id" in columns.split(", "):
                personal = "_person" in name or name == "access.case_event_reason"
                whose = {c for c in own if not personal or accounts[c] in SEES[login][1]}
                assert _seen(session, name) == whose, name
            elif "case_id" in columns.split(", "):
                assert _seen(session, f'{name} join alerts."case" using (case_id)') == own, name
                assert run(session, f"select count(*) from {name}") == [(len(own),)], name
            elif "month" in columns.split(", "):
                # The company's figures: for those who see every customer, and for nobody else.
                months = run(session, f"select count(distinct month) from {name}")
                assert months == [(1 if SEES[login][0] == "abc" else 0,)], name
            elif name in ("bi.batches", "ops.batch"):
                assert bool(run(session, f"select 1 from {name}")) == (SEES[login][0] == "abc"), name
            elif name in COMPANY or name in BEHIND_BI:
                assert run(session, f"select count(*) from {name}") == [(1 if SEES[login][0] == "abc" else 0,)], name
            else:
                assert name in ("bi.publications", "ops.publication"), "a relation of its own kind needs a rule here"
            shown.append(name)
        assert len(shown) >= 40
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
def test_76_no_text_of_any_relation_names_a_person_to_who_may_not_know(warehouse: Warehouse, login: str) -> None:
    named: dict[str, set[str]] = {}
    with warehouse.login(login) as session:
        for name, columns in _readable(warehouse, login).items():
            texts = " ".join(row[0] for row in run(session, f"select row({columns})::text from {name}"))
            # Contacts are called P a to P c, leads L a to L c.
            named[name] = set(re.findall(r"\b[PL] ([abc])\b", texts))
        for words in ('next_step from alerts."case"', "text from alerts.task", "reason from alerts.case_event"):
            with pytest.raises(InsufficientPrivilege):
                run(session, f"select {words}")
    assert {name for name, letters in named.items() if letters - set(SEES[login][1])} == set()
    for name in ("bi.customer_360", "bi.cases", "bi.tasks", "bi.case_events", "bi.leads"):
        assert named[name] == set(SEES[login][1]), name


def test_a_reason_that_nobody_wrote_is_for_every_reader(warehouse: Warehouse) -> None:
    added = warehouse.company.rows(
        "insert into alerts.case_event (case_id, as_of_date, kind, reason, detail, happened_at)"
        " select case_id, opened_as_of, 'quiet', 'no signal', '{}', now() from alerts.\"case\" returning event_id"
    )
    try:
        with warehouse.login("fault_analyst") as session:
            reasons = run(session, "select reason, count(*) from bi.case_events group by reason order by reason")
            assert reasons == [("no signal", 3), (None, 3)]
    finally:
        numbers = [row["event_id"] for row in added]
        warehouse.company.rows("delete from alerts.case_event where event_id = any(%s) returning 1", numbers)


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


@pytest.mark.parametrize("login", ["fault_analyst", "fault_anna"])
def test_77_a_reader_that_lifts_its_own_limits_is_ended_all_the_same(warehouse: Warehouse, login: str) -> None:
    url = warehouse.company.settings.warehouse_url
    with warehouse.login(login) as busy, warehouse.login(login) as idle, warehouse.login(login) as quiet:
        run(idle, "set idle_in_transaction_session_timeout = 0")
        run(idle, "begin")
        ended: list[psycopg2.Error] = []
        thread = threading.Thread(target=_endless, args=[busy, ended])
        thread.start()
        active = f"select 1 from pg_stat_activity where usename = '{login}' and query like '%%pg_sleep%%'"
        while not warehouse.company.rows(f"{active} and state = 'active'"):
            time.sleep(0.02)
        assert end_runaways(url, timedelta(minutes=5)) == []
        time.sleep(0.3)
        found = end_runaways(url, timedelta(milliseconds=250))
        assert {one.login for one in found} == {login}
        assert sorted(one.reason.split(" for ")[0] for one in found) == ["a query ran", "a transaction lay idle"]
        thread.join(timeout=20)
        assert [isinstance(error, psycopg2.OperationalError) for error in ended] == [True]
        with pytest.raises(psycopg2.Error, match="closed"):
            run(idle, "select 1")
        assert run(quiet, "select 1") == [(1,)], "a session that does nothing is let alone"
    told = warehouse.company.rows("delete from ops.ended_session returning reason")
    assert {row["reason"] for row in told} == {one.reason for one in found}
    assert all(one.reason.endswith("; readers.longest_query_minutes allows 0.25 s") for one in found)


def _endless(session: extensions.connection, ended: list[psycopg2.Error]) -> None:
    run(session, "set statement_timeout = 0")
    try:
        run(session, "select pg_sleep(600)")
    except psycopg2.Error as error:
        ended.append(error)


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


def test_a_login_gets_the_password_that_was_given_and_keeps_it_when_its_access_changes(warehouse: Warehouse) -> None:
    url = warehouse.company.settings.warehouse_url
    for password in ("first", "second", None):
        access.grant(url, "fault_tool", manager=None, every_customer=True, personal=False, now=NOW, password=password)
    warehouse.passwords["fault_tool"] = "second"
    with warehouse.login("fault_tool") as session:
        assert run(session, "select count(*) from bi.customer_360") == [(3,)]
    warehouse.passwords["fault_tool"] = "first"
    with pytest.raises(psycopg2.OperationalError, match="password"), warehouse.login("fault_tool"):
        pass
    access.revoke(url, "fault_tool")


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
