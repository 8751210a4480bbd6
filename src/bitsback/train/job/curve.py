"""The curve of a training run as a picture."""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 56, 64
INK, GRID, TRAIN, VALIDATION = "#222222", "#e3e3e3", "#9a9a9a", "#1f5fa8"
SIZE = 16
SKIPPED = 0.1  # the first part of the curve, steep, that the axis need not show


def draw(rows: Sequence[dict[str, float]], title: str) -> bytes:
    """Bits per pixel over epochs, training and validation, as a PNG file.

    rows: with the keys epoch, quantised, train_bpd, validation_bpd, as `Training` makes them; at
    least one.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(SIZE)
    last = max(row["epoch"] for row in rows)
    late = [row for row in rows if row["epoch"] > SKIPPED * last] or list(rows)
    values = [row[key] for row in late for key in ("train_bpd", "validation_bpd")]
    low, high, step = _axis(min(values), max(values))

    def at(epoch: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * epoch / last
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)
        return x, y

    digits = max(0, -math.floor(math.log10(step)))
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        pen.line([at(0, value), at(last, value)], GRID)
        pen.text((LEFT - 8, at(0, value)[1]), f"{value:.{digits}f}", INK, font, "rm")
    _, end, stride = _axis(0, last)
    for k in range(round(end / stride) + 1):
        if k * stride <= last:
            pen.text(
                (at(k * stride, low)[0], HEIGHT - BOTTOM + 8), f"{k * stride:g}", INK, font, "mt"
            )
    pen.line([at(0, high), at(0, low), at(last, low)], INK)
    rounded = [row["epoch"] for row in rows if not row["quantised"]]
    if rounded and len(rounded) < len(rows):
        x, y = at(max(rounded), high)
        pen.line([(x, y), at(max(rounded), low)], TRAIN)
        pen.text((x - 6, y + 4), "floats", TRAIN, font, "ra")
        pen.text((x + 6, y + 4), "rounded", TRAIN, font, "la")
    for key, colour in (("train_bpd", TRAIN), ("validation_bpd", VALIDATION)):
        points = [at(row["epoch"], row[key]) for row in rows if row[key] <= high]
        if len(points) > 1:
            pen.line(points, colour, 2, "curve")
        elif points:
            pen.ellipse(
                [points[0][0] - 3, points[0][1] - 3, points[0][0] + 3, points[0][1] + 3], colour
            )
    pen.text((LEFT, 12), f"{title}: bits per pixel", INK, font)
    pen.text((WIDTH - RIGHT, 12), "validation", VALIDATION, font, "ra")
    pen.text((WIDTH - RIGHT - 100, 12), "training", TRAIN, font, "ra")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12), "epoch", INK, font, "ms")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _axis(low: float, high: float) -> tuple[float, float, float]:
    """Ends and step of an axis of four to ten round steps that covers [low, high]."""
    span = max(high - low, 1e-3)
    step = 10.0 ** math.floor(math.log10(span))
    step = next(step * part for part in (1, 0.5, 0.2) if span >= 4 * step * part)
    first, last = math.floor(low / step) * step, math.ceil(high / step) * step
    return (first, last, step) if last > first else (first, first + step, step)
