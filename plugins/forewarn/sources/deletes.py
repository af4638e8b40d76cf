"""Records that the source deleted: found by comparing keys, or told by a mark; `ops.tombstone` names each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2 import extensions, sql

from forewarn.errors import SourceRejected
from forewarn.sources.checks import deletion_mark
from forewarn.sources.column_types import personal_columns, plain_columns
from forewarn.sources.raw_tables import RawTable, definitions
from forewarn.sources.reader import Extraction

if TYPE_CHECKING:
    from forewarn.sources.batch import Batch
    from forewarn.sources.model import Source, Stream

_KEYS = sql.Identifier("landing_keys")


def is_comparison_due(cursor: extensions.cursor, source: Source, stream: str, now: datetime) -> bool:
    """Whether the keys of a stream have not been compared for as long as its configuration allows."""
    every = source.streams[stream].deletes.compare_keys_every
    if every is None:
        return False
    cursor.execute(
        "select max(started_at) from ops.batch where source = %s and stream = %s and keys_compared"
        " and status = 'landed'",
        [source.name, stream],
    )
    last = (cursor.fetchone() or [None])[0]
    return last is None or last + every <= now


def remove_missing(
    cursor: extensions.cursor,
    table: RawTable,
    stream: Stream,
    present: sql.Composable,
    *,
    batch: Batch,
    cause: str,
    now: datetime,
) -> int:
    """Remove rows that are not among those present, and put a tombstone for each; returns how many.

    Rows of what customers did stay, without what is personal in them: their source has forgotten them, nobody has said
    that they were not so (decision 0036).
    """
    missing = sql.SQL("not exists (select from {} as landing where {})").format(present, same(table, stream))
    if not stream.keeps_missing:
        gone = sql.SQL("delete from {} as kept where {} returning {}").format(
            table.identifier, missing, _key(table, stream, "kept")
        )
        return _bury(cursor, gone, batch=batch, cause=cause, now=now)
    gone = sql.SQL("select {} from {} as kept where {} and not {}").format(
        _key(table, stream, "kept"), table.identifier, missing, _is_buried(table, stream, batch.source, batch.stream)
    )
    buried = _bury(cursor, gone, batch=batch, cause=cause, now=now)
    personal = sorted((personal_columns(stream) - plain_columns(stream)) & set(table.all_columns))
    if buried and personal:
        cursor.execute(
            sql.SQL("update {} as kept set {} from ops.tombstone as stone where {} and stone.batch_id = {}").format(
                table.identifier,
                sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(name)) for name in personal),
                _has_stone(table, stream, batch.source, batch.stream),
                sql.Literal(batch.batch_id),
            )
        )
    return buried


def compare_keys(
    cursor: extensions.cursor, table: RawTable, stream: Stream, extraction: Extraction, *, batch: Batch, now: datetime
) -> int:
    """Read every key of the source and remove what it no longer has.

    Raises
    ------
    SourceRejected
        The source has lost so many of its rows that a broken export is likelier than deletions.
    """
    if extraction.copy_keys is None:
        raise TypeError(f"{batch.source}.{batch.stream}: the extraction gives no keys")
    types = {key: table.all_columns[key] for key in stream.key}
    cursor.execute(sql.SQL("create temporary table {} ({}) on commit drop").format(_KEYS, definitions(types)))
    there = extraction.copy_keys(cursor, _KEYS)
    cursor.execute(sql.SQL("analyze {}").format(_KEYS))
    had = count_alive(cursor, table, stream, batch)
    if there < stream.min_share * had:
        raise shrunk(batch, stream, had=had, got=f"{there} keys")
    return remove_missing(cursor, table, stream, _KEYS, batch=batch, cause="missing from the keys", now=now)


def record_marked(
    cursor: extensions.cursor, table: RawTable, stream: Stream, landing: sql.Composable, *, batch: Batch, now: datetime
) -> int:
    """Put a tombstone for each record that the batch marks as deleted and that was alive so far; returns how many."""
    new, old = deletion_mark(stream, table.columns, "landing"), deletion_mark(stream, table.columns, "kept")
    if new is None or old is None:
        return 0
    return _bury(
        cursor,
        sql.SQL("select {} from {} as landing inner join {} as kept on {} where ({}) and ({}) is not true").format(
            _key(table, stream, "kept"), landing, table.identifier, same(table, stream), new, old
        ),
        batch=batch,
        cause="marked by the source",
        now=now,
    )


def count_alive(cursor: extensions.cursor, table: RawTable, stream: Stream, batch: Batch) -> int:
    """Return the rows of a raw table whose records the source has not deleted."""
    mark = deletion_mark(stream, table.all_columns, "kept")
    alive = [sql.SQL("true") if mark is None else sql.SQL("({}) is not true").format(mark)]
    if stream.keeps_missing:
        alive.append(sql.SQL("not {}").format(_is_buried(table, stream, batch.source, batch.stream)))
    where = sql.SQL(" and ").join(alive)
    cursor.execute(sql.SQL("select count(*) from {} as kept where {}").format(table.identifier, where))
    return int((cursor.fetchone() or [0])[0])


def shrunk(batch: Batch, stream: Stream, *, had: int, got: str) -> SourceRejected:
    """Return the error of a stream that lost more of its rows than it may."""
    share = "half" if stream.min_share == 0.5 else f"{stream.min_share:.0%}"
    return SourceRejected(
        f"{batch.source}.{batch.stream}",
        expected=f"at least {share} of the {had} rows of last time",
        got=got,
        next_step="what has landed is kept; look into the source, or accept it once with a smaller `min_share`, or by "
        f"`forewarn source reset {batch.source} {batch.stream}`",
    )


def same(table: RawTable, stream: Stream) -> sql.Composable:
    """Return the condition that `landing` and `kept` are versions of one record."""
    return sql.SQL("({}) = ({})").format(table.identity(stream.key, "landing"), table.identity(stream.key, "kept"))


def _is_buried(table: RawTable, stream: Stream, source: str, name: str) -> sql.Composable:
    """Return the condition that a row was found missing and has not come again since."""
    return sql.SQL("exists (select from ops.tombstone as stone where {} and stone.batch_id > kept._batch_id)").format(
        _has_stone(table, stream, source, name)
    )


def _has_stone(table: RawTable, stream: Stream, source: str, name: str) -> sql.Composable:
    return sql.SQL("stone.source = {} and stone.stream = {} and stone.key = {}").format(
        sql.Literal(source), sql.Literal(name), _key_value(table, stream, "kept")
    )


def _key(table: RawTable, stream: Stream, alias: str) -> sql.Composable:
    return sql.SQL("{} as key").format(_key_value(table, stream, alias))


def _key_value(table: RawTable, stream: Stream, alias: str) -> sql.Composable:
    if not stream.key:
        return sql.SQL("jsonb_build_object('_row_hash', encode({}, 'hex'))").format(table.identity([], alias))
    pairs = [sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(alias, name)) for name in stream.key]
    return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def _bury(cursor: extensions.cursor, gone: sql.Composable, *, batch: Batch, cause: str, now: datetime) -> int:
    cursor.execute(
        sql.SQL(
            "with gone as ({}) insert into ops.tombstone (source, stream, key, batch_id, cause, removed_at)"
            " select {}, {}, key, {}, {}, {} from gone"
        ).format(gone, *map(sql.Literal, (batch.source, batch.stream, batch.batch_id, cause, now)))
    )
    return int(cursor.rowcount)
