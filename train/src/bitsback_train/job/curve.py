"""The curve of a training run as a picture."""

import io
import math
from collections.abc import Sequence
from operator import attrgetter

from PIL import Image, ImageDraw, ImageFont

from bitsback_train.fit.training import Point

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 56, 64
INK, GRID, TRAIN, VALIDATION = "#222222", "#e3e3e3", "#9a9a9a", "#1f5fa8"
SIZE = 16
SKIPPED = 0.1  # the steep first part of the curve, which the axis need not show


def draw(points: Sequence[Point], title: str) -> bytes:
    """Bits per pixel over epochs, training and validation, as a PNG file. points: at least one."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(SIZE)
    last = max(point.epoch for point in points)
    late = [point for point in points if point.epoch > SKIPPED * last] or list(points)
    values = [rate for point in late for rate in (point.train, point.validation)]
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
    rounded = [point.epoch for point in points if not point.quantised]
    if rounded and len(rounded) < len(points):
        x, y = at(max(rounded), high)
        pen.line([(x, y), at(max(rounded), low)], TRAIN)
        pen.text((x - 6, y + 4), "floats", TRAIN, font, "ra")
        pen.text((x + 6, y + 4), "rounded", TRAIN, font, "la")
    for rate, colour in ((attrgetter("train"), TRAIN), (attrgetter("validation"), VALIDATION)):
        places = [at(point.epoch, rate(point)) for point in points if rate(point) <= high]
        if len(places) > 1:
            pen.line(places, colour, 2, "curve")
        elif places:
            (x, y), *_ = places
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], colour)
    pen.text((LEFT, 12), f"{title}: bits per pixel", INK, font)
    pen.text((WIDTH - RIGHT, 12), "validation", VALIDATION, font, "ra")
    pen.text((WIDTH - RIGHT - 100, 12), "training", TRAIN, font, "ra")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12), "epoch", INK, font, "ms")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _axis(low: float, high: float) -> tuple[float, float, float]:
    """The ends and the step of an axis with four to ten round steps that covers [low, high]."""
    span = max(high - low, 1e-3)
    step = 10.0 ** math.floor(math.log10(span))
    step = next(step * part for part in (1, 0.5, 0.2) if span >= 4 * step * part)
    first, last = math.floor(low / step) * step, math.ceil(high / step) * step
    return (first, last, step) if last > first else (first, first + step, step)
