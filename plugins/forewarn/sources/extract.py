"""Extract one stream and land it: one lock, one transaction, one row in `ops.batch`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime

import psycopg2
from psycopg2 import errors, extensions
from tenacity import Retrying, retry_if_exception_cause_type, stop_after_attempt

from forewarn.config.settings import Settings
from forewarn.config.yaml import did_you_mean
from forewarn.errors import ForewarnError, SourceRejected, SourceUnavailable, Transient
from forewarn.sources.batch import Batch, open_batch, record_failed, record_landed
from forewarn.sources.connections import Resolve, resolve, without_secrets
from forewarn.sources.deletes import is_comparison_due
from forewarn.sources.landing import Landing
from forewarn.sources.model import FileStream, RestSource, RestStream, Source, SqlStream
from forewarn.sources.raw_tables import known_columns
from forewarn.sources.reader import Extraction
from forewarn.warehouse.engine import connect
from forewarn.warehouse.lock import ATTEMPTS

Take = Callable[[extensions.cursor, Batch], Batch]

_log = logging.getLogger(__name__)


def extract_stream(
    settings: Settings, source: Source, stream: str, *, run_id: str, now: datetime, resolve: Resolve = resolve
) -> Batch:
    """Land what is new in one stream in `raw_<source>.<stream>`.

    Rows, quarantine, watermark, files and the batch's record are one transaction: a process that dies at any point
    leaves all of them or none. A second run of the same stream waits for the first. A deadlock or a serialization error
    costs one attempt, each with a batch of its own.

    Parameters
    ----------
    now : datetime
        Aware, in UTC; written as `_loaded_at`.
    resolve : callable
        Finds the URL of a connection by its name.

    Raises
    ------
    SourceRejected
        The source's answer cannot be used; retrying cannot help.
    SourceUnavailable
        The source did not answer; retrying may help.
    Transient
        The warehouse could not take the rows: its disk is full, other sessions kept conflicting, or it went away.
    """
    stream_of(source, stream)

    def take(cursor: extensions.cursor, batch: Batch) -> Batch:
        compare = is_comparison_due(cursor, source, stream, now)
        with open_stream(
            settings, source, stream, batch.watermark_before, cursor, resolve=resolve, compare=compare
        ) as extraction:
            return Landing(cursor, source, stream, batch, now, compare_keys=compare).run(extraction)

    landed = land(settings, source, stream, take, run_id=run_id, now=now)
    for path, reason in landed.quarantined_files.items():
        _log.warning("%s.%s: %s was set aside: %s", source.name, stream, path, reason)
    for column in landed.new_columns:
        _log.warning("%s.%s: the source has a new column %s; nothing maps it", source.name, stream, column)
    return landed


def land(
    settings: Settings, source: Source, stream: str, take: Take, *, run_id: str, now: datetime, redrive: bool = False
) -> Batch:
    """Let `take` land rows of a stream in a batch and a transaction of their own, anew after a deadlock."""
    for attempt in Retrying(
        retry=retry_if_exception_cause_type(extensions.TransactionRollbackError),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    ):
        with attempt:
            landed = _land(settings, source, stream, take, run_id=run_id, now=now, redrive=redrive)
    return landed


def _land(
    settings: Settings, source: Source, stream: str, take: Take, *, run_id: str, now: datetime, redrive: bool
) -> Batch:
    """Try once: a batch of its own, landed or failed."""
    with connect(settings.warehouse_url, application=f"forewarn.land {source.name}.{stream}"[:60]) as connection:
        batch = open_batch(connection, source.name, stream, run_id, now, redrive=redrive)
        try:
            with connection.cursor() as cursor:
                landed = take(cursor, batch)
                record_landed(cursor, landed, now)
            connection.commit()
        except psycopg2.OperationalError as error:
            named = _named(error, source, stream, gone=bool(connection.closed))
            # With the warehouse goes whatever was not committed; the stream's next batch says so of this one.
            raise (named if connection.closed else _fail(connection, batch, named, now)) from error
        except (psycopg2.DataError, errors.FeatureNotSupported) as error:
            raise _fail(connection, batch, _named(error, source, stream), now) from error
        except BaseException as error:
            if not connection.closed:
                record_failed(connection, batch, error, now)
            raise
    return landed


def stream_of(source: Source, stream: str) -> SqlStream | RestStream | FileStream:
    """Return a stream of a source by name.

    Raises
    ------
    SourceRejected
        There is none of that name.
    """
    found = source.streams.get(stream)
    if isinstance(found, SqlStream | RestStream | FileStream):
        return found
    raise SourceRejected(
        f"{source.name}.{stream}",
        expected=f"a stream of {source.file}",
        got="no such stream",
        next_step=did_you_mean(stream, list(source.streams)),
    )


def open_stream(
    settings: Settings,
    source: Source,
    name: str,
    watermark: str | None,
    cursor: extensions.cursor,
    *,
    resolve: Resolve,
    compare: bool = False,
) -> AbstractContextManager[Extraction]:
    """Open a stream for reading; `cursor` is the warehouse's, which knows what has landed before.

    `compare` asks for the key of every row as well.
    """
    stream = stream_of(source, name)
    if isinstance(stream, FileStream):
        from forewarn.sources.files import open_files

        return open_files(settings, source, stream, name, resolve=resolve, known=_known_files(cursor, source, name))
    url = resolve(source.connection or "", settings)
    if isinstance(stream, RestStream):
        from forewarn.sources.rest import open_endpoint

        if not isinstance(source, RestSource):
            raise TypeError(f"{source.name}: a REST stream in a source of kind {source.kind}")
        # A server gives no keys alone: to compare them, all of its records are read.
        since = None if compare else watermark
        return open_endpoint(url, source, stream, name, since, known=known_columns(cursor, source, name))
    from forewarn.sources import postgres, sql_tables

    if is_postgres(url):
        return postgres.open_table(url, source, stream, name, watermark, compare=compare)
    return sql_tables.open_table(url, source, stream, name, watermark, compare=compare)


def is_postgres(url: str) -> bool:
    """Whether a connection is a PostgreSQL database, which is read by COPY."""
    return url.startswith(("postgres://", "postgresql"))


def _known_files(cursor: extensions.cursor, source: Source, stream: str) -> set[tuple[str, str]]:
    cursor.execute("select path, sha256 from ops.landed_file where source = %s and stream = %s", [source.name, stream])
    return {(path, sha256) for path, sha256 in cursor.fetchall()}


def _named(error: psycopg2.Error, source: Source, stream: str, *, gone: bool = False) -> ForewarnError:
    """Say which stream a database's error is about; whether to retry follows from its kind."""
    kind: type[ForewarnError] = SourceUnavailable
    expected, next_step = "rows that can be copied", "nothing was landed; what had landed before is unchanged"
    match error:
        case errors.DiskFull():
            kind, expected = Transient, "space on the warehouse's disk"
            next_step = f"free space, then try again; {next_step}"
        case extensions.TransactionRollbackError():
            kind, expected = Transient, f"no conflict with another session in {ATTEMPTS} attempts"
            next_step = f"try again; {next_step}"
        case _ if gone:
            kind, expected, next_step = Transient, "a warehouse that stays up", f"try again; {next_step}"
        case psycopg2.OperationalError():
            pass
        case _:
            kind = SourceRejected
    return kind(
        f"{source.name}.{stream}",
        expected=expected,
        got=without_secrets(" ".join(str(error).split())[:500], ""),
        next_step=next_step,
    )


def _fail(connection: extensions.connection, batch: Batch, error: ForewarnError, now: datetime) -> ForewarnError:
    # On a full disk not even this can be written; the stream's next batch says then that this one has ended.
    with suppress(psycopg2.OperationalError):
        record_failed(connection, batch, error, now)
    return error
