"""The record of one extraction in `ops.batch`: opened and failed in transactions of its own, landed with its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from psycopg2 import extensions

from forewarn.errors import ForewarnError, Permanent
from forewarn.warehouse.lock import BUILD


@dataclass(frozen=True)
class Batch:
    """What one extraction did; rows_in = rows_loaded + rows_quarantined + rows_deduplicated.

    Attributes
    ----------
    rows_deduplicated : int
        Rows that brought nothing new: the same key or content twice in the batch, or in the warehouse already in this
        version or a newer one.
    rows_removed : int
        Records that the source no longer has.
    complete, keys_compared : bool
        Every row of the source was asked for; its keys were compared with those that have landed.
    new_columns : list of str
        Columns that the source gained and nothing maps; they are recorded and ignored.
    quarantined_files : dict
        Path → reason of each file that was set aside whole.
    """

    batch_id: int
    source: str
    stream: str
    run_id: str
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_deduplicated: int = 0
    rows_removed: int = 0
    complete: bool = False
    keys_compared: bool = False
    watermark_before: str | None = None
    watermark_after: str | None = None
    new_columns: list[str] = field(default_factory=list)
    files: int = 0
    quarantined_files: dict[str, str] = field(default_factory=dict)


def open_batch(
    connection: extensions.connection, source: str, stream: str, run_id: str, now: datetime, *, redrive: bool = False
) -> Batch:
    """Wait for the stream's lock and record that a batch is running; both outlive the commit made here.

    The locks belong to the session: a process that dies frees them. A batch still marked running is then one that died.
    """
    with connection.cursor() as cursor:
        # A build reads what came after the newest batch that it has seen. It waits for every batch that has a number,
        # and none gets one while it runs: otherwise a lower number could commit behind a higher one, and stay unread.
        cursor.execute("select pg_advisory_lock_shared(hashtext(%s))", [BUILD])
        cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [f"forewarn.land {source}.{stream}"])
        cursor.execute(
            "update ops.batch set status = 'failed', finished_at = %s, error = 'the process ended before the batch did'"
            " where source = %s and stream = %s and status = 'running'",
            [now, source, stream],
        )
        cursor.execute("select cursor_value from ops.watermark where source = %s and stream = %s", [source, stream])
        watermark = (cursor.fetchone() or [None])[0]
        cursor.execute(
            "insert into ops.batch (source, stream, run_id, started_at, status, watermark_before, redrive)"
            " values (%s, %s, %s, %s, 'running', %s, %s) returning batch_id",
            [source, stream, run_id, now, watermark, redrive],
        )
        (batch_id,) = cursor.fetchone() or (0,)
    connection.commit()
    return Batch(batch_id, source, stream, run_id, watermark_before=watermark, watermark_after=watermark)


def record_landed(cursor: extensions.cursor, batch: Batch, now: datetime) -> None:
    """Record counts and watermark, in the transaction that holds the rows.

    Raises
    ------
    ForewarnError
        The counts do not add up: rows would have been lost silently.
    """
    accounted = batch.rows_loaded + batch.rows_quarantined + batch.rows_deduplicated
    if batch.rows_in != accounted:
        raise ForewarnError(
            f"{batch.source}.{batch.stream}",
            expected=f"{batch.rows_in} rows accounted for",
            got=f"{batch.rows_loaded} loaded + {batch.rows_quarantined} quarantined"
            f" + {batch.rows_deduplicated} de-duplicated = {accounted}",
            next_step="nothing was landed; report this with the batch's number",
        )
    cursor.execute(
        "update ops.batch set status = 'landed', finished_at = %s, rows_in = %s, rows_loaded = %s,"
        " rows_quarantined = %s, rows_deduplicated = %s, rows_removed = %s, complete = %s, keys_compared = %s,"
        " watermark_after = %s where batch_id = %s",
        [
            now,
            batch.rows_in,
            batch.rows_loaded,
            batch.rows_quarantined,
            batch.rows_deduplicated,
            batch.rows_removed,
            batch.complete,
            batch.keys_compared,
            batch.watermark_after,
            batch.batch_id,
        ],
    )
    if batch.watermark_after is not None:
        cursor.execute(
            "insert into ops.watermark (source, stream, cursor_value, batch_id, advanced_at)"
            " values (%s, %s, %s, %s, %s)"
            " on conflict (source, stream) do update set cursor_value = excluded.cursor_value,"
            " batch_id = excluded.batch_id, advanced_at = excluded.advanced_at",
            [batch.source, batch.stream, batch.watermark_after, batch.batch_id, now],
        )


def record_failed(connection: extensions.connection, batch: Batch, error: BaseException, now: datetime) -> None:
    """Take back what the batch did, and say why it failed and what to do."""
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(
            "update ops.batch set status = 'failed', finished_at = %s, error = %s, next_step = %s, transient = %s"
            " where batch_id = %s",
            [
                now,
                (str(error) or type(error).__name__)[:4000],
                getattr(error, "next_step", None) or None,
                not isinstance(error, Permanent),
                batch.batch_id,
            ],
        )
    connection.commit()
