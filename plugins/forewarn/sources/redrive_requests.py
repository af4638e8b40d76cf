"""Who asked that rows of a stream be tried again, and what became of it: `ops.redrive_request`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2 import extensions

from forewarn.errors import ForewarnError
from forewarn.warehouse.engine import connect

if TYPE_CHECKING:
    from forewarn.config.settings import Settings
    from forewarn.sources.model import Source
    from forewarn.sources.redrive import Redriven


def ask(cursor: extensions.cursor, source: str, stream: str, *, reason: str, by: str, now: datetime) -> bool:
    """Ask that the rows of a stream be tried again; False where somebody has asked already. The caller commits."""
    cursor.execute(
        "insert into ops.redrive_request (source, stream, reason, asked_by, asked_at) values (%s, %s, %s, %s, %s)"
        " on conflict do nothing",
        [source, stream, reason, by, now],
    )
    return bool(cursor.rowcount)


def waiting(cursor: extensions.cursor) -> list[tuple[str, str]]:
    """Return the source and stream of each request that waits, the oldest first."""
    cursor.execute("select source, stream from ops.redrive_request where done_at is null order by request_id")
    return [(source, stream) for source, stream in cursor.fetchall()]


def carry_out(settings: Settings, source: Source, stream: str, *, now: datetime) -> Redriven | None:
    """Do what was asked for of a stream, and keep what became of it; None where nobody asked.

    Raises
    ------
    ForewarnError
        As `redrive` raises it; the request is then done, with the error as its outcome.
    """
    from forewarn.sources.redrive import redrive

    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select request_id from ops.redrive_request where source = %s and stream = %s and done_at is null",
            [source.name, stream],
        )
        row = cursor.fetchone()
        connection.rollback()
        if row is None:
            return None
        try:
            done = redrive(settings, source, stream, run_id=f"redrive:{row[0]}", now=now)
        except ForewarnError as error:
            cursor.execute(
                "update ops.redrive_request set done_at = %s, outcome = %s where request_id = %s",
                [now, str(error)[:4000], row[0]],
            )
            connection.commit()
            raise
        cursor.execute(
            "update ops.redrive_request set done_at = %s, outcome = %s, batch_id = %s, rows_tried = %s,"
            " rows_landed = %s, rows_known = %s, rows_set_aside = %s, rows_kept = %s where request_id = %s",
            [
                now,
                str(done),
                done.batch_id,
                done.tried,
                done.landed,
                done.known,
                done.set_aside,
                sum(done.kept.values()) + done.waiting,
                row[0],
            ],
        )
        connection.commit()
    return done
