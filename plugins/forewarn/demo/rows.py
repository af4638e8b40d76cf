"""Rows of source systems as Arrow tables in which every version of a row knows from when to when it is current."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forewarn.demo.world import NEVER, Flags, Integers, Moments, World

UPDATED = "updated_at"
UNTIL = "_until"
DAY = 86_400


def versions(columns: Mapping[str, Any], updated: Moments, until: Moments | None = None) -> pa.Table:
    """Return rows that the source wrote at `updated` and replaced at `until` (never, by default)."""
    arrays = {name: _array(values) for name, values in columns.items()}
    arrays[UPDATED] = _array(updated)
    arrays[UNTIL] = _array(np.full(len(updated), NEVER) if until is None else until)
    return pa.table(arrays)


def known_before(table: pa.Table, moment: np.datetime64) -> pa.Table:
    """Return each row's version that was current at the end of the time before `moment`."""
    updated, until = _numpy(table, UPDATED), _numpy(table, UNTIL)
    return table.filter(pa.array((updated < moment) & (until >= moment))).drop_columns([UNTIL])


def changed_on(table: pa.Table, day: date) -> pa.Table:
    """Return the versions written on a day that are still current at its end."""
    start = np.datetime64(day, "s")
    end = start + DAY
    updated, until = _numpy(table, UPDATED), _numpy(table, UNTIL)
    return table.filter(pa.array((updated >= start) & (updated < end) & (until >= end))).drop_columns([UNTIL])


def written_from(table: pa.Table, moment: np.datetime64) -> pa.Table:
    """Return the versions that are written at `moment` or later, in order of time."""
    later = table.filter(pa.array(_numpy(table, UPDATED) >= moment))
    return later.sort_by([(UPDATED, "ascending")])


def moments(world: World, day: Any, seconds: Any = 0) -> Moments:
    """Return days counted from the world's first, with seconds after midnight, as moments."""
    whole = np.asarray(day, dtype=np.int64) * DAY + np.asarray(seconds, dtype=np.int64)
    return world.start + whole.astype("timedelta64[s]")


def office_hours(random: np.random.Generator, n: int) -> Integers:
    """Return moments of a working day in seconds after midnight, (n,)."""
    return np.clip(random.normal(11.8, 2.3, n) * 3600, 7 * 3600, 19 * 3600).astype(np.int64)


def label(prefix: str, numbers: Any, width: int) -> pa.Array:
    """Return texts such as `C000042`."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def joined(*parts: Any) -> pa.Array:
    """Return the parts, arrays or constants, written one after the other."""
    return pc.binary_join_element_wise(*(part if isinstance(part, str) else _text(part) for part in parts), "")


def pick(words: Sequence[Any], indexes: Any) -> pa.Array:
    """Return the words at the indexes."""
    return pa.array(words).take(pa.array(indexes))


def optional(values: Any, present: Flags) -> pa.Array:
    """Return the values, missing where not present."""
    return pc.if_else(pa.array(present), _array(values), pa.scalar(None))


def _text(part: Any) -> pa.Array:
    array = _array(part)
    return array if pa.types.is_string(array.type) else pc.cast(array, pa.string())


def _array(values: Any) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    array = pa.array(values)
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("s")).cast(pa.timestamp("s", tz="UTC"))
    return array


def _numpy(table: pa.Table, name: str) -> Moments:
    values: Moments = table.column(name).cast(pa.timestamp("s")).to_numpy()
    return values.astype("datetime64[s]")
