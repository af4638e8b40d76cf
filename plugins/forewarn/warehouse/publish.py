"""Let readers see a finished version: copies under `published`, views in `bi`, and one transaction that swaps them.

Readers never touch what dbt is building. A publication of an older date than the newest one (a backfill) adds its
date to the histories and leaves the current version alone. The views run with their reader's rights: which rows a login
sees is a policy of each table (migration 0003).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, cursor
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from forewarn.config.settings import Settings
from forewarn.errors import Permanent, Transient
from forewarn.warehouse.engine import connect
from forewarn.warehouse.evidence import keep_evidence
from forewarn.warehouse.lock import ATTEMPTS, BUILD, alone

READERS = "bi_access"
KEPT_VERSIONS = 2
LOCK_TIMEOUT = "30s"


@dataclass(frozen=True)
class Versioned:
    """A mart that is copied at each publication, and its name in bi: whole or the day's rows; what is personal.

    Personal columns are kept in a table of their own, so that a login that may not see them has none to read. A mart
    without customers is about the company: only logins that see every customer see its rows (decision 0019).
    """

    name: str
    of_the_day: bool = False
    personal: tuple[str, ...] = ()
    key: tuple[str, ...] = ("customer_id",)
    about: str = "customer"
    version: int = 1

    @property
    def view(self) -> str:
        """Name in bi: from its second version on with the number, while the name alone is the first one's."""
        return self.name if self.version == 1 else f"{self.name}_v{self.version}"

    @property
    def origin(self) -> tuple[str, str]:
        """Schema and table that it comes from."""
        return ("marts", self.name)


VERSIONED = (
    Versioned("customer_360", personal=("name", "email", "contact_name", "contact_email")),
    Versioned("churn_features", of_the_day=True),
    Versioned("customer_lifecycle", of_the_day=True),
    Versioned("customer_value", of_the_day=True),
    Versioned("customer_health", of_the_day=True),
    Versioned("customer_history", key=("customer_id", "valid_from")),
    Versioned("customer_lifecycle_changes", key=("customer_id", "as_of_date")),
    # The reason of a link may quote what a person wrote.
    Versioned("customer_crosswalk", key=("source", "account_id"), personal=("reason",), version=2),
    Versioned("leads", key=("lead_key",), personal=("email", "name")),
    Versioned("kpi_monthly", key=("month",), about="company"),
    Versioned("kpi_movements", key=("month", "definition", "segment", "region"), about="company"),
    Versioned("kpi_activity", key=("month", "segment", "region"), about="company"),
    Versioned("alert_outcomes", key=("case_id",)),
    Versioned("alert_signals", key=("case_id", "kind", "name")),
    Versioned("churn_leavers", key=("definition", "customer_id", "gone_on")),
    Versioned("alert_performance_monthly", key=("month", "dimension", "member"), about="company"),
)
# First versions of marts that have a second: the columns that are called otherwise now. Views, until their date is over
# (`deprecation_date` of the dbt model, decision 0048).
RENAMED = {"customer_crosswalk": {"link_probability": "score"}}
# One table under `published` for all dates: name in bi, where its rows come from, and the table. A publication replaces
# its own date and no other, so that the past stays as readers saw it.
KEPT: tuple[tuple[str, tuple[str, str], str], ...] = (
    ("scores", ("ml", "score"), "score"),
    ("customer_health_history", ("marts", "customer_health"), "customer_health_history"),
    ("customer_lifecycle_history", ("marts", "customer_lifecycle"), "customer_lifecycle_history"),
    ("customer_value_history", ("marts", "customer_value"), "customer_value_history"),
)
# Seen directly: name in bi, and the table. Each is written in transactions of its own and never half done.
DIRECT: tuple[tuple[str, tuple[str, str]], ...] = (
    ("cases", ("alerts", "case")),
    ("case_events", ("alerts", "case_event")),
    ("held_alerts", ("alerts", "hold")),
    ("tasks", ("alerts", "task")),
    ("missed_churn", ("alerts", "missed_churn")),
    ("publications", ("ops", "publication")),
    ("batches", ("ops", "batch")),
    ("late_streams", ("ops", "late_stream")),
    ("gate_results", ("ops", "gate_result")),
    ("drivers", ("ml", "driver")),
    ("model_watch", ("ml", "watch")),
    ("segments", ("ml", "segment")),
    ("segment_profiles", ("ml", "segment_profile")),
    ("suggestions", ("ml", "suggestion")),
)
# Of these, what names a person or was written by one: the view that has it for logins that see personal data, the key,
# and the columns, which no reader has in the table itself (migration 0051).
WORDS: dict[str, tuple[tuple[str, str], str, tuple[str, ...]]] = {
    "cases": (("access", "case_person"), "case_id", ("next_step",)),
    "case_events": (("access", "case_event_reason"), "event_id", ("reason",)),
    "tasks": (("access", "task_person"), "task_id", ("text", "outcome")),
}


def publish(settings: Settings, *, as_of_date: date, run_id: str, live: bool, now: datetime) -> dict[str, int]:
    """Publish the warehouse as it stands for one date; returns rows by name in bi.

    The same date and run again replaces its own publication. A reader sees the version before or this one, whole.

    Raises
    ------
    Permanent
        The features of the date were never built, those built last are of another date, or a customer has no key.
    Transient
        A reader held a view of bi for longer than the time-out, the disk is full, or other sessions kept conflicting.
    """
    with connect(settings.warehouse_url, application="forewarn publish") as connection:
        connection.autocommit = True
        with alone(connection, BUILD):
            connection.autocommit = False
            # Every copy is of one moment.
            connection.set_isolation_level(ISOLATION_LEVEL_REPEATABLE_READ)
            try:
                for attempt in Retrying(
                    retry=retry_if_exception_type(psycopg2.extensions.TransactionRollbackError),
                    stop=stop_after_attempt(ATTEMPTS),
                    reraise=True,
                ):
                    with attempt:
                        connection.rollback()
                        with connection.cursor() as at:
                            counts = _publish(at, as_of_date, run_id, live, now)
                        connection.commit()
            except psycopg2.Error as error:
                raise _explained(error, as_of_date) from error
            finally:
                if not connection.closed:
                    connection.rollback()
                    connection.autocommit = True
    return counts


def _explained(error: psycopg2.Error, as_of_date: date) -> Exception:
    """Say what ended a publication and what to do; an error that is none of these stays what it is."""
    subject, got = f"publication of {as_of_date}", str(error).strip()
    match error:
        case psycopg2.errors.LockNotAvailable():
            expected, next_step = (
                f"the views of bi free within {LOCK_TIMEOUT}",
                "try again when the reader's long query has ended",
            )
        case psycopg2.extensions.TransactionRollbackError():
            expected, next_step = f"no conflict with another session in {ATTEMPTS} attempts", "try again"
        case psycopg2.errors.DiskFull():
            expected, next_step = (
                "space on the warehouse's disk for one more version",
                "free space, then try again; readers still have the last version",
            )
        case psycopg2.IntegrityError():
            return Permanent(
                subject,
                expected="every customer once, with its key",
                got=got,
                next_step="correct the mart and build the date again; readers still have the last version",
            )
        case _:
            return error
    return Transient(subject, expected=expected, got=got, next_step=next_step)


def _publish(at: cursor, as_of_date: date, run_id: str, live: bool, now: datetime) -> dict[str, int]:
    at.execute("set local lock_timeout = %s", [LOCK_TIMEOUT])
    current = _is_current(at, as_of_date)
    at.execute(
        "insert into ops.publication (as_of_date, run_id, live, published_at, row_counts, build_number)"
        " values (%s, %s, %s, %s, '{}', (select build_number from ops.warehouse_build))"
        " on conflict (as_of_date, run_id) do update set live = excluded.live, published_at = excluded.published_at,"
        " build_number = excluded.build_number returning publication_id",
        [as_of_date, run_id, live, now],
    )
    publication_id = int(_value(at))
    counts: dict[str, int] = {}
    for name, origin, kept in KEPT:
        counts[name] = _replace_date(at, origin, kept, as_of_date)
        _show(at, name, _all_of(("published", kept)), origin)
    if current:
        _replace_owners(at)
        keep_evidence(at)
        for mart in VERSIONED:
            counts[mart.name] = _copy_version(at, mart, publication_id, as_of_date)
    for name, table in DIRECT:
        _show(at, name, _with_words(at, name, table) if name in WORDS else _all_of(table), table)
    at.execute(
        "update ops.publication set row_counts = %s where publication_id = %s", [json.dumps(counts), publication_id]
    )
    return counts


def _is_current(at: cursor, as_of_date: date) -> bool:
    """Tell whether the date is the newest one; readers go on seeing a newer version."""
    at.execute("select to_regclass('marts.churn_features') is not null")
    if _value(at):
        at.execute("select exists (select from marts.churn_features where as_of_date = %s)", [as_of_date])
        if _value(at):
            at.execute(
                "select coalesce(max(as_of_date), %s) <= %s, (select max(as_of_date) from marts.churn_features)"
                " from ops.publication",
                [as_of_date, as_of_date],
            )
            is_newest, built = at.fetchone() or (False, None)
            if not is_newest or built == as_of_date:
                return bool(is_newest)
            raise Permanent(
                f"publication of {as_of_date}",
                expected="the newest features to be of that date",
                got=f"features of {built}",
                next_step=f"publish {built}",
            )
    raise Permanent(
        f"publication of {as_of_date}",
        expected="features of that date in marts.churn_features",
        got="none",
        next_step="build the warehouse for that date first",
    )


def _copy_version(at: cursor, mart: Versioned, publication_id: int, as_of_date: date) -> int:
    columns = _columns(at, mart.origin)
    tables = {mart.name: [column for column in columns if column not in mart.personal]}
    if mart.personal:
        tables[f"{mart.name}_person"] = [*dict.fromkeys(("customer_id", *mart.key)), *mart.personal]
    rows = 0
    for name, kept in tables.items():
        version = sql.Identifier("published", f"{name}_{publication_id}")
        # The same run again: its earlier copy stays in place under another name until the view has left it.
        at.execute(
            sql.SQL("alter table if exists {} rename to {}").format(
                version, sql.Identifier(_replaced(name, publication_id))
            )
        )
        at.execute(
            sql.SQL("create table {} as select {} from {} {}").format(
                version,
                sql.SQL(", ").join(map(sql.Identifier, kept)),
                sql.Identifier(*mart.origin),
                sql.SQL("where as_of_date = {}").format(sql.Literal(as_of_date)) if mart.of_the_day else sql.SQL(""),
            )
        )
        rows = at.rowcount
        key = sql.SQL(", ").join(map(sql.Identifier, mart.key))
        at.execute(sql.SQL("alter table {} add primary key ({})").format(version, key))
        at.execute(sql.SQL("analyze {}").format(version))
        _let_readers_see(at, ("published", f"{name}_{publication_id}"), mart.about if name == mart.name else "person")
    _show(at, mart.view, _united(mart, columns, publication_id), mart.origin)
    if mart.name in RENAMED:
        _show(at, mart.name, _as_before(mart, columns), ("marts", f"{mart.name}_v1"))
    for name in tables:
        at.execute(
            sql.SQL("drop table if exists {}").format(sql.Identifier("published", _replaced(name, publication_id)))
        )
        _drop_old_versions(at, name, publication_id)
    return rows


def _replaced(name: str, publication_id: int) -> str:
    return f"{name}_{publication_id}_replaced"


def _united(mart: Versioned, columns: list[str], publication_id: int) -> sql.Composable:
    """Select every column in the mart's order; personal ones are null in the rows that the login may not know."""
    shown = ("published", f"{mart.name}_{publication_id}")
    if not mart.personal:
        return _all_of(shown)
    person = ("published", f"{mart.name}_person_{publication_id}")
    return _joined(columns, shown, person, mart.personal, mart.key)


def _with_words(at: cursor, name: str, table: tuple[str, str]) -> sql.Composable:
    person, key, personal = WORDS[name]
    return _joined(_columns(at, table), table, person, personal, (key,))


def _joined(
    columns: Sequence[str],
    table: tuple[str, str],
    person_table: tuple[str, str],
    personal: Sequence[str],
    key: Sequence[str],
) -> sql.Composable:
    return sql.SQL("select {} from {} as shown left join {} as person on {}").format(
        sql.SQL(", ").join(sql.Identifier("person" if column in personal else "shown", column) for column in columns),
        sql.Identifier(*table),
        sql.Identifier(*person_table),
        sql.SQL(" and ").join(sql.SQL("shown.{0} = person.{0}").format(sql.Identifier(column)) for column in key),
    )


def _as_before(mart: Versioned, columns: list[str]) -> sql.Composable:
    """Select a mart's newest version under the names of its first."""
    names = RENAMED[mart.name]
    return sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(
            sql.SQL("{} as {}").format(sql.Identifier(column), sql.Identifier(names.get(column, column)))
            for column in columns
        ),
        sql.Identifier("bi", mart.view),
    )


def _all_of(table: tuple[str, str]) -> sql.Composable:
    return sql.SQL("select * from {}").format(sql.Identifier(*table))


def _columns(at: cursor, table: tuple[str, str]) -> list[str]:
    at.execute(
        "select column_name from information_schema.columns where (table_schema, table_name) = (%s, %s)"
        " order by ordinal_position",
        table,
    )
    return [row[0] for row in at.fetchall()]


def _let_readers_see(at: cursor, table: tuple[str, str], about: str) -> None:
    at.execute("select access.show(%s::regclass, %s)", [".".join(f'"{part}"' for part in table), about])


def _drop_old_versions(at: cursor, name: str, publication_id: int) -> None:
    at.execute("select tablename from pg_tables where schemaname = 'published'")
    found = [re.fullmatch(rf"{name}_(\d+)", row[0]) for row in at.fetchall()]
    others = sorted((int(match[1]) for match in found if match and int(match[1]) != publication_id), reverse=True)
    for number in others[KEPT_VERSIONS - 1 :]:
        at.execute(sql.SQL("drop table {}").format(sql.Identifier("published", f"{name}_{number}")))


def _replace_owners(at: cursor) -> None:
    at.execute("delete from published.customer_owner")
    at.execute(
        "insert into published.customer_owner"
        " select customer_id, owner_key from marts.dim_customers where owner_key is not null"
    )


def _replace_date(at: cursor, origin: tuple[str, str], table: str, as_of_date: date) -> int:
    kept = sql.Identifier("published", table)
    at.execute(
        sql.SQL("create table if not exists {} (like {} including indexes)").format(kept, sql.Identifier(*origin))
    )
    columns, known = _columns(at, origin), _columns(at, ("published", table))
    for column in columns:
        if column not in known:
            _add_column(at, origin, table, column)
    _let_readers_see(at, ("published", table), "customer")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    at.execute(sql.SQL("delete from {} where as_of_date = %s").format(kept), [as_of_date])
    at.execute(
        sql.SQL("insert into {0} ({1}) select {1} from {2} where as_of_date = %s").format(
            kept, names, sql.Identifier(*origin)
        ),
        [as_of_date],
    )
    return at.rowcount


def _add_column(at: cursor, origin: tuple[str, str], table: str, column: str) -> None:
    """Follow the origin, which has a column that earlier publications did not have; for those it stays null."""
    at.execute(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s) and attname = %s",
        [".".join(f'"{part}"' for part in origin), column],
    )
    at.execute(
        sql.SQL("alter table {} add column {} {}").format(
            sql.Identifier("published", table), sql.Identifier(column), sql.SQL(str(_value(at)))
        )
    )


def _show(at: cursor, name: str, query: sql.Composable, documented: tuple[str, str]) -> None:
    """Point a view of bi at a query, with the comments of the relation that documents it.

    Raises
    ------
    Permanent
        A column was renamed, retyped or dropped, and somebody built a view on this one.
    """
    view = sql.Identifier("bi", name)
    select = sql.SQL("create or replace view {} with (security_invoker = true) as {}").format(view, query)
    at.execute("savepoint before_view")
    try:
        # Keeps what others built on the view; impossible once a column was renamed, retyped or dropped.
        at.execute(select)
    except psycopg2.errors.InvalidTableDefinition:
        at.execute("rollback to savepoint before_view")
        try:
            at.execute(sql.SQL("drop view {}").format(view))
        except psycopg2.errors.DependentObjectsStillExist as error:
            raise Permanent(
                f"view bi.{name}",
                expected="nothing built on a view whose columns change with this release (see CHANGELOG.md)",
                got=str(error.diag.message_detail or error).strip(),
                next_step="drop what depends on it, publish again, and create it anew",
            ) from error
        at.execute(select)
    at.execute("release savepoint before_view")
    at.execute(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(READERS)))
    at.execute(
        "select attname, description from pg_description"
        " left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0"
        " where classoid = 'pg_class'::regclass and objoid = to_regclass(%s)",
        [".".join(f'"{part}"' for part in documented)],
    )
    for column, text in at.fetchall():
        if column is None:
            at.execute(sql.SQL("comment on view {} is {}").format(view, sql.Literal(text)))
        else:
            target = sql.SQL("{}.{}").format(view, sql.Identifier(column))
            at.execute(sql.SQL("comment on column {} is {}").format(target, sql.Literal(text)))


def _value(at: cursor) -> Any:
    row = at.fetchone()
    return row[0] if row else None
