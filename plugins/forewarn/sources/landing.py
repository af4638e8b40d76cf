"""Land what was extracted: copy, check, quarantine, de-duplicate, merge; all within the caller's transaction.

A table that has no row yet is copied into directly, which costs little more than the COPY itself; afterwards rows pass
through a temporary table. Each count comes from a statement of its own, so that their sum is a proof.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

import psycopg2
from psycopg2 import errors, extensions, sql

from forewarn.errors import SourceRejected
from forewarn.sources import erased, erased_parents
from forewarn.sources.batch import Batch
from forewarn.sources.checks import Check, any_fails, checks_of_text, checks_of_values, quarantine, without_no_day
from forewarn.sources.copy_rows import copy_csv, csv_chunks
from forewarn.sources.deletes import compare_keys, count_alive, record_marked, remove_missing, same, shrunk
from forewarn.sources.freshness import demand_moment
from forewarn.sources.model import FileStream, Source, Stream
from forewarn.sources.raw_tables import RawTable, add_own_columns, bring_to, definitions, record_changes
from forewarn.sources.reader import Extraction, NotPlain, Part, PartRejected, Reject
from forewarn.sources.repeats import refuse_uncounted

STAGE, TEXT = sql.Identifier("landing"), sql.Identifier("landing_text")


class Landing:
    """One batch on its way into one raw table."""

    def __init__(
        self,
        cursor: extensions.cursor,
        source: Source,
        stream_name: str,
        batch: Batch,
        now: datetime,
        *,
        compare_keys: bool = False,
    ) -> None:
        self.cursor, self.source, self.batch, self.now = cursor, source, batch, now
        self.compare_keys = compare_keys
        self.stream: Stream = source.streams[stream_name]
        self.rows_in = self.rows_quarantined = self.files = 0
        self.set_aside: dict[str, str] = {}

    def run(self, extraction: Extraction) -> Batch:
        """Land everything and return the batch with its counts; nothing is committed here."""
        cursor, batch = self.cursor, self.batch
        cursor.execute("set local timezone = %s", [self.source.time_zone])
        cursor.execute("select set_config('datestyle', %s, true)", [f"ISO, {self.stream.date_order.upper()}"])
        for part, reason in extraction.rejected:
            self._set_aside(part, reason)
        refuse_uncounted(cursor, self.source, batch.stream)
        if extraction.nothing_new or not extraction.columns:
            return dataclasses.replace(batch, quarantined_files=self.set_aside)
        table = bring_to(cursor, self.source, batch.stream, extraction.columns)
        record_changes(cursor, table, batch, self.now)
        self._open(table, extraction)
        target = table.identifier if table.empty else STAGE
        for part in extraction.parts:
            self._take(part, target, extraction)
        if self.rows_in == 0 and len(self.set_aside) < len(extraction.parts) + len(extraction.rejected):
            self._refuse_empty(extraction, table)
        self._forget(table, target)
        checks = checks_of_values(self.stream, table.columns, trusted=extraction.trusted)
        loaded, watermark, bad = self._count_and_watermark(target, table, checks)
        if bad:
            self.rows_quarantined += quarantine(cursor, target, list(table.columns), checks, batch=batch, now=self.now)
        duplicates = self._drop_duplicates(target, table)
        if bad or duplicates:
            loaded, watermark, _ = self._count_and_watermark(target, table)
        demand_moment(f"{batch.source}.{batch.stream}", self.stream, watermark)
        known = removed = 0
        compared = self.compare_keys and not self._has_unread
        if table.empty:
            self._close_direct(table)
        else:
            self._refuse_shrunk(extraction, table)
            if (self.stream.load_mode == "snapshot" or (compared and extraction.complete)) and not self._has_unread:
                cause = "missing from the snapshot" if self.stream.load_mode == "snapshot" else "missing from the keys"
                removed = remove_missing(cursor, table, self.stream, STAGE, batch=batch, cause=cause, now=self.now)
            known = self._drop_known(table)
            removed += record_marked(cursor, table, self.stream, STAGE, batch=batch, now=self.now)
            loaded = self._merge(table)
            if self.compare_keys and not extraction.complete:
                removed += compare_keys(cursor, table, self.stream, extraction, batch=batch, now=self.now)
                compared = True
        return dataclasses.replace(
            batch,
            rows_in=self.rows_in,
            rows_loaded=loaded,
            rows_quarantined=self.rows_quarantined,
            rows_deduplicated=duplicates + known,
            rows_removed=removed,
            complete=extraction.complete,
            keys_compared=compared,
            watermark_after=watermark,
            new_columns=[change.column for change in table.changes if change.kind == "new"],
            files=self.files,
            quarantined_files=self.set_aside,
        )

    # -- taking rows in

    def _open(self, table: RawTable, extraction: Extraction) -> None:
        if table.new:
            return
        if table.empty:
            self.cursor.execute(
                sql.SQL("alter table {0} alter _loaded_at set default {1}, alter _batch_id set default {2}").format(
                    table.identifier, sql.Literal(self.now), sql.Literal(self.batch.batch_id)
                )
            )
        else:
            self.cursor.execute(
                sql.SQL("create temporary table {} ({}) on commit drop").format(
                    STAGE, definitions({**table.all_columns, **extraction.columns})
                )
            )

    def _take(self, part: Part, target: sql.Composable, extraction: Extraction) -> None:
        """Copy one part the fast way; where a value does not fit, take it back and copy it the careful way."""
        self.cursor.execute("savepoint part")
        try:
            if part.copy is not None:
                try:
                    taken = part.copy(self.cursor, target)
                    self.rows_in += taken
                    self._landed(part, taken)
                    return
                except (psycopg2.DataError, UnicodeError, NotPlain):
                    if part.rows is None:
                        raise
                    self.cursor.execute("rollback to savepoint part")
            taken, bad = self._take_carefully(part, target, extraction)
        except PartRejected as rejected:
            self.cursor.execute("rollback to savepoint part")
            self._set_aside(part, str(rejected))
            return
        self.rows_in += taken
        self.rows_quarantined += bad
        self._landed(part, taken)

    def _take_carefully(self, part: Part, target: sql.Composable, extraction: Extraction) -> tuple[int, int]:
        if part.rows is None:
            return 0, 0
        types = {name: extraction.columns[name] for name in part.columns}
        self.cursor.execute(
            sql.SQL(
                "drop table if exists {0}; create temporary table {0} (_place text, _reason text, _content text, {1})"
                " on commit drop"
            ).format(TEXT, definitions(dict.fromkeys(types, "text")))
        )
        nothing = [None] * len(types)
        lines = (
            [item.place, item.reason, item.content, *nothing]
            if isinstance(item, Reject)
            else [item.place, None, None, *item.values]
            for item in part.rows()
        )
        taken = copy_csv(self.cursor, TEXT, ["_place", "_reason", "_content", *types], csv_chunks(lines))
        bad = quarantine(
            self.cursor, TEXT, list(types), checks_of_text(types), batch=self.batch, now=self.now, as_text=True
        )
        names = sql.SQL(", ").join(map(sql.Identifier, types))
        casts = sql.SQL(", ").join(
            sql.SQL("({})::{}").format(without_no_day(name, kind), sql.SQL(kind)) for name, kind in types.items()
        )
        self.cursor.execute(
            sql.SQL("insert into {} ({}) select {} from {} order by ctid").format(target, names, casts, TEXT)
        )
        return taken, bad

    def _landed(self, part: Part, rows: int) -> None:
        if part.sha256 is not None:
            self.files += 1
            if self.stream.load_mode != "snapshot":
                self._refuse_shrunk_file(part, rows)
            self._record_file(part, "landed", None, rows)

    def _set_aside(self, part: Part, reason: str) -> None:
        self.set_aside[part.name] = reason
        self._record_file(part, "quarantined", reason)

    def _record_file(self, part: Part, outcome: str, reason: str | None, rows: int | None = None) -> None:
        self.cursor.execute(
            "insert into ops.landed_file (source, stream, path, size_bytes, sha256, batch_id, outcome, reason, rows_in)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (source, stream, path, sha256) do update"
            " set batch_id = excluded.batch_id, outcome = excluded.outcome, reason = excluded.reason,"
            " rows_in = excluded.rows_in",
            [
                self.batch.source,
                self.batch.stream,
                part.name,
                part.size_bytes,
                part.sha256,
                self.batch.batch_id,
                outcome,
                reason,
                rows,
            ],
        )

    def _forget(self, table: RawTable, target: sql.Composable) -> None:
        """Empty what belongs to erased persons before anything else sees it."""
        if erased.anybody(self.cursor):
            own = {self.source.name: self.source}
            by_parents = list(erased_parents.of_parents(self.cursor, own, self.source, self.batch.stream))
            if belongs := erased.owned(self.source, self.batch.stream, table.columns, by_parents=by_parents):
                erased.empty_staged(self.cursor, target, belongs)
            erased.empty_quarantined(self.cursor, [self.batch.source], since_batch=self.batch.batch_id)

    # -- guards

    def _refuse_empty(self, extraction: Extraction, table: RawTable) -> None:
        # An empty drop takes nothing away from the drops before it; an empty whole would.
        harmless = table.empty or (isinstance(self.stream, FileStream) and self.stream.load_mode != "snapshot")
        if not extraction.whole or (self.stream.allow_empty and harmless):
            return
        had = 0 if table.empty else count_alive(self.cursor, table, self.stream, self.batch)
        raise SourceRejected(
            f"{self.batch.source}.{self.batch.stream}",
            expected=f"rows ({had} had landed before)" if had else "at least one row",
            got="an empty stream",
            next_step="what has landed is kept; look into the source"
            if had
            else "look into the source, or set `allow_empty: true` if it may have no rows yet",
        )

    def _refuse_shrunk(self, extraction: Extraction, table: RawTable) -> None:
        """Refuse a whole that lost more of its rows than it may: more likely a broken export than a fact."""
        if self.stream.load_mode == "snapshot":
            had = count_alive(self.cursor, table, self.stream, self.batch)
        elif extraction.complete:
            # Not the rows that have landed: a source may keep its last month only, and the warehouse keeps more.
            had = self._last("select rows_in - rows_quarantined from ops.batch where {} and complete and rows_in > 0")
        else:
            return
        usable = self.rows_in - self.rows_quarantined
        if usable < self.stream.min_share * had:
            got = f"{self.rows_in} rows, {self.rows_quarantined} of them unusable"
            raise shrunk(self.batch, self.stream, had=had, got=got)

    def _refuse_shrunk_file(self, part: Part, rows: int) -> None:
        """Refuse a file that was written anew with far fewer rows than it had."""
        had = self._last(
            "select rows_in from ops.landed_file where {} and outcome = 'landed' and path = %s and rows_in > 0",
            part.name,
        )
        if rows < self.stream.min_share * had:
            raise shrunk(self.batch, self.stream, had=had, got=f"{rows} rows in {part.name}")

    def _last(self, query: str, *parameters: str) -> int:
        """Return the figure of the newest batch that a query finds for this stream; 0 where there is none."""
        mine = "source = %s and stream = %s and batch_id <> %s"
        self.cursor.execute(
            query.format(mine) + " order by batch_id desc limit 1",
            [self.batch.source, self.batch.stream, self.batch.batch_id, *parameters],
        )
        return int((self.cursor.fetchone() or [0])[0] or 0)

    # -- settling what counts

    def _count_and_watermark(
        self, target: sql.Composable, table: RawTable, checks: Sequence[Check] = ()
    ) -> tuple[int, str | None, int]:
        """Return, from one scan, the rows, the highest cursor value, and how many rows fail a check.

        The value is never beyond the clock: a date in the future must not hide what follows.
        """
        bad = sql.SQL("count(*) filter (where {})").format(any_fails(checks)) if checks else sql.SQL("0")
        if self.stream.cursor is None:
            self.cursor.execute(sql.SQL("select count(*), {} from {}").format(bad, target))
            count, failing = self.cursor.fetchone() or (0, 0)
            return int(count), None, int(failing)
        kind = table.columns[self.stream.cursor]
        # Not least(): it passes over the NULL of a batch without rows, and would give the clock.
        bound = {"timestamptz": "{1}::timestamptz", "date": "({1}::timestamptz)::date"}.get(kind)
        limit = f"case when {{0}} > {bound} then {bound} else {{0}} end" if bound else "{0}"
        highest = sql.SQL("max({})").format(sql.Identifier(self.stream.cursor))
        bounded = sql.SQL(limit).format(highest, sql.Literal(self.now))
        before = sql.SQL("{}::{}").format(sql.Literal(self.batch.watermark_before), sql.SQL(kind))
        shown = sql.SQL(
            "to_char(w at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')" if kind == "timestamptz" else "w::text"
        )
        self.cursor.execute(
            sql.SQL("select n, {}, bad from (select count(*) as n, greatest({}, {}) as w, {} as bad from {}) x").format(
                shown, bounded, before, bad, target
            )
        )
        count, found, failing = self.cursor.fetchone() or (0, None, 0)
        return int(count), None if found is None else str(found), int(failing)

    def _drop_duplicates(self, target: sql.Composable, table: RawTable) -> int:
        """Leave one row per key: the newest by cursor, then the last that came. Returns how many went."""
        identity = table.identity(self.stream.key)
        index = sql.SQL("create unique index {} on {} ({})").format(
            sql.Identifier(table.index if table.empty else "landing_identity"), target, identity
        )
        # Mostly there are none, and the index that is needed anyway is the cheapest proof of it.
        self.cursor.execute("savepoint duplicates")
        try:
            self.cursor.execute(index)
            return 0
        except errors.UniqueViolation:
            self.cursor.execute("rollback to savepoint duplicates")
        newest = (
            [sql.SQL("{} desc nulls last").format(sql.Identifier(self.stream.cursor))] if self.stream.cursor else []
        )
        self.cursor.execute(
            sql.SQL(
                "delete from {target} as kept using (select ctid as row_id, row_number() over (partition by {identity}"
                " order by {order}) as version from {target}) as ranked"
                " where kept.ctid = ranked.row_id and ranked.version > 1"
            ).format(target=target, identity=identity, order=sql.SQL(", ").join([*newest, sql.SQL("ctid desc")]))
        )
        dropped = int(self.cursor.rowcount)
        self.cursor.execute(index)
        return dropped

    @property
    def _has_unread(self) -> bool:
        """Whether some rows could not be read: their records may still be there, so nothing counts as missing."""
        return bool(self.rows_quarantined or self.set_aside)

    def _drop_known(self, table: RawTable) -> int:
        """Drop what the warehouse has already, in this version or a newer; of equal cursors the one read last wins."""
        newer: list[sql.Composable] = [sql.SQL("false")]
        if self.stream.key and self.stream.load_mode != "append":
            pairs = (
                sql.SQL("{} is distinct from {}").format(sql.Identifier("landing", name), sql.Identifier("kept", name))
                for name in table.columns
            )
            newer = [sql.SQL("({})").format(sql.SQL(" or ").join(pairs))]
            if self.stream.cursor:
                ours, theirs = (sql.Identifier(alias, self.stream.cursor) for alias in ("landing", "kept"))
                newer.append(sql.SQL("({1} is null or {0} >= {1})").format(ours, theirs))
        known = sql.SQL("delete from {} as landing using {} as kept where {} and ({}) is not true").format(
            STAGE, table.identifier, same(table, self.stream), sql.SQL(" and ").join(newer)
        )
        dropped = 0
        if last := self._small_batch_before():
            # Most of what comes again came with that one. Its rows lie together, and what they replaced is passed by.
            self.cursor.execute(known + sql.SQL(" and kept._batch_id = {}").format(sql.Literal(last)))
            dropped = int(self.cursor.rowcount)
        self.cursor.execute(known)
        return dropped + int(self.cursor.rowcount)

    def _small_batch_before(self) -> int | None:
        """Return the batch that landed before this one, where it landed no more rows; a first landing is none."""
        self.cursor.execute(
            "select batch_id from ops.watermark inner join ops.batch using (batch_id, source, stream)"
            " where source = %s and stream = %s and watermark_before is not null and rows_loaded between 1 and %s",
            [self.batch.source, self.batch.stream, self.rows_in],
        )
        found: int | None = (self.cursor.fetchone() or (None,))[0]
        return found

    def _merge(self, table: RawTable) -> int:
        names = [sql.Identifier(name) for name in table.columns]
        own = [sql.Identifier("_loaded_at"), sql.Identifier("_batch_id")]
        changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in [*names, *own])
        self.cursor.execute(
            sql.SQL(
                "insert into {} ({}) select {}, {}, {} from {} order by ctid on conflict ({}) do update set {}"
            ).format(
                table.identifier,
                sql.SQL(", ").join([*names, *own]),
                sql.SQL(", ").join(names),
                sql.Literal(self.now),
                sql.Literal(self.batch.batch_id),
                STAGE,
                table.identity(self.stream.key),
                changes,
            )
        )
        return int(self.cursor.rowcount)

    def _close_direct(self, table: RawTable) -> None:
        if table.new:
            add_own_columns(
                self.cursor, table.identifier, table.columns, loaded_at=self.now, batch_id=self.batch.batch_id
            )
        else:
            self.cursor.execute(
                sql.SQL("alter table {} alter _loaded_at drop default, alter _batch_id drop default").format(
                    table.identifier
                )
            )
        # From here on a build reads what is new; until now everything is.
        self.cursor.execute(
            "select ops.follow(%s::regclass, %s)", [table.identifier.as_string(self.cursor), self.batch.batch_id]
        )
