"""The style of all figures: black on white, with greys and line styles, so that they survive a
printer.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH = 7.0  # inches, as wide as a column of text
INK, DARK, MIDDLE, LIGHT = "0.0", "0.35", "0.6", "0.85"
LINES = (
    {"color": INK, "linestyle": "-"},
    {"color": DARK, "linestyle": "--"},
    {"color": MIDDLE, "linestyle": "-"},
    {"color": DARK, "linestyle": ":"},
    {"color": MIDDLE, "linestyle": "-."},
)
MARKERS = ("o", "s", "^", "D", "v")
"""Kinds of lines and of marks on them for `Axes.plot`, in the order in which to use them."""

_SETTINGS = {
    "font.family": "DejaVu Sans",  # it comes with matplotlib
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 150,
}


Draw = Callable[[dict[str, Any], Path], list[Path]]


def picture(
    name: str, height: float, rows: int = 1, columns: int = 1, **settings: Any
) -> Callable[[Any], Draw]:
    """Turns `paint(axes, numbers)` into a function of numbers and a folder that writes NAME.png
    into it.

    The picture is as wide as all others and `height` inches high; `axes` is the result of
    `pyplot.subplots` for so many rows and columns. The same numbers give the same bytes.
    """

    def decorate(paint: Callable[[Any, dict[str, Any]], None]) -> Draw:
        def draw(numbers: dict[str, Any], folder: Path) -> list[Path]:
            matplotlib = import_module("matplotlib")
            path = folder / f"{name}.png"
            with matplotlib.rc_context(_SETTINGS):
                drawn = import_module("matplotlib.figure").Figure(
                    (WIDTH, height), layout="constrained"
                )
                paint(drawn.subplots(rows, columns, **settings), numbers)
                pixels = io.BytesIO()
                drawn.savefig(pixels, metadata={"Software": None})
                # In grey it has a third of the size, and looks as printed.
                Image.open(pixels).convert("L").save(path, optimize=True)
            return [path]

        return draw

    return decorate


def legend_above(axes: Any, columns: int) -> None:
    """Puts the legend of these axes above the picture, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    axes.get_figure().legend(handles, labels, loc="outside upper center", ncols=columns)
