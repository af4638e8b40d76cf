"""Which streams are later than they promised, and what rests on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2 import extensions

from forewarn.errors import SourceRejected
from forewarn.sources.model import FileStream, Source, Stream

# A cursor value that tells a moment or a day, as landing writes it down.
_DAY = r"^\d{4}-\d\d-\d\d$"
_MOMENT = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?$"


@dataclass(frozen=True)
class Late:
    """A stream whose data are late.

    Attributes
    ----------
    since : datetime
        When the promise was broken; of a stream that never arrived, when it was first asked.
    arrived_at : datetime or None
        When something came last; of a frozen stream, what its newest row says of itself.
    promise : timedelta or None
        The stream's `freshness.warn_after`; of a frozen one `newest_within`.
    entities : frozenset of str
        Canonical entities that the stream feeds.
    """

    source: str
    stream: str
    since: datetime
    arrived_at: datetime | None
    promise: timedelta | None
    entities: frozenset[str]


def arrivals(
    cursor: extensions.cursor, sources: Mapping[str, Source], *, ended: bool
) -> dict[tuple[str, str], datetime]:
    """Return when each stream last arrived, for those that ever did.

    A database or server has arrived when it answered, be it without anything new. Of files, a folder that is looked
    into proves nothing: a file must have come whose content is new, unless the data have `ended` on a day of their own
    and no more are to come.
    """
    cursor.execute(
        "select source, stream, max(finished_at) from ops.batch where status = 'landed' and not redrive"
        " group by source, stream"
    )
    answered = {(source, stream): at for source, stream, at in cursor.fetchall()}
    cursor.execute(
        "select file.source, file.stream, max(batch.finished_at) from ops.landed_file as file"
        " join ops.batch as batch using (batch_id) where file.outcome = 'landed' and batch.status = 'landed'"
        " group by file.source, file.stream"
    )
    delivered = {(source, stream): at for source, stream, at in cursor.fetchall()}
    found: dict[tuple[str, str], datetime] = {}
    for name, source in sources.items():
        for stream, spec in source.streams.items():
            if at := (delivered if isinstance(spec, FileStream) and not ended else answered).get((name, stream)):
                found[name, stream] = at
    return found


def demand_moment(subject: str, stream: Stream, newest_value: str | None) -> None:
    """Refuse a stream that promises how old its newest row may be, and whose cursor does not tell.

    Raises
    ------
    SourceRejected
        The newest value of the cursor is neither a moment nor a day.
    """
    if stream.freshness.newest_within is None or newest_value is None or re.match(_MOMENT, newest_value):
        return
    raise SourceRejected(
        f"{subject}: freshness.newest_within",
        expected=f"a cursor of moments or days, whose age can be told (`{stream.cursor}`)",
        got=f"{newest_value[:40]!r} as its newest value",
        next_step="name a timestamp column as `cursor`, give its type under `columns`, or remove `newest_within`",
    )


def newest(cursor: extensions.cursor, sources: Mapping[str, Source]) -> dict[tuple[str, str], datetime]:
    """Return the newest moment that each stream tells of, by its own clock, for those that promise one.

    A day counts until its end. Landing refuses such a stream whose newest value is no moment (`demand_moment`).
    """
    cursor.execute(
        f"select source, stream, case when cursor_value ~ '{_DAY}' then"
        " (cursor_value || ' 00:00+00')::timestamptz + interval '1 day' else cursor_value::timestamptz end"
        f" from ops.watermark where cursor_value ~ '{_MOMENT}'"
    )
    known = {(source, stream): at for source, stream, at in cursor.fetchall()}
    promised = {
        (name, stream)
        for name, source in sources.items()
        for stream, spec in source.streams.items()
        if spec.freshness.newest_within is not None
    }
    return {one: at for one, at in known.items() if one in promised}


def late_streams(
    cursor: extensions.cursor, sources: Mapping[str, Source], now: datetime, *, ended_at: datetime | None = None
) -> list[Late]:
    """Return the streams that are later than they promised, and those that were asked and never arrived.

    The latter count whatever they promise: an empty table of theirs is no zero.

    Parameters
    ----------
    ended_at : datetime or None
        The moment at which the data of this installation end, whatever the wall clock says; see `arrivals`.
    """
    arrived = arrivals(cursor, sources, ended=ended_at is not None)
    told = newest(cursor, sources)
    cursor.execute("select source, stream, min(started_at) from ops.batch group by source, stream")
    asked = {(source, stream): at for source, stream, at in cursor.fetchall()}
    late = []
    for name, source in sources.items():
        for stream, spec in source.streams.items():
            last, promise = arrived.get((name, stream)), spec.freshness.warn_after
            at, within = told.get((name, stream)), spec.freshness.newest_within
            since = None
            if last is None:
                if isinstance(spec, FileStream) and spec.allow_empty and promise is None:
                    continue
                since = asked.get((name, stream))
            elif promise is not None and now - last > promise:
                since = last + promise
            elif at is not None and within is not None and (ended_at or now) - at > within:
                since, last, promise = at + within, at, within
            if since is not None:
                late.append(Late(name, stream, since, last, promise, frozenset(spec.entities)))
    return late
