"""Parquet files: typed record batches, written as CSV for COPY; never a whole file in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from psycopg2 import extensions, sql

from forewarn.sources.column_types import column_types, wanted_columns
from forewarn.sources.copy_rows import copy_csv
from forewarn.sources.missing import require_columns
from forewarn.sources.model import FileStream, Source
from forewarn.sources.reader import Part, PartRejected, Reject, Row
from forewarn.sources.sql_tables import plain_row

if TYPE_CHECKING:
    import pyarrow as pa

    from forewarn.sources.files import File

_ROWS = 20_000


def inspect(source: Source, stream: FileStream, subject: str, file: File, sha256: str) -> tuple[dict[str, str], Part]:
    """Return the columns of a file with the types they land as, and the file as a part.

    Raises
    ------
    PartRejected
        The file is not Parquet, or was cut.
    SourceRejected
        A column that the stream needs is not in the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise PartRejected(f"expected a whole Parquet file, got one that was cut or is none ({error})") from None
    names = [str(name) for name in schema.names]
    require_columns(subject, f"file {file.name}", wanted_columns(stream), names)
    declared = column_types(source, stream)
    types = {name: _kind(schema.field(name).type, name, declared, stream) for name in names}

    def copy(target: extensions.cursor, table: sql.Composable) -> int:
        return copy_csv(target, table, names, _csv(file))

    def rows() -> Iterator[Row | Reject]:
        number = 0
        for batch in _batches(file):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield plain_row(f"row {number}", [_plain(value) for value in values])

    size = file.path.stat().st_size
    return types, Part(file.name, names, copy=copy, rows=rows, size_bytes=size, sha256=sha256)


def _kind(arrow: pa.DataType, name: str, declared: dict[str, str | None], stream: FileStream) -> str:
    from pyarrow import types

    if name in stream.columns:
        return str(declared[name])
    if types.is_dictionary(arrow):
        arrow = arrow.value_type
    if types.is_integer(arrow):
        return "bigint" if not types.is_uint64(arrow) else "numeric"
    for test, kind in (
        (types.is_floating, "double precision"),
        (types.is_decimal, "numeric"),
        (types.is_boolean, "boolean"),
        (types.is_timestamp, "timestamptz"),
        (types.is_date, "date"),
        (types.is_nested, "jsonb"),
    ):
        if test(arrow):
            return kind
    # Text that is mapped to a number or a date lands as that, as it does from CSV.
    return declared.get(name) or "text"


def _csv(file: File) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False)
    for batch in _batches(file):
        sink = io.BytesIO()
        arrays = [_flat(column) for column in batch.columns]
        csv.write_csv(pa.record_batch(arrays, names=batch.schema.names), sink, options)
        yield sink.getvalue()


def _flat(column: pa.Array) -> pa.Array:
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
        return pa.array([_plain(value) for value in column.to_pylist()], type=pa.string())
    return column


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value


def _batches(file: File) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path, pre_buffer=False) as parquet:
            yield from parquet.iter_batches(batch_size=_ROWS)
    except (pa.ArrowInvalid, OSError) as error:
        raise PartRejected(f"expected a whole Parquet file, got one that breaks off ({error})") from None
