"""Rows of a file that agree in every column, each with how often it has stood there so far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from forewarn.errors import SourceRejected
from forewarn.sources.reader import Part, Reject, Row
from forewarn.sources.repeats import counted


def rows() -> Iterator[Row | Reject]:
    """Yield what a till wrote: one article twice, and a line that cannot be read between."""
    for number, article in enumerate(("tea", "milk", "tea", None, None), start=1):
        yield Row(f"row {number}", [article, "1"])
    yield Reject("row 6", "expected 2 columns, got 1", "x")


def test_each_row_has_its_number_and_what_cannot_be_read_stays() -> None:
    types, part = counted(
        {"article": "text", "units": "numeric"}, Part("a.csv", ["article", "units"], rows=rows), "again", "x"
    )
    assert types == {"article": "text", "units": "numeric", "again": "bigint"}
    assert part.columns == ["article", "units", "again"]
    assert part.rows is not None
    for _ in range(2):
        read = list(part.rows())
        assert [row.values[-1] for row in read if isinstance(row, Row)] == ["1", "1", "2", "1", "2"]
        assert read[-1] == Reject("row 6", "expected 2 columns, got 1", "x")


def test_a_name_that_a_column_has_already_is_refused() -> None:
    with pytest.raises(SourceRejected, match="units, which is a column of a"):
        counted({"units": "numeric"}, Part("a.csv", ["units"], rows=rows), "units", "till.lines")
