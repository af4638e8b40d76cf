"""The tables `raw_<source>.<stream>`: creating them, and growing them when a source gains a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions, sql

from forewarn.config.settings import Settings
from forewarn.errors import SourceRejected
from forewarn.sources.batch import Batch
from forewarn.sources.column_types import column_types, guessed_types, wanted_columns
from forewarn.sources.model import Source, Stream
from forewarn.warehouse.engine import connect

OWN = ("_loaded_at", "_batch_id", "_row_hash")
MAX_COLUMNS = 1_500
MAX_NAME_BYTES = 63


@dataclass(frozen=True)
class Change:
    """A column that the source gained (`new`), lost (`dropped`) or `retyped`; `effect` is `ignored` or `added`."""

    column: str
    kind: str
    was: str | None
    now_is: str | None
    effect: str = "ignored"


@dataclass(frozen=True)
class RawTable:
    """One raw table as it stands after it was brought to the batch's columns.

    Attributes
    ----------
    columns : dict
        Those of the batch's columns that land, with their PostgreSQL types.
    all_columns : dict
        Those of the table, in its order: columns that the source had before are among them.
    empty : bool
        No row has landed yet, so rows may be copied straight into it.
    new : bool
        This batch creates it; it lacks the columns of `add_own_columns` until its rows are there.
    changes : list of Change
        What the source changed without harm since the rows before landed.
    """

    schema: str
    name: str
    columns: dict[str, str]
    all_columns: dict[str, str]
    empty: bool
    new: bool
    changes: list[Change]

    def identity(self, key: Sequence[str], alias: str | None = None) -> sql.Composable:
        """Return what tells rows apart, as SQL: the key, or the hash of the whole row where there is none."""
        if not key:
            return row_hash(list(self.all_columns), alias)
        return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in key)

    @property
    def index(self) -> str:
        """Return the name of the unique index over the identity."""
        return f"{self.name}_identity"

    @property
    def identifier(self) -> sql.Identifier:
        """Return the quoted name."""
        return sql.Identifier(self.schema, self.name)


def row_hash(columns: list[str], table: str | None = None) -> sql.Composed:
    """Return the SQL of a row's hash: 16 bytes over all columns, computed by PostgreSQL's own hash functions."""
    row = sql.SQL(", ").join(sql.Identifier(table, name) if table else sql.Identifier(name) for name in columns)
    return sql.SQL(
        "(int8send(hash_record_extended(row({row}), 0)) || int8send(hash_record_extended(row({row}), 1)))"
    ).format(row=row)


def bring_to(cursor: extensions.cursor, source: Source, stream: str, columns: Mapping[str, str]) -> RawTable:
    """Create the raw table of a stream, or compare it with the columns that the source has now.

    The columns of the first landing are the contract. A new column lands when the configuration asks for it, and is
    ignored otherwise, as is a change of a column that nothing reads. A table without rows takes the source's types.

    Raises
    ------
    SourceRejected
        A column that is read changed its type, the key changed, or there are more columns than a table can hold.
    """
    _check_names(source, stream, columns)
    cursor.execute("select ops.make_raw_schema(%s)", [source.schema_name])
    existing = _existing(cursor, source.schema_name, stream)
    identifier = sql.Identifier(source.schema_name, stream)
    key = source.streams[stream].key
    if existing is not None:
        cursor.execute(sql.SQL("select exists (select from {})").format(identifier))
        if (cursor.fetchone() or [False])[0]:
            return _grow(cursor, source, stream, columns, existing)
        if any(existing.get(name) != kind for name, kind in columns.items()):
            # Views on a table that never had a row come back with the next build.
            cursor.execute(sql.SQL("drop table {} cascade").format(identifier))
            existing = None
    if new := existing is None:
        _create(cursor, identifier, columns)
    whole = existing or dict(columns)
    table = RawTable(source.schema_name, stream, dict(columns), whole, empty=True, new=new, changes=[])
    # Loading fills the table first and builds the index once.
    cursor.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(source.schema_name, table.index)))
    cursor.execute(sql.SQL("comment on table {} is {}").format(identifier, sql.Literal(_identity_note(key))))
    return table


def _grow(
    cursor: extensions.cursor,
    source: Source,
    stream: str,
    columns: Mapping[str, str],
    existing: dict[str, str],
) -> RawTable:
    identifier, key = sql.Identifier(source.schema_name, stream), source.streams[stream].key
    reset = f"`forewarn source reset {source.name} {stream}`"
    cursor.execute("select obj_description(%s::regclass)", [identifier.as_string(cursor)])
    if (note := (cursor.fetchone() or [None])[0]) not in (None, _identity_note(key)):
        raise SourceRejected(
            f"{source.name}.{stream}: key",
            expected=f"as it has landed so far ({note})",
            got=_identity_note(key),
            next_step=f"put the key back, or load the stream anew: {reset}",
        )
    # Without a key, rows are told apart by all of their columns.
    read = (
        set(wanted_columns(source.streams[stream]))
        if key
        else set(existing) | set(wanted_columns(source.streams[stream]))
    )
    changes = []
    for name, kind in columns.items():
        if existing.get(name, kind) == kind:
            continue
        if name not in read:
            changes.append(Change(name, "retyped", existing[name], kind))
        else:
            raise SourceRejected(
                f"{source.name}.{stream}: column {name}",
                expected=f"{existing[name]}, as it has landed so far",
                got=kind,
                next_step=f"mend the source, or accept the new type and load the stream anew: {reset}",
            )
    if source.kind != "rest":
        # Records in JSON may leave out what is empty.
        changes += [Change(name, "dropped", kind, None) for name, kind in existing.items() if name not in columns]
    added = {name: kind for name, kind in columns.items() if name not in existing and name in read}
    changes += [
        Change(name, "new", None, kind, "added" if name in added else "ignored")
        for name, kind in columns.items()
        if name not in existing
    ]
    whole = {**existing, **added}
    lands = {name: kind for name, kind in columns.items() if whole.get(name) == kind}
    table = RawTable(source.schema_name, stream, lands, whole, empty=False, new=False, changes=changes)
    if added:
        _add(cursor, table, list(added), key)
    return table


def record_changes(cursor: extensions.cursor, table: RawTable, batch: Batch, now: datetime) -> None:
    """Record columns that changed without harm in `ops.column_change`, once each with when it was seen last."""
    for change in table.changes:
        cursor.execute(
            "insert into ops.column_change (source, stream, column_name, change, was, now_is, effect, batch_id,"
            " first_seen_at, last_seen_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " on conflict (source, stream, column_name, change) do update set now_is = excluded.now_is,"
            " effect = excluded.effect, last_seen_at = excluded.last_seen_at",
            [
                batch.source,
                batch.stream,
                change.column,
                change.kind,
                change.was,
                change.now_is,
                change.effect,
                batch.batch_id,
                now,
                now,
            ],
        )


def _identity_note(key: Sequence[str]) -> str:
    return f"One row per {', '.join(key)}." if key else "One row per distinct source row."


def known_columns(cursor: extensions.cursor, source: Source, stream: str) -> dict[str, str]:
    """Return the source columns that a stream's raw table has, with their types; none when there is no table."""
    return _existing(cursor, source.schema_name, stream) or {}


def ensure_raw_tables(settings: Settings, sources: Mapping[str, Source]) -> None:
    """Create an empty raw table for each stream that has never landed, so that dbt can always build."""
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        for source in sources.values():
            cursor.execute("select ops.make_raw_schema(%s)", [source.schema_name])
            for name, stream in source.streams.items():
                if _existing(cursor, source.schema_name, name) is None:
                    identifier, columns = sql.Identifier(source.schema_name, name), _expected(source, stream)
                    _create(cursor, identifier, columns)
                    add_own_columns(cursor, identifier, columns)
        connection.commit()


def reset_stream(settings: Settings, source: Source, stream: str) -> None:
    """Forget everything that has landed of a stream: rows, watermark, files read; the next run loads it anew.

    What does not come back leaves no trace in the warehouse, so that the next build is from nothing.
    """
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("update ops.warehouse_build set built_from = null")
        cursor.execute(sql.SQL("drop table if exists {} cascade").format(sql.Identifier(source.schema_name, stream)))
        for table in ("watermark", "landed_file"):
            cursor.execute(
                sql.SQL("delete from {} where source = %s and stream = %s").format(sql.Identifier("ops", table)),
                [source.name, stream],
            )
        connection.commit()


def _expected(source: Source, stream: Stream) -> dict[str, str]:
    guesses = guessed_types(stream)
    return {name: kind or guesses.get(name, "text") for name, kind in column_types(source, stream).items()}


def _check_names(source: Source, stream: str, columns: Mapping[str, str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise SourceRejected(
            f"{source.name}.{stream}",
            expected=f"at most {MAX_COLUMNS} columns",
            got=str(len(columns)),
            next_step="point the stream at a view or file with the columns that matter",
        )
    for name in columns:
        if name in OWN or not name or len(name.encode()) > MAX_NAME_BYTES or "\0" in name:
            raise SourceRejected(
                f"{source.name}.{stream}",
                expected=f"column names of 1 to {MAX_NAME_BYTES} bytes, other than {', '.join(OWN)}",
                got=repr(name[:80]),
                next_step="rename the column in the source",
            )


def _existing(cursor: extensions.cursor, schema: str, table: str) -> dict[str, str] | None:
    cursor.execute(
        "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a"
        " join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relname = %s and a.attnum > 0"
        " and not a.attisdropped order by a.attnum",
        [schema, table],
    )
    found: dict[str, str] = dict(cursor.fetchall())
    names = {"timestamp with time zone": "timestamptz"}
    return {name: names.get(kind, kind) for name, kind in found.items() if name not in OWN} if found else None


def _create(cursor: extensions.cursor, identifier: sql.Identifier, columns: Mapping[str, str]) -> None:
    cursor.execute(sql.SQL("create table {} ({})").format(identifier, definitions(columns)))


def add_own_columns(
    cursor: extensions.cursor,
    identifier: sql.Identifier,
    columns: Mapping[str, str],
    *,
    loaded_at: datetime | None = None,
    batch_id: int | None = None,
) -> None:
    """Give a table of the source's columns those that say when each row landed, with which batch, and its hash.

    Rows that are there already are not written for it: PostgreSQL keeps what they have in a new column in the
    catalogue, once for all of them. Later rows must bring their own.
    """
    # The hash costs nothing until somebody reads it, and follows the columns.
    cursor.execute(
        sql.SQL(
            "alter table {0} add _loaded_at timestamptz not null default {1},"
            " add _batch_id bigint not null default {2}, add _row_hash bytea generated always as ({3}) virtual;"
            " alter table {0} alter _loaded_at drop default, alter _batch_id drop default"
        ).format(identifier, sql.Literal(loaded_at), sql.Literal(batch_id), row_hash(list(columns)))
    )


def _add(cursor: extensions.cursor, table: RawTable, added: Sequence[str], key: Sequence[str]) -> None:
    for name in added:
        cursor.execute(
            sql.SQL("alter table {} add column {} {}").format(
                table.identifier, sql.Identifier(name), sql.SQL(table.columns[name])
            )
        )
    cursor.execute(
        sql.SQL("alter table {} alter column _row_hash set expression as ({})").format(
            table.identifier, row_hash(list(table.all_columns))
        )
    )
    if not key:
        cursor.execute(sql.SQL("drop index {}").format(sql.Identifier(table.schema, table.index)))
        cursor.execute(
            sql.SQL("create unique index {} on {} ({})").format(
                sql.Identifier(table.index), table.identifier, table.identity(key)
            )
        )


def definitions(columns: Mapping[str, str]) -> sql.Composed:
    """Return the column list of a `create table`."""
    return sql.SQL(", ").join(sql.Identifier(name) + sql.SQL(f" {kind}") for name, kind in columns.items())
