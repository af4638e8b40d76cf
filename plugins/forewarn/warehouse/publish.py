"""Let readers see a finished version: copies under `published`, views in `bi`, and one transaction that swaps them.

Readers never touch what dbt is building. A publication of an older date than the newest one (a backfill) adds its
scores to the history and leaves the current version alone.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, cursor

from forewarn.config.settings import Settings
from forewarn.errors import Permanent, Transient
from forewarn.warehouse.engine import connect
from forewarn.warehouse.lock import BUILD, alone

READER = "bi_reader"
KEPT_VERSIONS = 2
LOCK_TIMEOUT = "30s"

# Copied whole at each publication: name in bi, where it comes from, and which of its rows.
VERSIONED = (
    ("customer_360", ("marts", "customer_360"), None),
    ("churn_features", ("marts", "churn_features"), "as_of_date"),
)
# Seen directly: name in bi, and the table. Each is written in transactions of its own and never half done.
DIRECT = (
    ("cases", ("alerts", "case")),
    ("case_events", ("alerts", "case_event")),
    ("publications", ("ops", "publication")),
)


def publish(settings: Settings, *, as_of_date: date, run_id: str, live: bool, now: datetime) -> dict[str, int]:
    """Publish the warehouse as it stands for one date; returns rows by name in bi.

    The same date and run again replaces its own publication. A reader sees the version before or this one, whole.

    Raises
    ------
    Permanent
        The features of the date were never built, or those built last are of another date.
    Transient
        A reader held a view of bi for longer than the time-out.
    """
    with connect(settings.warehouse_url, application="forewarn publish") as connection:
        connection.autocommit = True
        with alone(connection, BUILD):
            connection.autocommit = False
            # Every copy is of one moment.
            connection.set_isolation_level(ISOLATION_LEVEL_REPEATABLE_READ)
            try:
                with connection.cursor() as at:
                    counts = _publish(at, as_of_date, run_id, live, now)
                connection.commit()
            except psycopg2.errors.LockNotAvailable as error:
                raise Transient(
                    f"publication of {as_of_date}",
                    expected=f"the views of bi free within {LOCK_TIMEOUT}",
                    got=str(error).strip(),
                    next_step="try again when the reader's long query has ended",
                ) from error
            finally:
                if not connection.closed:
                    connection.rollback()
                    connection.autocommit = True
    return counts


def _publish(at: cursor, as_of_date: date, run_id: str, live: bool, now: datetime) -> dict[str, int]:
    at.execute("set local lock_timeout = %s", [LOCK_TIMEOUT])
    current = _is_current(at, as_of_date)
    at.execute(
        "insert into ops.publication (as_of_date, run_id, live, published_at, row_counts) values (%s, %s, %s, %s, '{}')"
        " on conflict (as_of_date, run_id) do update set live = excluded.live, published_at = excluded.published_at"
        " returning publication_id",
        [as_of_date, run_id, live, now],
    )
    publication_id = int(_value(at))
    _ensure_reader(at)
    counts = {"scores": _replace_scores(at, as_of_date)}
    _show(at, "scores", ("published", "score"), ("ml", "score"))
    if current:
        for name, origin, dated in VERSIONED:
            counts[name] = _copy_version(at, name, origin, publication_id, as_of_date if dated else None)
    for name, table in DIRECT:
        _show(at, name, table, table)
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


def _copy_version(at: cursor, name: str, origin: tuple[str, str], publication_id: int, as_of_date: date | None) -> int:
    version = sql.Identifier("published", f"{name}_{publication_id}")
    replaced = f"{name}_{publication_id}_replaced"
    # The same run again: its earlier copy stays in place under another name until the view has left it.
    at.execute(sql.SQL("alter table if exists {} rename to {}").format(version, sql.Identifier(replaced)))
    at.execute(
        sql.SQL("create table {} as select * from {} {}").format(
            version,
            sql.Identifier(*origin),
            sql.SQL("where as_of_date = {}").format(sql.Literal(as_of_date)) if as_of_date else sql.SQL(""),
        )
    )
    rows = at.rowcount
    at.execute(sql.SQL("alter table {} add primary key (customer_id)").format(version))
    at.execute(sql.SQL("analyze {}").format(version))
    _show(at, name, ("published", f"{name}_{publication_id}"), origin)
    at.execute(sql.SQL("drop table if exists {}").format(sql.Identifier("published", replaced)))
    _drop_old_versions(at, name, publication_id)
    return rows


def _drop_old_versions(at: cursor, name: str, publication_id: int) -> None:
    at.execute("select tablename from pg_tables where schemaname = 'published'")
    found = [re.fullmatch(rf"{name}_(\d+)", row[0]) for row in at.fetchall()]
    others = sorted((int(match[1]) for match in found if match and int(match[1]) != publication_id), reverse=True)
    for number in others[KEPT_VERSIONS - 1 :]:
        at.execute(sql.SQL("drop table {}").format(sql.Identifier("published", f"{name}_{number}")))


def _replace_scores(at: cursor, as_of_date: date) -> int:
    at.execute("create table if not exists published.score (like ml.score including indexes)")
    at.execute("delete from published.score where as_of_date = %s", [as_of_date])
    at.execute("insert into published.score select * from ml.score where as_of_date = %s", [as_of_date])
    return at.rowcount


def _show(at: cursor, name: str, table: tuple[str, str], documented: tuple[str, str]) -> None:
    """Point a view of bi at a table, with the comments of the relation that documents it."""
    view = sql.Identifier("bi", name)
    select = sql.SQL("create or replace view {} as select * from {}").format(view, sql.Identifier(*table))
    at.execute("savepoint before_view")
    try:
        # Keeps what others built on the view; impossible once a column was renamed, retyped or dropped.
        at.execute(select)
    except psycopg2.errors.InvalidTableDefinition:
        at.execute("rollback to savepoint before_view")
        at.execute(sql.SQL("drop view {}").format(view))
        at.execute(select)
    at.execute("release savepoint before_view")
    at.execute(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(READER)))
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


def _ensure_reader(at: cursor) -> None:
    """Create the readers' role; it belongs to the server, so another database may just be creating it as well."""
    at.execute("select exists (select from pg_roles where rolname = %s)", [READER])
    if not _value(at):
        at.execute("savepoint before_role")
        try:
            at.execute(sql.SQL("create role {} nologin").format(sql.Identifier(READER)))
        except (psycopg2.errors.DuplicateObject, psycopg2.errors.UniqueViolation):
            at.execute("rollback to savepoint before_role")
        at.execute("release savepoint before_role")
    at.execute(sql.SQL("grant usage on schema bi to {}").format(sql.Identifier(READER)))


def _value(at: cursor) -> Any:
    row = at.fetchone()
    return row[0] if row else None
