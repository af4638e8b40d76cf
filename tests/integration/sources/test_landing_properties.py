"""What holds whatever comes in: every row is accounted for, and the newest version wins in any order."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn.sources import reset_stream

PRICES = """
kind: files
connection: drops
streams:
  prices:
    path: "*.csv"
    format: csv
    allow_empty: true
    key: [id]
    cursor: changed
    columns: {changed: timestamptz}
    entities:
      product:
        columns: {product_id: id, name: name}
"""
_few = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_names = itertools.count()


def table(rows: list[tuple[str, ...]], header: tuple[str, ...] = ("id", "changed", "name")) -> bytes:
    text = io.StringIO()
    # Python's writer leaves a lone carriage return bare, where it would end a line.
    bare = any("\r" in field for row in rows for field in row)
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL)
    writer.writerows([header, *rows])
    return text.getvalue().encode("utf-8", "surrogatepass")


def content(rows):
    return rows("select id, changed, name, _row_hash from raw_shop.prices order by id")


@pytest.mark.capability("C5")
@_few
@given(data=st.data())
def test_a04_versions_in_any_order_and_split_leave_the_newest(data, write_source, drops, land, rows, settings):
    source = write_source("shop", PRICES)
    keys = data.draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=8))
    versions = [(key, f"2026-01-{day:02d}", f"v{day}") for day, key in enumerate(keys, start=1)]
    results = []
    for _ in range(2):
        reset_stream(settings, source, "prices")
        order = data.draw(st.permutations(versions))
        cut = data.draw(st.integers(0, len(order)))
        for part in (order[:cut], order[cut:]):
            if part:
                (drops / f"{next(_names)}.csv").write_bytes(table(part))
                batch = land(source, "prices")
                assert (
                    batch.rows_in == batch.rows_loaded + batch.rows_quarantined + batch.rows_deduplicated == len(part)
                )
        results.append([(key, when, name, bytes(digest)) for key, when, name, digest in content(rows)])
        for file in drops.glob("*.csv"):
            file.unlink()
    assert results[0] == results[1]
    newest = {key: name for key, _, name in versions}
    assert {row[0]: row[2] for row in results[0]} == newest


FIELD = st.one_of(
    st.sampled_from(
        ["", "a", "b", "2026-01-01", "2026-13-45", "now", "0001-01-01", '"', "x\ny", "\\.", "NaN", "\0", "é", "\ud800"]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6),
)


@pytest.mark.capability("C5")
@_few
@given(found=st.lists(st.lists(FIELD, min_size=3, max_size=4).map(tuple), max_size=12))
def test_every_row_is_loaded_quarantined_or_a_duplicate(found, write_source, drops, land, rows, settings):
    source = write_source("shop", PRICES)
    reset_stream(settings, source, "prices")
    file = drops / f"{next(_names)}.csv"
    file.write_bytes(table(found))
    before = rows("select cursor_value from ops.watermark")
    try:
        batch = land(source, "prices", now=datetime(2026, 3, 1, tzinfo=UTC))
    finally:
        file.unlink()
    if batch.quarantined_files:
        # Bytes that are not UTF-8 in most of the rows: the file as a whole cannot be told apart.
        assert batch.rows_in == 0
        return
    assert batch.rows_in == len(found)
    assert batch.rows_in == batch.rows_loaded + batch.rows_quarantined + batch.rows_deduplicated
    if batch.rows_loaded == 0:
        assert rows("select cursor_value from ops.watermark") == before == []
    assert rows("select count(*) from raw_shop.prices") == [(batch.rows_loaded,)]
    assert rows("select count(*) from quarantine.row where batch_id = %s", batch.batch_id) == [
        (batch.rows_quarantined,)
    ]


NAMES = ("Müller", 'two\n"lines"', "", "谢谢", "a,b")
EXPORT = table([(str(day), f"2026-01-{day:02d}", name) for day, name in enumerate(NAMES, start=1)])
# Where a record ends, for one who does not know how many there are to be: such a cut file is a whole shorter one.
RECORD_ENDS = {
    len(EXPORT[: at + 1]) for at, byte in enumerate(EXPORT) if byte == 10 and EXPORT[: at + 1].count(b'"') % 2 == 0
}


@pytest.mark.capability("C5")
@_few
@given(cut=st.integers(1, len(EXPORT) - 1).filter(lambda at: at not in RECORD_ENDS))
def test_a09_a_file_cut_at_any_byte_is_quarantined_whole_and_nothing_that_landed_is_lost(
    cut, write_source, drops, land, rows
):
    source = write_source("shop", PRICES.replace("format: csv", "format: csv\n    final_newline: required"))
    if not (drops / "whole.csv").exists():
        (drops / "whole.csv").write_bytes(table([("1", "2025-12-01", "old"), ("9", "2025-12-01", "kept")]))
        assert land(source, "prices").rows_loaded == 2
    before = content(rows)
    file = drops / f"cut-{next(_names)}.csv"
    file.write_bytes(EXPORT[:cut])
    batch = land(source, "prices")
    assert (batch.rows_in, list(batch.quarantined_files)) == (0, [file.name])
    assert content(rows) == before
    file.unlink()
