"""What a build has seen, in `ops.warehouse_build`, and what it looks at before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg2.extensions import connection

from forewarn.warehouse.row_versions import keep_versions

LAYERS = ("staging", "intermediate", "marts")


def may_version(session: connection, day: date) -> bool:
    """Tell whether no later date has versions."""
    with session.cursor() as cursor:
        cursor.execute("select to_regclass('intermediate.int_version_dates') is not null")
        if not (cursor.fetchone() or [False])[0]:
            return True
        cursor.execute("select coalesce(max(as_of_date) <= %s, true) from intermediate.int_version_dates", [day])
        return bool((cursor.fetchone() or [False])[0])


def is_late(session: connection, days: Sequence[date], today: date) -> bool:
    """Tell whether on one of the days a row may count that was changed or removed since."""
    with session.cursor() as cursor:
        cursor.execute(
            "select %(first)s < greatest((select max(valid_to) from ops.row_version),"
            " case when exists (select from ops.past_row) then greatest(as_of_date, %(today)s) end)"
            " from ops.warehouse_build",
            {"first": days[0], "today": today},
        )
        return bool((cursor.fetchone() or [False])[0])


def built_from(session: connection) -> str | None:
    """Return the fingerprint that the intermediate layer was last built with."""
    with session.cursor() as cursor:
        cursor.execute("select built_from from ops.warehouse_build")
        return (cursor.fetchone() or [None])[0]


def remember(
    session: connection,
    fingerprint: str,
    select: str | None,
    mappings: dict[str, Any],
    day: date | None,
    *,
    tested: bool,
) -> None:
    """Write down that the layers built have seen everything that has landed; no batch can have come meanwhile."""
    newest = "(select coalesce(max(batch_id), -1) from ops.batch)"
    layers = set(select.split()) if select else set(LAYERS)
    with session.cursor() as cursor:
        if tested and "staging" in layers:
            cursor.execute(f"update ops.warehouse_build set tested_batch_id = {newest}")
        if "intermediate" in layers:
            cursor.execute("begin")
            keep_versions(cursor, mappings, day)
            cursor.execute(
                "update ops.warehouse_build set built_from = %s, build_number = build_number + 1,"
                f" batch_id = {newest}, as_of_date = greatest(as_of_date, %s); truncate ops.past_row; commit",
                [fingerprint, day],
            )
