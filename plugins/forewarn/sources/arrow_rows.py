"""COPY of whole columns, which Arrow words as CSV; a driver's rows are made into columns first."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg2 import extensions, sql

from forewarn.sources.copy_rows import copy_csv

if TYPE_CHECKING:
    import pyarrow as pa

_BYTES = (bytes, bytearray, memoryview)


def copy_columns(
    cursor: extensions.cursor,
    table: sql.Composable,
    names: Sequence[str],
    batches: Iterable[Sequence[pa.Array]],
) -> int:
    """Copy batches of equally long columns, in the order of `names`; return the number of rows.

    Raises
    ------
    psycopg2.DataError, UnicodeError
        A value does not fit its column, or is no text that PostgreSQL can hold.
    """
    return copy_csv(cursor, table, names, _csv(batches))


def columns_of(rows: Sequence[Sequence[Any]], kinds: Sequence[str]) -> list[pa.Array]:
    """Return the columns of a driver's rows, at least one; `kinds` are the PostgreSQL types that they land as.

    Columns of one kind of value go over as that, where PostgreSQL then reads what it would read in Python's wording.
    All others are text, worded by Python value for value, so that what does not fit is found by the COPY.
    """
    return [_column(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def plain(value: Any) -> Any:
    """Return a value in text's stead where Python's own wording is not what PostgreSQL reads."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, _BYTES):
        return bytes(value).decode("utf-8", "surrogateescape")
    return value


def _column(values: Sequence[Any], kind: str) -> pa.Array:
    import pyarrow as pa

    if (arrow := _type_of(values, kind)) is not None:
        try:
            return pa.array(values, arrow)
        except (pa.ArrowInvalid, OverflowError):
            # Whole numbers beyond 64 bits, or beside fractions beyond 53: Python words all of their digits.
            pass
    return pa.array([None if value is None else str(plain(value)) for value in values], pa.string())


def _type_of(values: Sequence[Any], kind: str) -> pa.DataType | None:
    """Return the Arrow type that holds every value as it is, or None where text has to do."""
    import pyarrow as pa

    found = set(map(type, values)) - {type(None)}
    if found <= {str}:
        return pa.string()
    if found == {int}:
        return pa.int64()
    if found <= {int, float} and kind in ("double precision", "numeric"):
        return pa.float64()
    if found == {bool} and kind == "boolean":
        return pa.bool_()
    if found == {datetime} and kind == "timestamptz":
        zones = {value.tzinfo is None for value in values if value is not None}
        # Arrow would take a moment without a zone for one of UTC, where it stands beside one that has a zone.
        return None if len(zones) > 1 else pa.timestamp("us", None if True in zones else "UTC")
    return None


def _csv(batches: Iterable[Sequence[pa.Array]]) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)
    for columns in batches:
        sink = io.BytesIO()
        # Names would only be those of a header.
        csv.write_csv(pa.record_batch(list(map(_worded, columns)), names=[""] * len(columns)), sink, options)
        yield sink.getvalue()


def _worded(column: pa.Array) -> pa.Array:
    """Return a column in a type that CSV can hold."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_timestamp(column.type):
        # The writer of CSV takes ten times as long for a moment as this does, and forty for one with a time zone.
        local = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
        return local if column.type.tz is None else pc.binary_join_element_wise(local, "Z", "")
    if types.is_nested(column.type) or types.is_binary(column.type) or types.is_large_binary(column.type):
        return pa.array([plain(value) for value in column.to_pylist()], type=pa.string())
    return column
