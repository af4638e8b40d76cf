"""A line over time as the points of an SVG, drawn by the template: no script, and nothing that a policy must allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT, EDGE = 640, 160, 8


@dataclass(frozen=True)
class Chart:
    """A drawn line.

    Attributes
    ----------
    points
        `x,y` pairs of a polyline in a box of `WIDTH` by `HEIGHT`.
    last
        x and y of the newest value.
    level
        y of the threshold, None where there is none.
    """

    points: str
    last: tuple[float, float]
    level: float | None
    width: int = WIDTH
    height: int = HEIGHT


def line(values: Sequence[tuple[date, float]], *, top: float, level: float | None = None) -> Chart | None:
    """Draw values over time, oldest first; the days set the distance between them.

    Parameters
    ----------
    values
        Day and value, from 0 to `top`.
    level
        Value of a dashed line.

    Returns
    -------
    Chart or None
        None where there are fewer than two values: a point is no line.
    """
    if len(values) < 2:
        return None
    first, span = values[0][0], (values[-1][0] - values[0][0]).days or 1

    def height(value: float) -> float:
        return round(HEIGHT - EDGE - min(value, top) / top * (HEIGHT - 2 * EDGE), 1)

    placed = [(round(EDGE + (day - first).days / span * (WIDTH - 2 * EDGE), 1), height(value)) for day, value in values]
    points = " ".join(f"{x:g},{y:g}" for x, y in placed)
    return Chart(points, placed[-1], None if level is None else height(level))
