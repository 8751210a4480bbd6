"""Pictures of the tutorial, as SVG in the page: drawn from numbers, in the page's colours and
width. Each function returns a figure in HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

WIDTH = 640
INK = "currentColor"
MAIN = "var(--md-primary-fg-color)"
OTHER = "#e07a3f"
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 30


def _element(name: str, inside: str = "", **attributes: Any) -> str:
    told = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{told}>{inside}</{name}>"


def _text(x: float, y: float, text: str, anchor: str = "middle", size: int = 13) -> str:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
    return _element("text", escape(text), **place, text_anchor=anchor, font_size=size, fill=INK)


def _rectangle(x: float, y: float, width: float, height: float, fill: str, **more: Any) -> str:
    place = {"x": f"{x:.2f}", "y": f"{y:.2f}", "width": f"{width:.2f}", "height": f"{height:.2f}"}
    return _element("rect", **place, fill=fill, **more)


def _line(x1: float, y1: float, x2: float, y2: float, **more: Any) -> str:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return _element("line", **ends, stroke=INK, **more)


def _figure(inside: str, height: float, told: str, width: float = WIDTH) -> str:
    """A figure with the text `told` for screen readers; no line breaks, which Markdown would
    see.
    """
    svg = _element(
        "svg",
        inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=escape(told, quote=True),
    )
    return f"<figure>{svg}<figcaption>{escape(told)}</figcaption></figure>"


def intervals(frequencies: dict[str, int], told: str) -> str:
    """The numbers below the sum of the frequencies, cut into an interval for each symbol."""
    total = sum(frequencies.values())
    step = (WIDTH - 24) / total
    drawn, start = [], 0
    for number, (symbol, frequency) in enumerate(frequencies.items()):
        x = 12 + start * step
        shade = {"opacity": f"{0.75 - 0.2 * (number % 3):.2f}"}
        drawn.append(_rectangle(x + 1, 14, frequency * step - 2, 44, MAIN, rx=4, **shade))
        drawn.append(_text(x + frequency * step / 2, 42, symbol, size=20))
        drawn += [
            _text(x + (k + 0.5) * step, 78, str(start + k), size=14) for k in range(frequency)
        ]
        start += frequency
    return _figure("".join(drawn), 90, told)


def _axes(low: float, high: float, height: float) -> tuple[str, Any]:
    """Horizontal lines at round numbers, and the function from a value to its y."""
    rough = (high - low) / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * k for k in (1, 2, 5, 10) if unit * k >= rough)
    inner = height - TOP - BOTTOM

    def y(value: float) -> float:
        return TOP + inner * (1 - (value - low) / (high - low))

    drawn = []
    for value in np.arange(np.ceil(low / step) * step, high + step / 1000, step):
        drawn.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), stroke_opacity="0.15"))
        drawn.append(_text(LEFT - 6, y(value) + 4, f"{value + 0:g}", "end", 12))
    return "".join(drawn), y


def steps(lengths: Sequence[float], labels: Sequence[str], told: str) -> str:
    """A bar for the length of the message after each step; labels of the steps between them."""
    height, most = 260, max(lengths)
    drawn, y = _axes(min(0.0, *lengths) * 1.25, most * 1.08, height)
    width = (WIDTH - LEFT - RIGHT) / len(lengths)
    for number, (length, label) in enumerate(zip(lengths, labels, strict=True)):
        x = LEFT + number * width
        top, below = y(max(length, 0)), y(min(length, 0))
        drawn += _rectangle(x + width * 0.14, top, width * 0.72, below - top, MAIN, rx=3)
        drawn += _text(x + width / 2, top - 4, f"{length:.1f}", size=12)
        drawn += _text(x + width / 2, height - 6, label, size=13)
    return _figure(drawn, height, told)


def curves(lines: dict[str, ArrayLike], told: str) -> str:
    """One or two lines over 1, 2, 3, ...; their names stand in the picture."""
    height = 280
    values = {name: np.asarray(line, np.float64) for name, line in lines.items()}
    low = min(0.0, *(line.min() for line in values.values()))
    high = max(line.max() for line in values.values())
    drawn, y = _axes(low, high * 1.05, height)
    for number, (name, line) in enumerate(values.items()):
        colour = (MAIN, OTHER)[number]
        x = np.linspace(LEFT, WIDTH - RIGHT, len(line))
        points = " ".join(f"{a:.1f},{y(b):.1f}" for a, b in zip(x, line, strict=True))
        drawn += _element("polyline", points=points, fill="none", stroke=colour, stroke_width=2.5)
        drawn += _rectangle(WIDTH - 200, TOP + 8 + 22 * number, 14, 14, colour, rx=3)
        drawn += _text(WIDTH - 180, TOP + 20 + 22 * number, name, "start")
    return _figure(drawn, height, told)


def bars(values: dict[str, float], told: str) -> str:
    """A horizontal bar for each value, with its name above it."""
    most, drawn = max(values.values()), ""
    for number, (name, value) in enumerate(values.items()):
        y = number * 46
        drawn += _text(8, y + 15, name, "start", 14)
        drawn += _rectangle(8, y + 21, (WIDTH - 140) * value / most, 18, MAIN, rx=3)
        drawn += _text(16 + (WIDTH - 140) * value / most, y + 35, f"{value:,.4g}", "start")
    return _figure(drawn, len(values) * 46 + 4, told)


def images(pictures: ArrayLike, told: str, columns: int = 8, labels: Sequence[str] = ()) -> str:
    """Images [number, rows, columns] of values in [0, 1], one being ink, beside each other."""
    array = np.asarray(pictures, np.float64)
    number, rows, across = array.shape
    columns = min(columns, number)
    cell = WIDTH / columns
    pixel = cell * 0.88 / across
    line = rows * pixel + cell * 0.12 + (18 if labels else 0)
    drawn = ""
    for k, picture in enumerate(array):
        left, top = (k % columns) * cell + cell * 0.06, (k // columns) * line + 4
        frame = {"stroke": INK, "stroke_opacity": "0.35"}
        drawn += _rectangle(left, top, across * pixel, rows * pixel, "none", **frame)
        for row, column in np.argwhere(picture > 0.02):
            place = (left + column * pixel, top + row * pixel, pixel + 0.05, pixel + 0.05)
            drawn += _rectangle(*place, INK, fill_opacity=f"{picture[row, column]:.2f}")
        if labels:
            drawn += _text(left + across * pixel / 2, top + rows * pixel + 15, labels[k], size=12)
    return _figure(drawn, -(-number // columns) * line + 4, told)
