"""Columns made of what a driver hands out: no value becomes another one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from forewarn.sources.arrow_rows import columns_of

EASTERN = datetime(2026, 2, 1, 12, tzinfo=timezone(timedelta(hours=-5)))
NOON = EASTERN.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("values", "kind", "arrow", "held"),
    [
        ([1, None, 2**62], "bigint", "int64", [1, None, 2**62]),
        ([1, 2**64], "numeric", "string", ["1", "18446744073709551616"]),
        ([2, 0.1, None], "numeric", "double", [2.0, 0.1, None]),
        ([2**53 + 1, 0.5], "numeric", "string", ["9007199254740993", "0.5"]),
        ([7.0], "bigint", "string", ["7.0"]),
        ([7.0], "text", "string", ["7.0"]),
        ([Decimal("0.10"), Decimal("1E+2")], "numeric", "string", ["0.10", "1E+2"]),
        ([True, None], "boolean", "bool", [True, None]),
        ([True, 1], "boolean", "string", ["True", "1"]),
        ([True], "text", "string", ["True"]),
        (["a", 1, None], "text", "string", ["a", "1", None]),
        ([None, None], "numeric", "string", [None, None]),
        (["é", "é".encode(), memoryview(b"e")], "text", "string", ["é", "é", "e"]),
        ([{"of": [1]}, None], "jsonb", "string", ['{"of": [1]}', None]),
        ([date(2026, 2, 1)], "date", "string", ["2026-02-01"]),
        ([NOON, None], "timestamptz", "timestamp[us]", [NOON, None]),
        ([NOON], "text", "string", ["2026-02-01 12:00:00"]),
        ([EASTERN], "timestamptz", "timestamp[us, tz=UTC]", [datetime(2026, 2, 1, 17, tzinfo=UTC)]),
        ([NOON, EASTERN], "timestamptz", "string", ["2026-02-01 12:00:00", "2026-02-01 12:00:00-05:00"]),
    ],
)
def test_a_column_holds_its_values_as_they_are(values, kind, arrow, held):
    (column,) = columns_of([(value,) for value in values], [kind])
    assert (str(column.type), column.to_pylist()) == (arrow, held)


@pytest.mark.parametrize("value", [b"caf\xe9", "\ud800"])
def test_what_is_no_text_is_refused_for_the_careful_way(value):
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        columns_of([(value,)], ["text"])
