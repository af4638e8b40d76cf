"""COPY into the warehouse: from another PostgreSQL through a pipe, from bytes, from rows of text."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import psycopg2
from psycopg2 import extensions, sql

CHUNK = 1 << 16


class ByteStream(io.RawIOBase):
    """A readable file over an iterator of byte strings.

    An exception of the iterator ends the COPY, and is kept in `failure`: psycopg2 reports it as a cancelled query.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._chunk, self._at = iter(chunks), b"", 0
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes; empty at the end."""
        while self._at == len(self._chunk):
            try:
                chunk = next(self._chunks, None)
            except BaseException as error:
                self.failure = error
                raise
            if chunk is None:
                return b""
            self._chunk, self._at = chunk, 0
        end = len(self._chunk) if size < 0 else min(self._at + size, len(self._chunk))
        piece, self._at = self._chunk[self._at : end], end
        return piece


def copy_csv(
    cursor: extensions.cursor,
    table: sql.Composable,
    columns: Sequence[str],
    chunks: Iterable[bytes],
    *,
    header: bool = False,
    delimiter: str = ",",
    quote: str = '"',
) -> int:
    """Copy CSV bytes in UTF-8; an empty field is NULL, quoted or not. Returns the number of rows."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL(
        "copy {} ({}) from stdin (format csv, header {}, delimiter {}, quote {}, force_null ({}), encoding 'UTF8')"
    ).format(table, names, sql.SQL(str(header)), sql.Literal(delimiter), sql.Literal(quote), names)
    stream = ByteStream(chunks)
    try:
        cursor.copy_expert(statement, stream, size=CHUNK)
    except psycopg2.Error:
        if stream.failure is not None:
            raise stream.failure from None
        raise
    return int(cursor.rowcount)


def csv_chunks(rows: Iterable[Sequence[Any]], *, batch: int = 2_000) -> Iterator[bytes]:
    """Yield rows as CSV bytes, some thousand rows at a time."""
    buffer = io.StringIO()
    # With both characters as line end, both are quoted inside a value.
    writer = csv.writer(buffer, lineterminator="\r\n")
    left = iter(rows)
    while some := list(islice(left, batch)):
        writer.writerows(some)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def copy_between(
    source: extensions.cursor,
    query: sql.Composable,
    target: extensions.cursor,
    table: sql.Composable,
    columns: Sequence[str],
) -> int:
    """Copy a query's rows from one PostgreSQL to another in binary, through a pipe; returns the number the source sent.

    Raises
    ------
    psycopg2.Error
        Of whichever side failed first; the other side's rows are the caller's to roll back.
    """
    read_end, write_end = os.pipe()
    failure: list[BaseException] = []

    def send() -> None:
        try:
            with os.fdopen(write_end, "wb", buffering=CHUNK) as pipe:
                source.copy_expert(sql.SQL("copy ({}) to stdout (format binary)").format(query), pipe, size=CHUNK)
        except BaseException as error:  # handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=send, name="copy-to", daemon=True)
    with os.fdopen(read_end, "rb", buffering=CHUNK) as pipe:
        thread.start()
        try:
            target.copy_expert(
                sql.SQL("copy {} ({}) from stdin (format binary)").format(
                    table, sql.SQL(", ").join(map(sql.Identifier, columns))
                ),
                pipe,
                size=CHUNK,
            )
        except Exception as error:
            # A source that broke off shows here as a short stream; its own error says why.
            pipe.close()
            thread.join()
            raise _cause(failure) or error from error
    thread.join()
    if failure:
        raise failure[0]
    return int(source.rowcount)


def _cause(failure: list[BaseException]) -> BaseException | None:
    return next((error for error in failure if not isinstance(error, BrokenPipeError)), None)
