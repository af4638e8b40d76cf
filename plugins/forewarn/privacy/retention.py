"""Let go of what is older than its period; what belongs to a customer under a legal hold stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg2 import extensions

from forewarn.config.retention import Retention
from forewarn.privacy.files import OUTBOX, written
from forewarn.sources.erased import stands_in

# Keys of a message's content that later messages of the same case or task go by.
_KEPT_KEYS = ["key", "as_of_date", "level", "task_id", "state"]
_HELD = "select customer_id from ops.legal_hold where lifted_at is null"
_HELD_CASES = f'select case_id from alerts."case" where customer_id in ({_HELD})'
# Rows that have not become a record yet: the number of an account under a hold stands somewhere in them.
_NAMES_HELD = f"exists (select from unnest(%(numbers)s::text[]) as number where {stands_in('number', '{}')})"
_STATEMENTS = {
    "quarantine_days": (
        "delete from quarantine.row where quarantined_at < %(before)s and not "
        + _NAMES_HELD.format("coalesce(content, '')"),
    ),
    "row_version_days": (
        "delete from ops.row_version where valid_to < %(before)s and not " + _NAMES_HELD.format("content::text"),
    ),
    "gate_result_days": ("delete from ops.gate_result where checked_at < %(before)s",),
    "message_days": (
        "update alerts.outbox as o set payload = (select coalesce(jsonb_object_agg(key, value), '{}') from"
        " jsonb_each(payload) where key = any(%(kept)s)) where created_at < %(before)s and state in ('sent', 'dead',"
        " 'expired', 'suppressed') and exists (select from jsonb_object_keys(payload) as key where"
        " key <> all(%(kept)s))"
        " and not exists (select from alerts.\"case\" as c where c.case_id = o.case_id and (c.state <> 'closed'"
        f" or c.customer_id in ({_HELD})))",
        "update alerts.signal as s set evidence = '{}', reason = '' where observed_at < %(before)s and reason <> ''"
        f' and customer_id not in ({_HELD}) and not exists (select from alerts."case" as c where'
        " c.customer_id = s.customer_id and c.state <> 'closed')",
    ),
}


def retain(
    cursor: extensions.cursor,
    home: Path,
    retention: Retention,
    *,
    now: datetime,
    reports: Sequence[Path] = (),
    dry_run: bool = False,
) -> dict[str, int]:
    """Delete, or empty, what is older than its period; the caller commits. Returns how much went, by period.

    `reports` are the folders of `report_folders`.

    A dry run leaves the files; its caller rolls back.
    """
    gone, numbers = {}, _held_numbers(cursor)
    for period, statements in _STATEMENTS.items():
        days = getattr(retention, period)
        if days is not None:
            gone[period] = 0
            for statement in statements:
                cursor.execute(
                    statement, {"before": now - timedelta(days=days), "kept": _KEPT_KEYS, "numbers": numbers}
                )
                gone[period] += cursor.rowcount
    if retention.file_days is not None:
        gone["file_days"] = _files(cursor, written(home, reports), now - timedelta(days=retention.file_days), dry_run)
    return gone


def _held_numbers(cursor: extensions.cursor) -> list[str]:
    """Return the account numbers of the customers under a hold; none before the first build, when nobody has any."""
    cursor.execute("select to_regclass('marts.customer_crosswalk') is not null")
    if not (cursor.fetchone() or [False])[0]:
        return []
    cursor.execute(f"select distinct account_id from marts.customer_crosswalk where customer_id in ({_HELD})")
    return [str(number) for (number,) in cursor.fetchall()]


def _files(cursor: extensions.cursor, files: Iterable[tuple[str, Path]], before: datetime, dry_run: bool) -> int:
    """Delete the files last written before a moment, but no message about a customer under a hold."""
    cursor.execute(f"select alert_id from alerts.outbox where case_id in ({_HELD_CASES})")
    held = {int(number) for (number,) in cursor.fetchall()}
    gone = 0
    for folder, file in files:
        number = re.match(r"\d+(?=-)", file.name)
        if folder == OUTBOX and number is not None and int(number[0]) in held:
            continue
        if datetime.fromtimestamp(file.stat().st_mtime, UTC) < before:
            if not dry_run:
                file.unlink()
            gone += 1
    return gone
