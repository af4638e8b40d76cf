"""Write rows by COPY from an iterator of lines, holding one block of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from psycopg2 import Error, extensions, sql

LINES = 2_000


class _Lines:
    """The file that COPY reads: an iterator of lines, given out by bytes."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""
        self.error: Exception | None = None

    def read(self, size: int = -1, /) -> bytes:
        while size < 0 or len(self._rest) < size:
            try:
                block = list(islice(self._lines, LINES))
            except Exception as error:
                self.error = error
                raise
            if not block:
                break
            self._rest += ("\n".join(block) + "\n").encode()
        end = len(self._rest) if size < 0 else size
        data, self._rest = self._rest[:end], self._rest[end:]
        return data

    def readline(self, size: int = -1, /) -> bytes:
        """Give one line; COPY itself never asks for one, its type of file does."""
        line = next(self._lines, None) if not self._rest else None
        self._rest += b"" if line is None else f"{line}\n".encode()
        return self.read(self._rest.find(b"\n") + 1)


def copy_in(cursor: extensions.cursor, table: str, columns: Sequence[str], lines: Iterator[str]) -> None:
    """Copy tab-separated lines into a table.

    Parameters
    ----------
    table : str
        Name, with its schema after a dot where it has one.
    lines : iterator of str
        Fields already passed through `text` where they may hold a backslash, tab or line end. What it raises is raised.
    """
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    source = _Lines(lines)
    try:
        cursor.copy_expert(statement.as_string(cursor), source)
    except Error as error:
        # The driver says that reading failed, and not why.
        raise source.error or error from None


def text(value: str) -> str:
    r"""Escape a value for COPY's text format: backslash, tab and line ends."""
    if "\\" not in value and "\t" not in value and "\n" not in value and "\r" not in value:
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
