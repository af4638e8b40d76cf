"""A small picture of the weekly scores, on a clear ground so that it reads on light and dark alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

# Drawn at twice the size at which a message shows it, for screens with fine pixels.
WIDTH, HEIGHT = 1088, 232
LEFT, RIGHT, TOP, BOTTOM = 12, 128, 40, 20
LINE, FILL, QUIET = (214, 69, 55, 255), (214, 69, 55, 38), (140, 131, 122, 255)


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
    image = Image.new("RGBA", (WIDTH, HEIGHT), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    floor = HEIGHT - BOTTOM
    draw.polygon([(points[0][0], floor), *points, (points[-1][0], floor)], fill=FILL)
    level = place(first, threshold)[1]
    for dash in range(LEFT, WIDTH - LEFT, 12):
        draw.line([(dash, level), (dash + 6, level)], fill=QUIET, width=2)
    draw.line(points, fill=LINE, width=5, joint="curve")
    x, y = points[-1]
    draw.ellipse([x - 9, y - 9, x + 9, y + 9], fill=LINE)
    draw.text((x + 20, y), f"{scores[-1][1]:.0%}", fill=LINE, font=_font(40), anchor="lm", stroke_width=1)
    x, y = points[0]
    draw.text((x, y - 14), f"{scores[0][1]:.0%}", fill=QUIET, font=_font(32), anchor="lb")
    file = BytesIO()
    # A palette of 48 keeps the clear ground and the smooth edges, in half the bytes and half the time.
    image.quantize(48, method=Image.Quantize.FASTOCTREE).save(file, "PNG")
    return file.getvalue()


@lru_cache(maxsize=2)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own font: the picture is the same on a machine without any.
    return ImageFont.load_default(size)
