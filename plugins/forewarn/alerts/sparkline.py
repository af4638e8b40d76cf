"""A small picture of the weekly scores, on a clear ground so that it reads on light and dark alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

# Drawn at twice the size at which a message shows it, for screens with fine pixels.
WIDTH, HEIGHT = 1088, 232
LEFT, RIGHT, TOP, BOTTOM = 12, 128, 40, 20
LINE, FILL, QUIET = (214, 69, 55, 255), (214, 69, 55, 38), (140, 131, 122, 255)
# A picture of few colours is drawn as such, which takes a quarter of the time of reducing one: clear ground, fill, and
# the two inks in steps of a fifteenth from clear to full, for the edges of letters.
STEPS = 15
CLEAR, FILLED, INK, PALE = 0, 1, 1 + STEPS, 1 + 2 * STEPS
PALETTE = [
    (255, 255, 255, 0),
    FILL,
    *((*ink[:3], 255 * step // STEPS) for ink in (LINE, QUIET) for step in range(1, STEPS + 1)),
]


def sparkline(scores: Sequence[tuple[date, float]], threshold: float) -> bytes:
    """Draw scores over time with the threshold as a dashed line.

    Parameters
    ----------
    scores
        At least two of day and probability, oldest first; the days set the distance between the points.
    threshold
        Probability of the dashed line.

    Returns
    -------
    bytes
        A PNG of 1088 × 232 pixels.
    """
    top = max(threshold, *(score for _, score in scores)) * 1.05 or 1.0
    first, span = scores[0][0], (scores[-1][0] - scores[0][0]).days or 1

    def place(day: date, score: float) -> tuple[float, float]:
        x = LEFT + (day - first).days / span * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - score / top * (HEIGHT - TOP - BOTTOM)

    points = [place(day, score) for day, score in scores]
    image = Image.new("P", (WIDTH, HEIGHT), CLEAR)
    image.putpalette([part for colour in PALETTE for part in colour[:3]])
    draw = ImageDraw.Draw(image)
    floor = HEIGHT - BOTTOM
    draw.polygon([(points[0][0], floor), *points, (points[-1][0], floor)], fill=FILLED)
    level = place(first, threshold)[1]
    for dash in range(LEFT, WIDTH - LEFT, 12):
        draw.line([(dash, level), (dash + 6, level)], fill=PALE, width=2)
    draw.line(points, fill=INK, width=5, joint="curve")
    x, y = points[-1]
    draw.ellipse([x - 9, y - 9, x + 9, y + 9], fill=INK)
    _write(image, (x + 20, y), f"{scores[-1][1]:.0%}", INK, size=40, anchor="lm", stroke_width=1)
    x, y = points[0]
    _write(image, (x, y - 14), f"{scores[0][1]:.0%}", PALE, size=32, anchor="lb", stroke_width=0)
    file = BytesIO()
    # Half as many bytes again as at the usual level, in a third of the time.
    image.save(file, "PNG", compress_level=3, transparency=bytes(colour[3] for colour in PALETTE))
    return file.getvalue()


def _write(
    image: Image.Image, place: tuple[float, float], text: str, ink: int, *, size: int, anchor: str, stroke_width: int
) -> None:
    """Write a text with smooth edges; `ink` is the palette's place of its full colour."""
    how: dict[str, Any] = {"font": _font(size), "anchor": anchor, "stroke_width": stroke_width}
    left, top, right, bottom = ImageDraw.Draw(image).textbbox(place, text, **how)
    corner = math.floor(left) - 1, math.floor(top) - 1
    mask = Image.new("L", (math.ceil(right) + 1 - corner[0], math.ceil(bottom) + 1 - corner[1]))
    ImageDraw.Draw(mask).text((place[0] - corner[0], place[1] - corner[1]), text, 255, **how)
    steps = mask.point([round(level * STEPS / 255) for level in range(256)])
    image.paste(steps.point([ink - STEPS + step for step in range(256)]), corner, steps.point([0] + [255] * 255))


@lru_cache(maxsize=2)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own font: the picture is the same on a machine without any.
    return ImageFont.load_default(size)
