"""Lines over time and intervals as figures of an SVG, drawn by the template: no script, nothing a policy must allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

WIDTH, HEIGHT, EDGE = 640, 160, 8
BAR, BAR_HEIGHT = 160, 20


class Interval(Protocol):
    """A value and the ends of the interval around it."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def low(self) -> float:
        """Where the interval begins."""

    @property
    def high(self) -> float:
        """Where it ends."""


@dataclass(frozen=True)
class Chart:
    """A drawn line.

    Attributes
    ----------
    points
        `x,y` pairs of a polyline in a box of `WIDTH` by `HEIGHT`.
    level
        y of the threshold, None where there is none.
    highest, lowest
        What the upper and the lower edge stand for.
    first_day, last_day
        The days at both ends.
    """

    points: str
    level: float | None
    highest: str
    lowest: str
    first_day: str
    last_day: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Bar:
    """An interval around a value, in a box of `BAR` by `BAR_HEIGHT`: x of its ends, of the value, and of zero."""

    low: float
    high: float
    value: float
    zero: float
    width: int = BAR
    height: int = BAR_HEIGHT


def bars(intervals: Sequence[Interval | None]) -> list[Bar | None]:
    """Draw intervals one below the other on one scale, with zero on all of them; None where there is none."""
    known = [one for one in intervals if one is not None]
    low = min((one.low for one in known), default=0.0)
    high = max((one.high for one in known), default=0.0)
    first, span = min(low, 0.0), (max(high, 0.0) - min(low, 0.0)) or 1

    def place(value: float) -> float:
        return round(EDGE + (value - first) / span * (BAR - 2 * EDGE), 1)

    return [
        None if one is None else Bar(place(one.low), place(one.high), place(one.value), place(0.0)) for one in intervals
    ]


def line(
    values: Sequence[tuple[date, float]],
    *,
    top: float,
    label: Callable[[float], str],
    day_label: Callable[[date], str],
    bottom: float = 0,
    level: float | None = None,
) -> Chart | None:
    """Draw values over time, oldest first; the days set the distance between them.

    Parameters
    ----------
    values
        Day and value, from `bottom` to `top`.
    label, day_label
        Return a value and a day as they are read.
    level
        Value of a dashed line.

    Returns
    -------
    Chart or None
        None where there are fewer than two values: a point is no line.
    """
    if len(values) < 2:
        return None
    first, last, span = values[0][0], values[-1][0], (values[-1][0] - values[0][0]).days or 1

    def height(value: float) -> float:
        share = (min(value, top) - bottom) / ((top - bottom) or 1)
        return round(HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE), 1)

    placed = [(round(EDGE + (day - first).days / span * (WIDTH - 2 * EDGE), 1), height(value)) for day, value in values]
    points = " ".join(f"{x:g},{y:g}" for x, y in placed)
    dashed = None if level is None else height(level)
    return Chart(points, dashed, label(top), label(bottom), day_label(first), day_label(last))
