"""When a stream is late: judged by what came, against what it promised, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forewarn.errors import SourceRejected
from forewarn.sources import Source, late_streams
from forewarn.sources.freshness import demand_moment
from forewarn.sources.loader import load_source

NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)
SHOP = """
kind: sql
connection: shop
streams:
  orders: {table: orders, freshness: {warn_after: 36 hours}}
  prices: {table: prices}
  tickets: {table: tickets, cursor: updated_at, freshness: {warn_after: 36 hours, newest_within: 4 days}}
"""
DROPS = """
kind: files
connection: drops
streams:
  stock: {path: "*.csv", format: csv, freshness: {warn_after: 8 days}}
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Source]:
    for name, text in (("shop", SHOP), ("drops", DROPS)):
        (tmp_path / f"{name}.yml").write_text(text)
    return {name: load_source(tmp_path / f"{name}.yml") for name in ("shop", "drops")}


def batch(warehouse: Any, name: str, age: timedelta, status: str = "landed", file: str = "") -> None:
    """Write a batch down that ended a while ago, with the file that it read."""
    source, stream = name.split(".")
    with warehouse.cursor() as cursor:
        cursor.execute(
            "insert into ops.batch (source, stream, run_id, started_at, finished_at, status)"
            " values (%s, %s, 'run', %s, %s, %s) returning batch_id",
            [source, stream, NOW - age, NOW - age, status],
        )
        if file:
            cursor.execute(
                "insert into ops.landed_file (source, stream, path, size_bytes, sha256, batch_id, outcome)"
                " values (%s, %s, %s, 1, %s, %s, 'landed')",
                [source, stream, file, file, cursor.fetchone()[0]],
            )


def late(warehouse: Any, sources: dict[str, Source]) -> dict[str, datetime]:
    with warehouse.cursor() as cursor:
        return {f"{one.source}.{one.stream}": one.since for one in late_streams(cursor, sources, NOW)}


@pytest.mark.capability("B6")
@pytest.mark.parametrize("value", ["10041", "2026-11-12-INV", "12.11.2026"])
def test_a_promise_of_the_newest_row_by_a_cursor_that_tells_no_moment_is_refused(
    sources: dict[str, Source], value: str
) -> None:
    stream = sources["shop"].streams["tickets"]
    with pytest.raises(SourceRejected, match=rf"cursor of moments or days.*got '{value}' as its newest value"):
        demand_moment("shop.tickets", stream, value)
    for told in (None, "2026-11-12", "2026-11-12 05:00:00.000000+00"):
        demand_moment("shop.tickets", stream, told)
    demand_moment("shop.orders", sources["shop"].streams["orders"], value)


@pytest.mark.capability("B6", "C4")
@pytest.mark.parametrize(("beyond", "is_late"), [(timedelta(0), False), (timedelta(seconds=1), True)])
def test_a_stream_is_late_beyond_its_promise_and_not_at_it(
    warehouse: Any, sources: dict[str, Source], beyond: timedelta, is_late: bool
) -> None:
    batch(warehouse, "shop.orders", timedelta(hours=36) + beyond)
    batch(warehouse, "shop.orders", timedelta(hours=1), "failed")
    batch(warehouse, "shop.prices", timedelta(days=400))
    assert late(warehouse, sources) == ({"shop.orders": NOW - beyond} if is_late else {})


def test_a_server_that_answers_without_news_is_not_late_and_a_folder_without_new_files_is(
    warehouse: Any, sources: dict[str, Source]
) -> None:
    for ago in (9, 5, 0):
        batch(warehouse, "shop.orders", timedelta(days=ago))
        batch(warehouse, "drops.stock", timedelta(days=ago), file="stock.csv" if ago == 9 else "")
    assert late(warehouse, sources) == {"drops.stock": NOW - timedelta(days=1)}
    with warehouse.cursor() as cursor:
        assert late_streams(cursor, sources, NOW, ended_at=NOW) == [], "no more files are to come"
    batch(warehouse, "drops.stock", timedelta(0), file="newer.csv")
    assert late(warehouse, sources) == {}


def test_what_was_asked_and_never_came_is_late_whatever_it_promises(warehouse: Any, sources: dict[str, Source]) -> None:
    assert late(warehouse, sources) == {}, "nothing was asked yet"
    batch(warehouse, "shop.prices", timedelta(hours=2), "failed")
    batch(warehouse, "shop.prices", timedelta(hours=1), "failed")
    assert late(warehouse, sources) == {"shop.prices": NOW - timedelta(hours=2)}


@pytest.mark.capability("B6")
@pytest.mark.parametrize(
    ("newest", "since"),
    [
        (f"{NOW - timedelta(days=4):%Y-%m-%d %H:%M:%S.%f+00}", None),
        (f"{NOW - timedelta(days=4, seconds=1):%Y-%m-%d %H:%M:%S.%f+00}", NOW - timedelta(seconds=1)),
        # A day counts until its end.
        ("2026-11-12", None),
        ("2026-11-11", datetime(2026, 11, 16, tzinfo=UTC)),
        # Streams that promise nothing of the kind may count by anything.
        ("10041", None),
        ("2026-11-12-INV", None),
    ],
)
def test_a_server_that_answers_every_night_and_whose_newest_row_is_old_is_frozen(
    warehouse: Any, sources: dict[str, Source], newest: str, since: datetime | None
) -> None:
    for stream in ("tickets", "orders"):
        batch(warehouse, f"shop.{stream}", timedelta(hours=1))
        with warehouse.cursor() as cursor:
            cursor.execute(
                "insert into ops.watermark (source, stream, cursor_value, batch_id, advanced_at)"
                " select source, stream, %s, batch_id, finished_at from ops.batch order by batch_id desc limit 1",
                [newest],
            )
    assert late(warehouse, sources) == ({"shop.tickets": since} if since else {}), "orders promise no newest row"
    with warehouse.cursor() as cursor:
        # The data of a company of the past end on a day of their own, and are as old as that day says.
        assert late_streams(cursor, sources, NOW, ended_at=datetime(2026, 11, 13, tzinfo=UTC)) == []
