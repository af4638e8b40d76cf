"""Parquet files: typed record batches, copied column by column; never a whole file in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopg2 import extensions, sql

from forewarn.sources.arrow_rows import copy_columns, plain
from forewarn.sources.column_types import column_types, wanted_columns
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
        return copy_columns(target, table, names, (batch.columns for batch in _batches(file)))

    def rows() -> Iterator[Row | Reject]:
        number = 0
        for batch in _batches(file):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield plain_row(f"row {number}", [plain(value) for value in values])

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


def _batches(file: File) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path, pre_buffer=False) as parquet:
            yield from parquet.iter_batches(batch_size=_ROWS)
    except (pa.ArrowInvalid, OSError) as error:
        raise PartRejected(f"expected a whole Parquet file, got one that breaks off ({error})") from None
