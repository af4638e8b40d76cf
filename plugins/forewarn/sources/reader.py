"""What an extraction hands to landing, whatever kind of source it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from psycopg2 import extensions, sql


@dataclass(frozen=True)
class Row:
    """One row as text, in the order of its part's columns; `place` says where it stood."""

    place: str
    values: list[str | None]


@dataclass(frozen=True)
class Reject:
    """A row that cannot even be split into columns, with the reason."""

    place: str
    reason: str
    content: str


class PartRejected(Exception):
    """A whole part (a file) cannot be trusted: none of its rows may land."""


class NotPlain(Exception):
    """The fast way might read this part differently than it was meant; take the careful way."""


Copy = Callable[[extensions.cursor, sql.Composable], int]


@dataclass(frozen=True)
class Part:
    """A piece that lands whole or not at all.

    Attributes
    ----------
    columns : list of str
        Columns in the order in which the part has them.
    copy : callable or None
        Copies every row into the table given, returning the number that the source gave; the fast way, which fails on
        the first value that does not fit.
    rows : callable or None
        Yields every row as text; the careful way, which sets aside what does not fit.
    """

    name: str
    columns: list[str]
    copy: Copy | None = None
    rows: Callable[[], Iterator[Row | Reject]] | None = None
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Extraction:
    """Everything that one stream has to give this time.

    Attributes
    ----------
    columns : dict
        Each column of any part with the PostgreSQL type that it lands as.
    whole : bool
        The stream's whole content was asked for, so that no row at all means an empty stream.
    rejected : list of (Part, str)
        Files that were found unusable before any row was read.
    trusted : bool
        A database vouches for the width of its values.
    nothing_new : bool
        There was nothing to read: every file has landed before.
    complete : bool
        Every row that the source has was asked for, not only what changed.
    copy_keys : callable or None
        Copies the key of every row that the source has, when keys are to be compared and the rows are not complete.
    """

    columns: dict[str, str]
    parts: list[Part]
    whole: bool
    rejected: list[tuple[Part, str]] = field(default_factory=list)
    trusted: bool = False
    nothing_new: bool = False
    complete: bool = False
    copy_keys: Copy | None = None
