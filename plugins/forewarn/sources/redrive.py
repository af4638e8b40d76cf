"""Try again what landing set aside: the same checks, a batch of its own, and a request that says who asked and why."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg2 import extensions

from forewarn.config.settings import Settings
from forewarn.sources.batch import Batch
from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.extract import land, stream_of
from forewarn.sources.landing import Landing
from forewarn.sources.model import Source
from forewarn.sources.raw_tables import known_columns
from forewarn.sources.reader import Extraction, Part, Reject, Row
from forewarn.sources.rows_as_parts import part_of_rows
from forewarn.sources.set_aside import SetAside, as_texts, columns_of, place_of, set_aside
from forewarn.sources.sql_tables import plain_row
from forewarn.warehouse.engine import connect


@dataclass(frozen=True)
class Redriven:
    """What became of the rows of one stream that were set aside; tried = landed + known + set_aside.

    Attributes
    ----------
    known : int
        Rows that the warehouse had already, in this version or a newer one; they leave the quarantine too.
    set_aside : int
        Rows that failed again.
    kept : dict
        Why rows could not be tried → how many.
    waiting : int
        Rows beyond the most that are tried at once.
    """

    tried: int
    landed: int = 0
    known: int = 0
    set_aside: int = 0
    kept: dict[str, int] = dataclasses.field(default_factory=dict)
    waiting: int = 0
    batch_id: int | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        said = [f"{self.tried:,} rows tried again"]
        if self.batch_id is not None:
            said.append(f"{self.landed:,} landed, {self.known:,} known already, {self.set_aside:,} set aside again")
        said += [f"{rows:,} kept: {why}" for why, rows in self.kept.items()]
        return "; ".join([*said, *([f"{self.waiting:,} wait for the next time"] if self.waiting else [])])


def preview(settings: Settings, source: Source, stream: str) -> Redriven:
    """Return how many rows would be tried, and why the others cannot be; nothing is changed."""
    stream_of(source, stream)
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        found = set_aside(cursor, source, stream)
    return Redriven(len(found.rows), kept=dict(found.kept), waiting=found.waiting)


def redrive(settings: Settings, source: Source, stream: str, *, run_id: str, now: datetime) -> Redriven:
    """Land again the rows of a stream that were set aside, by the mappings and types that it has now.

    Rows that land leave `quarantine.row`. Rows that fail again stay there with the reason of this time. The watermark
    stays: what the source has to give is asked for as before.

    Raises
    ------
    SourceRejected, Transient
        As `extract_stream` raises them; the quarantine is then as it was.
    """
    stream_of(source, stream)
    looked = SetAside({}, Counter(), 0)

    def take(cursor: extensions.cursor, batch: Batch) -> Batch:
        nonlocal looked
        looked = set_aside(cursor, source, stream)
        cursor.execute(
            "delete from quarantine.row where row_id = any(%s) returning quarantined_at", [list(looked.rows)]
        )
        since = min((at for (at,) in cursor.fetchall()), default=now)
        landed = Landing(cursor, _in_pieces(source, stream), stream, batch, now).run(
            _extraction(cursor, source, stream, looked)
        )
        # Trying again makes nothing younger: it goes when it would have gone (`retention.quarantine_days`).
        cursor.execute("update quarantine.row set quarantined_at = %s where batch_id = %s", [since, batch.batch_id])
        return dataclasses.replace(landed, watermark_after=None)

    if not (before := preview(settings, source, stream)).tried:
        return before
    landed = land(settings, source, stream, take, run_id=run_id, now=now, redrive=True)
    return Redriven(
        tried=landed.rows_in,
        landed=landed.rows_loaded,
        known=landed.rows_deduplicated,
        set_aside=landed.rows_quarantined,
        kept=dict(looked.kept),
        waiting=looked.waiting,
        batch_id=landed.batch_id,
    )


def _in_pieces(source: Source, stream: str) -> Source:
    """Return the source with the stream as one whose rows add to what has landed: a few rows are no snapshot."""
    found = source.streams[stream]
    if found.load_mode != "snapshot":
        return source
    merged = found.model_copy(update={"mode": None})
    return source.model_copy(update={"streams": {**source.streams, stream: merged}})


def _extraction(cursor: extensions.cursor, source: Source, stream: str, looked: SetAside) -> Extraction:
    spec = source.streams[stream]
    known, told = known_columns(cursor, source, stream), column_types(source, spec)
    columns = columns_of(looked.rows)
    names = dict.fromkeys([*known, *wanted_columns(spec), *columns])
    types = {name: told.get(name) or known.get(name) or "text" for name in names}

    def rows() -> Iterator[Row | Reject]:
        for row_id, content in looked.rows.items():
            yield plain_row(place_of(row_id, content), as_texts(content, columns))

    part: Part = part_of_rows("quarantine.row", columns, rows)
    return Extraction(types, [part] if looked.rows else [], whole=False)
