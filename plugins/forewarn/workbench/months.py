"""The first days of months, counted back from a day."""

from __future__ import annotations

from datetime import date


def months_back(day: date, months: int) -> date:
    """Return the first day of the oldest of so many months, that of the day among them."""
    number = day.year * 12 + day.month - months
    return date(number // 12, number % 12 + 1, 1)
