"""How many rows of a stream are usual: by weekday where there are enough, and nothing is said where there are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

MONDAY = datetime(2026, 1, 5, 5, tzinfo=UTC)


def land(warehouse: Any, day: int, rows: int, stream: str = "orders") -> None:
    """Record a landing on the n-th day after the first Monday."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "insert into ops.batch (source, stream, run_id, started_at, status, rows_in, rows_loaded)"
            " values ('erp', %s, 'r', %s, 'landed', %s, %s)",
            [stream, MONDAY + timedelta(days=day), rows, rows],
        )


def usual(warehouse: Any, day: int) -> tuple[Any, ...]:
    """Return the days compared with, the usual number and its range of the n-th day."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select days_compared, usual, usual_from, usual_to from ops.batch_volume"
            " where stream = 'orders' and day = %s",
            [(MONDAY + timedelta(days=day)).date()],
        )
        ((*found,),) = cursor.fetchall()
    return tuple(found)


@pytest.mark.capability("C4")
def test_a_weekday_is_compared_with_its_like(warehouse: Any) -> None:
    # Mondays are strong, other working days are not, and weekends are weak; the first landing is the whole past.
    land(warehouse, 0, 90_000)
    for day in range(1, 36):
        land(warehouse, day, 400 if day % 7 == 0 else 20 if day % 7 > 4 else 100)
    assert usual(warehouse, 35) == (4, 400, 400 - 3.5 * 40, 400 + 3.5 * 40)
    # Three Saturdays before it are too few of their own kind; all weekend days together are enough.
    assert usual(warehouse, 26)[:2] == (6, 20)


def test_nothing_is_said_of_few_days_or_few_rows(warehouse: Any) -> None:
    for day in range(4):
        land(warehouse, day, 100)
    assert usual(warehouse, 3) == (None, None, None, None)
    for day in range(7, 12):
        land(warehouse, day, 100)
    assert usual(warehouse, 11)[:2] == (6, 100)


def test_a_day_after_a_pause_is_not_compared_with_days_without_one(warehouse: Any) -> None:
    for day in range(5):
        land(warehouse, day, 100)
    land(warehouse, 9, 500)
    assert usual(warehouse, 9) == (None, None, None, None)


def test_two_landings_of_a_day_count_together_and_other_streams_apart(warehouse: Any) -> None:
    for day in range(5):
        land(warehouse, day, 60)
        land(warehouse, day, 40)
        land(warehouse, day, 7, stream="returns")
    land(warehouse, 7, 30)
    land(warehouse, 8, 100)
    assert usual(warehouse, 4) == (None, None, None, None)
    assert usual(warehouse, 8) == (4, 100, 65, 135)
