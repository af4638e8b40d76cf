"""The day on which something is due, never on a weekend."""

from __future__ import annotations

from datetime import date, timedelta

SATURDAY = 5


def due_day(start: date, days: int, *, working: bool = False) -> date:
    """Return the day that lies so many days after a start.

    Parameters
    ----------
    days
        Calendar days, a due day on a weekend moving to Monday; with `working` only Mondays to Fridays count.
    """
    if not working:
        day = start + timedelta(days=days)
        return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= SATURDAY else 0)
    day = start
    while days > 0 or day.weekday() >= SATURDAY:
        day += timedelta(days=1)
        days -= day.weekday() < SATURDAY
    return day
