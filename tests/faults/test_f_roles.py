"""FAULTS 79: what the services' own logins may do, generated from the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from alerting_warehouse import DAY, NOW, RUN, SILENT, AlertingWarehouse, installed, simulated_project
from ddl import RELATIONS, denied_changes, denied_writes
from psycopg2 import extensions
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import make_url

from forewarn.alerts import (
    dispatch,
    evaluate_rules,
    missed,
    newest_stop,
    open_cases,
    release,
    tell_missed,
    tell_stop,
)
from forewarn.config.contact import CircuitBreaker, Digest
from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.sources import resolve
from forewarn.warehouse import access
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.engine import connect, dsn

PROJECT = Path(__file__).resolve().parents[2]
VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain")
MARTS = {
    f"marts.{name}": {"select"}
    for name in (
        *("churn_features", "churn_labels", "feature_dates"),
        *("dim_customers", "customer_360", "customer_crosswalk", "customer_lifecycle", "kpi_monthly"),
    )
}
ALL = set(VERBS)
READS = {"select"}
WRITES = {"select", "insert", "update"}
ADDS = {"select", "insert"}
REPLACES = {"select", "insert", "delete"}
# What a role that lands or builds has made: a raw table and the marts, which it may change as it likes (decision 0056).
OWNS = {"loader": {"raw_crm.accounts"}, "transformer": set(MARTS)}
SCHEMAS = {"loader": {"raw_crm"}, "transformer": {"staging", "intermediate", "marts", "snapshots"}}
MAY = {
    "loader": dict.fromkeys(OWNS["loader"], ALL)
    | dict.fromkeys(("ops.batch", "ops.column_change", "ops.landed_file", "ops.watermark"), WRITES)
    | {"ops.erased": {"select"}, "ops.redrive_request": {"select", "update"}, "ops.tombstone": ADDS}
    | {'quarantine."row"': REPLACES | {"update"}},
    "transformer": dict.fromkeys(OWNS["transformer"], ALL)
    | {"ops.past_row": {"select", "truncate"}, "ops.row_version": ADDS, "ops.warehouse_build": {"select", "update"}}
    | dict.fromkeys(
        (
            *("raw_crm.accounts", "ops.batch", "ops.late_stream", "ops.publication", "ml.score"),
            *("identity.decision", "identity.link", "words.reading", "words.subject"),
            *('alerts."case"', "alerts.case_event", "alerts.outbox", "alerts.signal", "alerts.task"),
        ),
        READS,
    ),
    "scorer": MARTS
    | {"ml.score": REPLACES, "ops.gate_result": REPLACES, "ops.late_stream": {"select"}, "ops.publication": {"select"}}
    | {
        f"ml.{name}": REPLACES
        for name in ("configuration", "driver", "reference", "segment", "segment_profile", "shadow_score", "watch")
    }
    | {"ml.decision": ADDS},
    "dispatcher": MARTS
    | {"ml.score": {"select"}, "ops.publication": {"select"}, "ops.late_stream": REPLACES, "ops.trouble": WRITES}
    | {'alerts."case"': WRITES, "alerts.outbox": WRITES, "alerts.hold": WRITES, "alerts.task": WRITES}
    | {"alerts.stop": WRITES, "alerts.pause": WRITES}
    | {"alerts.signal": REPLACES | {"update"}}
    | {
        f"alerts.{name}": ADDS
        for name in ("attempt", "backtest", "case_event", "digest", "rule_event", "rule_version", "task_event")
    }
    | {"alerts.shadow_signal": REPLACES, "alerts.kpi_breach": WRITES}
    | {f"alerts.{name}": {"select"} for name in ("absence", "mail_wish", "silence")},
    "web": {name: {"select"} for name in ('alerts."case"', "alerts.task", "ops.publication")}
    | dict.fromkeys(("alerts.case_event", "alerts.mail_wish", "alerts.outbox"), ADDS)
    | dict.fromkeys(("workbench.login_attempt", "workbench.session"), ADDS)
    | {"alerts.task_event": {"insert"}, "workbench.account": {"select"}},
}
# What a role may change a part of. To hold the newest publication by `select … for update` while cases open; row
# security lets no row be written. The state and texts of a rule's version, each change of which is an event. And the
# answer to a case, with the messages that it makes needless.
IN_PART: dict[str, list[tuple[str, str]]] = {
    "loader": [],
    "transformer": [],
    "scorer": [],
    "dispatcher": [("alerts.rule_version", "update"), ("ops.publication", "update")],
    "web": [
        *(('alerts."case"', "update"), ("alerts.outbox", "update"), ("alerts.task", "update")),
        ("workbench.session", "update"),
    ],
}
# What the login of the workbench may become for one transaction (decision 0040), beside what readers of bi see by row.
BECOMES = {
    "desk": dict.fromkeys(("alerts.absence", "alerts.outbox", "alerts.silence"), ADDS)
    | {key: {"select"} for key in ('alerts."case"', "alerts.hold", "alerts.missed_churn", "alerts.task")}
    | {f"access.{key}": {"select"} for key in ("case_event_reason", "case_person", "task_person")}
    | {"ops.publication": {"select"}}
    | {key: {"select"} for key in ("ops.batch", "ops.gate_result", "ops.late_stream", "ops.trouble", "ops.watermark")}
    | {f"ml.{name}": {"select"} for name in ("driver", "segment", "segment_profile", "suggestion", "watch")}
    | {"alerts.case_event": ADDS, "alerts.task_event": {"insert"}, "ops.redrive_request": {"select"}}
    # For admins alone, by policy: test_79_only_an_admin_changes_accounts_in_the_database_too.
    | {"workbench.account_event": {"insert"}, "workbench.account_owner": REPLACES},
    "rule_editor": MARTS
    | dict.fromkeys(("alerts.backtest", "alerts.rule_event", "alerts.rule_version"), ADDS)
    | {key: {"select"} for key in ("alerts.shadow_signal", "alerts.signal")},
}
# Roles of readers, each tried by a login of its own in test_f_database.py.
READERS = {"account_manager", "bi_access", "bi_reader", "pii_reader"}


@dataclass(frozen=True)
class Guarded:
    """A warehouse with one silent customer, and an installation whose services have logins of their own."""

    settings: Settings
    marts: AlertingWarehouse

    def session(self, role: str) -> extensions.connection:
        connection = psycopg2.connect(dsn(self.settings.as_service(role).warehouse_url))
        connection.autocommit = True
        return connection


@pytest.fixture(scope="module")
def guarded(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    url = postgres.ensure_database("fault_roles", template=template)
    home = tmp_path_factory.mktemp("home")
    owner = Settings(PROJECT, PROJECT / "config", home, url, f"sqlite:///{home / 'mlflow.db'}")
    marts = installed(owner)
    marts.customer("c1")
    marts.features("c1", **SILENT)
    marts.publish()
    marts.run("select ops.make_raw_schema('raw_crm'); set role loader; create table raw_crm.accounts (id text)")
    # The marts were made by hand, as the owner.
    marts.run("reset role; select ops.hand_over()")
    urls = {}
    for role in MAY:
        password = access.create_service(url, f"fault_{role}", role)
        named = make_url(url).set(username=f"fault_{role}", password=password)
        urls[f"{role}_url"] = named.render_as_string(hide_password=False)
    yield Guarded(replace(owner, **urls), marts)
    logins = ", ".join(f"fault_{role}" for role in MAY)
    marts.run(f"drop owned by {logins}; drop role {logins}")
    marts.connection.close()


@pytest.mark.capability("C7")
@pytest.mark.parametrize("role", MAY)
def test_79_a_service_may_do_to_each_relation_what_its_stages_need_and_nothing_else(
    guarded: Guarded, role: str
) -> None:
    assert _may(guarded, f"fault_{role}") == MAY[role]
    in_part = guarded.marts.rows(
        "select format('%%I.%%I', nspname, relname), verb from pg_class join pg_namespace as n on n.oid = relnamespace,"
        " unnest(array['select', 'insert', 'update', 'references']) as verb"
        " where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'"
        " and has_any_column_privilege(%s, pg_class.oid, verb) and not has_table_privilege(%s, pg_class.oid, verb)",
        [f"fault_{role}"] * 2,
    )
    assert sorted(in_part) == IN_PART[role]


def _may(guarded: Guarded, role: str) -> dict[str, set[str]]:
    rows = guarded.marts.rows(
        "select format('%%I.%%I', nspname, relname) as name, array_agg(verb) filter (where has_table_privilege(%s,"
        " pg_class.oid, verb)) from pg_class join pg_namespace as n on n.oid = relnamespace, unnest(%s) as verb"
        " where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_' and nspname <> 'information_schema'"
        " group by 1",
        [role, list(VERBS)],
    )
    assert len(rows) > 20
    return {name: set(verbs) for name, verbs in rows if verbs}


@pytest.mark.capability("C7")
@pytest.mark.parametrize("role", BECOMES)
def test_79_what_the_workbench_becomes_for_a_page_may_do_no_more_than_the_page(guarded: Guarded, role: str) -> None:
    assert _may(guarded, role) == BECOMES[role]


@pytest.mark.capability("C7")
def test_79_no_role_of_the_warehouse_is_left_out_and_none_owns_more_than_it_makes(guarded: Guarded) -> None:
    # A role of migrations has no login; what a login may do, it has of them.
    roles = guarded.marts.rows("select rolname from pg_roles where rolname !~ '^pg_' and not rolcanlogin")
    assert {name for (name,) in roles} == {*MAY, *BECOMES, *READERS}
    names = [*MAY, *BECOMES, *READERS, *(f"fault_{role}" for role in MAY)]
    able = guarded.marts.rows(
        "select rolname from pg_roles where rolname = any(%s)"
        " and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
        [names],
    )
    assert able == []
    owns = guarded.marts.rows(
        "select owner::regrole::text, name from (select relowner, format('%%I.%%I', nspname, relname) from pg_class"
        " join pg_namespace as n on n.oid = relnamespace where relkind in ('r', 'p', 'v', 'm', 'f')"
        " union all select nspowner, nspname from pg_namespace union all select proowner, proname from pg_proc"
        " union all select datdba, datname from pg_database) as owned (owner, name)"
        " where owner::regrole::text = any(%s)",
        [names],
    )
    assert {role: {name for owner, name in owns if owner == role} for role, _ in owns} == {
        role: OWNS[role] | SCHEMAS[role] for role in OWNS
    }


@pytest.mark.capability("C7")
@pytest.mark.parametrize("role", MAY)
def test_79_a_service_changes_no_table_no_role_and_no_trail(guarded: Guarded, role: str) -> None:
    found = [name for (name,) in guarded.marts.rows("select nspname from pg_namespace where nspname !~ '^pg_t'")]
    schemas = [name for name in found if name not in SCHEMAS.get(role, ())]
    session = guarded.session(role)
    try:
        for statement in (
            *(f'create table "{schema}".t (a int)' for schema in schemas),
            "create schema another",
            "create role another",
            "alter table alerts.case_event disable trigger all",
            'alter table alerts."case" disable row level security',
            "drop table ml.score",
            "drop view if exists ops.source_trouble",
            "truncate alerts.case_event",
            "update alerts.case_event set reason = 'other'",
            "delete from alerts.case_event",
            "update alerts.attempt set outcome = 'sent'",
            "delete from alerts.attempt",
            "update alerts.rule_event set reason = 'other'",
            "delete from alerts.rule_event",
            "delete from alerts.backtest",
            "update alerts.rule_version set digest = 'other'",
            "delete from ops.publication",
            "update ops.publication set run_id = run_id",
            "insert into access.login values ('fault_dispatcher', 'crm|1', now())",
            "select pg_read_file('postgresql.conf')",
            "select ops.make_raw_schema('bi_2')",
            "select ops.hand_over()",
        ):
            with pytest.raises(InsufficientPrivilege), session.cursor() as cursor:
                cursor.execute(statement)
    finally:
        session.close()


# What must tell later what was done, by whom and why: nobody but the owner rewrites it.
TRAIL = (
    "access.login",
    "workbench.account_event",
    "workbench.login_attempt",
    "alerts.attempt",
    "alerts.case_event",
    "alerts.task_event",
    "alerts.mail_wish",
    "identity.decision",
    "ml.decision",
    "ops.batch",
    "ops.column_change",
    "ops.ended_session",
    "ops.publication",
    "ops.tombstone",
    'quarantine."row"',
)


@pytest.mark.capability("C7")
@pytest.mark.parametrize("role", MAY)
def test_79_a_service_changes_the_definition_of_no_relation_and_no_row_of_the_trail(
    guarded: Guarded, role: str
) -> None:
    relations = [name for (name,) in guarded.marts.rows(RELATIONS)]
    assert set(TRAIL) <= set(relations)
    session = guarded.session(role)
    try:
        assert denied_changes(session, [name for name in relations if name not in OWNS.get(role, ())]) > 300
        tried = 0
        for verb in ("delete", "truncate", "update"):
            # Without a row that fits, a policy lets an update of nothing pass: the publication is tried elsewhere.
            needed = {name for name in TRAIL if verb in MAY[role].get(name, ()) or (name, verb) in IN_PART[role]}
            tried += denied_writes(session, [name for name in TRAIL if name not in needed], [verb])
        # A batch is opened and ended, a column's change seen again, and a row that was set aside tried again.
        assert tried == 3 * len(TRAIL) - {"loader": 4, "dispatcher": 1}.get(role, 0)
    finally:
        session.close()


@pytest.mark.capability("C7")
def test_79_what_reads_a_table_still_does_when_its_builder_has_put_another_in_its_place(guarded: Guarded) -> None:
    for builder, schema, readers in (
        ("loader", "raw_crm", {"transformer"}),
        ("transformer", "intermediate", {"dispatcher", "rule_editor"}),
        ("transformer", "marts", {"scorer", "dispatcher", "rule_editor"}),
    ):
        session = guarded.session(builder)
        try:
            with session.cursor() as cursor:
                cursor.execute(f"create table {schema}.swapped (a int)")
                cursor.execute(
                    "select grantee::regrole::text from pg_class, aclexplode(relacl) where oid = %s::regclass"
                    " and grantee <> relowner and privilege_type = 'SELECT'",
                    [f"{schema}.swapped"],
                )
                assert {name for (name,) in cursor.fetchall()} == readers
                cursor.execute(f"drop table {schema}.swapped")
        finally:
            session.close()


@pytest.mark.capability("C7")
def test_79_its_rights_suffice_to_open_a_case_and_to_send(guarded: Guarded) -> None:
    settings = guarded.settings.as_service("dispatcher")
    breaker = CircuitBreaker(at_least=1)
    project = simulated_project(settings.config, digest=Digest(at=None), circuit_breaker=breaker)
    evaluate_rules(settings, project, as_of_date=DAY, now=NOW)
    counts = open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)
    assert (counts.opened, counts.withheld) == (1, 1)
    assert tell_stop(settings, project, as_of_date=DAY, now=NOW) == 1
    with connect(settings.warehouse_url) as connection, connection, connection.cursor() as cursor:
        release(cursor, newest_stop(cursor), by="olga", reason="as it should be", now=NOW)
    assert open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW).letters == 1
    later = NOW + timedelta(days=2)
    assert tell_missed(settings, project, missed(settings, project, now=later), now=later) == 1
    assert dispatch(settings, project, now=later, dry_run=False, resolve=resolve).sent == 3
    written = guarded.marts.rows("select count(*), min(kind) from alerts.case_event")
    assert written[0][0] >= 1


@pytest.mark.capability("C7")
def test_79_the_workbench_puts_no_message_to_a_person_into_the_outbox(guarded: Guarded) -> None:
    put = (
        "insert into alerts.outbox (dedup_key, kind, channel, recipient, payload, next_attempt_at, expires_at,"
        " created_at) values (%s, %s, 'email', 'anybody@example.org', '{}', now(), now(), now())"
    )
    session = guarded.session("web")
    try:
        for kind in ("case", "escalation", "operations", "reminder"):
            with pytest.raises(InsufficientPrivilege), session.cursor() as cursor:
                cursor.execute(put, [f"mine:{kind}", kind])
        with session.cursor() as cursor:
            cursor.execute(put, ["mine:action", "action"])
    finally:
        session.close()
        guarded.marts.run("delete from alerts.outbox where dedup_key = 'mine:action'")


def test_a_service_without_a_login_of_its_own_is_the_owner(guarded: Guarded) -> None:
    owner = replace(guarded.settings, scorer_url="", loader_url="")
    assert owner.as_service("scorer").warehouse_url == owner.warehouse_url
    # Landing acts as the loader all the same, so that a login that it gets later owns what is there.
    with connect(owner.as_service("loader").warehouse_url) as session, session.cursor() as cursor:
        session.autocommit = True
        # As dbt's sessions are cleared between two nodes.
        cursor.execute("discard all")
        cursor.execute("select current_user, session_user")
        assert cursor.fetchone() == ("loader", make_url(owner.warehouse_url).username)


def test_a_login_that_is_there_or_a_role_that_is_not_is_refused(guarded: Guarded) -> None:
    with pytest.raises(Permanent, match="a new login"):
        access.create_service(guarded.settings.warehouse_url, "fault_scorer", "scorer")
    with pytest.raises(Permanent, match="loader, transformer, scorer, dispatcher, web"):
        access.create_service(guarded.settings.warehouse_url, "fault_new", "bi_reader")


def test_a_login_gets_the_password_of_a_file_again_and_only_one_of_its_role(guarded: Guarded) -> None:
    url = guarded.settings.warehouse_url
    assert access.create_service(url, "fault_web", "web", password="of-a-file") == "of-a-file"
    again = make_url(url).set(username="fault_web", password="of-a-file").render_as_string(hide_password=False)
    psycopg2.connect(dsn(again)).close()
    with pytest.raises(Permanent, match="a new login"):
        access.create_service(url, "fault_scorer", "web", password="of-a-file")
    # Other tests log in by the first.
    access.create_service(url, "fault_web", "web", password=make_url(guarded.settings.web_url).password)


def test_a_dry_run_refuses_the_same_and_creates_no_login(guarded: Guarded) -> None:
    url = guarded.settings.warehouse_url
    with pytest.raises(Permanent, match="a new login"):
        access.create_service(url, "fault_scorer", "scorer", dry_run=True)
    access.create_service(url, "fault_new", "scorer", dry_run=True)
    assert guarded.marts.rows("select count(*) from pg_roles where rolname = 'fault_new'") == [(0,)]
