"""Company figures beside their own past: a planted break is found, and quiet weeks are silent."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from forewarn.loop.anomalies import judge
from forewarn.loop.company_figures import weekly
from forewarn.loop.usual import Value, contribution, unusual_period, usual_of_day

FIRST = date(2024, 1, 1)
WEEKDAYS = (1.0, 1.1, 1.0, 0.9, 0.8, 0.3, 0.2)


def days(count: int, number: Callable[[date], float], of: Callable[[date], float] | None = None) -> dict[date, Value]:
    every = [FIRST + timedelta(days=n) for n in range(count)]
    return {day: Value(number(day), of(day) if of else None) for day in every}


def noisy(mean: float, seed: int) -> Callable[[date], float]:
    """Counts with a rhythm of the week, a season, growth and the noise of counts."""
    chance = random.Random(seed)

    def number(day: date) -> float:
        back = (day - FIRST).days
        expected = mean * WEEKDAYS[day.weekday()] * (1 + 0.0003 * back) * (1.05 if day.month in (5, 6, 7) else 1.0)
        return max(0.0, round(chance.gauss(expected, expected**0.5)))

    return number


@pytest.mark.capability("C49")
def test_a_year_of_quiet_nights_tells_of_nothing() -> None:
    series = {
        "orders": days(470, noisy(120, 7)),
        "tickets": days(470, noisy(45, 8)),
        "payments": days(470, noisy(900, 9)),
    }
    nights = [FIRST + timedelta(days=n) for n in range(105, 470)]
    told = {
        (name, night)
        for night in nights
        for (name, _), found in judge(_until(series, night), as_of_date=night, holidays=()).items()
        if found is not None
    }
    assert told == set()


def _until(series: dict[str, dict[date, Value]], night: date) -> dict[str, dict[date, Value]]:
    return {name: {day: one for day, one in told.items() if day < night} for name, told in series.items()}


@pytest.mark.capability("C49")
def test_a_planted_break_is_found_on_its_day_with_its_range_and_goes_on_until_a_week_has_passed() -> None:
    orders = days(200, noisy(120, 7))
    broken = FIRST + timedelta(days=176)
    for back in range(3):
        orders[broken + timedelta(days=back)] = Value(20.0)
    found = {
        night: judge(_until({"orders": orders}, night), as_of_date=night, holidays=())["orders", "day"]
        for night in (broken, broken + timedelta(days=1), broken + timedelta(days=5), broken + timedelta(days=11))
    }
    assert found[broken] is None
    first, later = found[broken + timedelta(days=1)], found[broken + timedelta(days=5)]
    assert (first.since, first.period, first.seen) == (broken, broken, 20.0)
    assert first.usual.low > 40
    assert 110 < first.usual.expected < 150
    assert (later.since, later.period) == (broken, broken + timedelta(days=2))
    assert found[broken + timedelta(days=11)] is None


def test_a_holiday_is_neither_judged_nor_compared_with() -> None:
    orders = days(120, lambda day: 100.0)
    newest = FIRST + timedelta(days=119)
    orders[newest] = Value(0.0)
    judged = {
        holiday: judge({"orders": orders}, as_of_date=newest + timedelta(days=1), holidays=holiday)["orders", "day"]
        for holiday in [(), (newest,)]
    }
    assert judged[()] is not None
    assert judged[newest,] is None


def test_too_little_is_known_of_a_new_source_and_of_small_counts() -> None:
    newest = FIRST + timedelta(days=70)
    assert usual_of_day(days(40, lambda day: 100.0), FIRST + timedelta(days=39), "count") is None
    assert usual_of_day(days(71, lambda day: 3.0), newest, "count") is None
    assert usual_of_day(days(71, lambda day: 30.0), newest, "count") is not None


def test_a_share_is_judged_by_how_many_it_is_of() -> None:
    usual = days(98, lambda day: 170.0 / 7, lambda day: 200.0 / 7)
    monday = FIRST + timedelta(days=98)

    def week(satisfied: float, ratings: float) -> object:
        newest = {monday + timedelta(days=n): Value(satisfied / 7, ratings / 7) for n in range(7)}
        return unusual_period(weekly(usual | newest), monday, "share", "week")

    assert week(120, 200) is not None
    # The same share of so few says nothing.
    assert week(9, 15) is None
    assert week(165, 200) is None


def test_a_week_is_not_told_again_when_one_of_its_days_is() -> None:
    orders = days(105, lambda day: 100.0)
    orders[FIRST + timedelta(days=100)] = Value(0.0)
    found = judge({"orders": orders}, as_of_date=FIRST + timedelta(days=105), holidays=())
    assert found["orders", "day"] is not None
    assert found["orders", "week"] is None


def test_what_a_member_contributes() -> None:
    assert contribution(Value(10), [Value(40), Value(50), Value(60)], expected=200) == -40
    # 12 of 40 where 85% is usual: 22 too few.
    assert contribution(Value(12, 40), [], expected=0.85) == -22
