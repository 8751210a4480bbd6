"""The picture of comparisons, rate against speed of compressing and decompressing, with names of
points that cover neither each other nor the points.
"""

from __future__ import annotations

import math
import random
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bitsback.errors import InputError
from bitsback_lab.bench.comparison import Comparison, Row
from bitsback_lab.bench.comparison_table import counted, title

ENDINGS = (".png", ".svg", ".pdf")

_SIZE = (13.0, 8.0)  # inches; at half the size, letters are as large as in a small book
_DPI = 120
_FONT = 14.0  # points
_WIDTH = 105  # letters of this size in a line
_MARKER = 10.0  # points
_INK, _OTHERS, _FAINT = "black", "0.3", "0.85"
_MARKERS = {
    "archive": "o", "stream": "o", "shuffled": "o", "mosaic": "s", "mosaics": "s", "strip": "s",
    "each": "^",
}  # fmt: skip
_KEY = (
    ("o", "white", "the pixels of all images"),
    ("s", "white", "pictures of all images"),
    ("^", "white", "a file for each image"),
    ("o", _INK, "bitsback"),
)


def check(file: str, force: bool) -> None:
    """Before any measurement: raises InputError if the picture cannot be written."""
    path = Path(file)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{file}: pictures are {', '.join(ENDINGS)}; name one of these endings")
    if path.exists() and not force:
        raise InputError(f"{file}: exists already; replace it with --force")
    if not path.parent.is_dir():
        raise InputError(f"{file}: there is no folder {path.parent}; make it first")


def draw(comparisons: Sequence[Comparison], file: Path) -> None:
    """Write the picture, with a name beside each point.

    One comparison has two panels with a common vertical axis, the rate. Several have a column each,
    compressing above decompressing.
    """
    matplotlib: Any = import_module("matplotlib")
    several = len(comparisons) > 1
    width, height = _SIZE
    size = (width / 2 * len(comparisons), height * 1.5) if several else _SIZE
    with matplotlib.rc_context({"font.size": _FONT, "svg.hashsalt": "bitsback"}):
        figure = import_module("matplotlib.figure").Figure(
            figsize=size, dpi=_DPI, layout="constrained"
        )
        import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        shape = (2, len(comparisons)) if several else (1, 2)
        panels = figure.subplots(*shape, sharey="col" if several else "row", squeeze=False)
        columns = list(panels.T) if several else [panels[0]]
        for axes, comparison in zip(columns, comparisons, strict=True):
            _panels(axes, comparison, several)
        letters = int(_WIDTH * size[0] / width)
        said = [_where(comparisons)] if several else [title(comparisons[0]), _where(comparisons)]
        head = [line for text in said for line in textwrap.wrap(text, letters)]
        figure.suptitle("\n".join(head), fontsize=_FONT, x=0.01, ha="left")
        _key(figure, [row for comparison in comparisons for row in comparison.rows])
        figure.draw_without_rendering()  # gives the panels and the texts their sizes
        for axes, comparison in zip(columns, comparisons, strict=True):
            for panel, speeds in zip(axes, _speeds(comparison.rows), strict=True):
                _names(panel, comparison.rows, speeds)
        figure.set_layout_engine("none")
        figure.savefig(file, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)


def _panels(axes: Sequence[Any], comparison: Comparison, several: bool) -> None:
    """Compressing and decompressing."""
    rows = comparison.rows
    unit = counted(comparison)
    for panel, what, speeds in zip(
        axes, ("compressing", "decompressing"), _speeds(rows), strict=True
    ):
        _points(panel, rows, speeds)
        panel.set_xlabel(f"{what}, MB/s (a {unit} is a byte)")
    axes[0].set_ylabel(f"bits per {unit}")
    if several:
        axes[0].set_title("\n".join(textwrap.wrap(title(comparison), _WIDTH // 2)), fontsize=_FONT)
        axes[1].set_ylabel(f"bits per {unit}")
    _scale_rates(axes[0], rows)


def _speeds(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return (
        [row.measured.encode_speed for row in rows],
        [row.measured.decode_speed for row in rows],
    )


def _where(comparisons: Sequence[Comparison]) -> str:
    rows = (row for comparison in comparisons for row in comparison.rows)
    places = dict.fromkeys(row.measured.processor for row in rows)
    return f"speeds of one thread on {' and '.join(places)}"


def _key(figure: Any, rows: Sequence[Row]) -> None:
    """Explains the shapes in a line."""
    line: Any = import_module("matplotlib.lines").Line2D
    shown = {(_MARKERS[row.measured.unit], _face(row)) for row in rows}
    handles = [
        line(
            [], [], marker=marker, markerfacecolor=face, markersize=_MARKER, color=_INK,
            lw=0, label=text,
        )
        for marker, face, text in _KEY
        if (marker, face) in shown
    ]  # fmt: skip
    if any(row.model_bytes for row in rows):
        handles.append(_with_model(line, [], [], label="the same with its model"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=_FONT - 2,
    )


def _face(row: Row) -> str:
    return _INK if row.ours else "white"


def _with_model(line: Any, x: Sequence[float], y: Sequence[float], **settings: Any) -> Any:
    return line(
        x, y, color=_INK, linewidth=1.4, linestyle=":", marker="D", markevery=[-1] if x else None,
        markerfacecolor="white", markersize=_MARKER - 2, zorder=2, **settings,
    )  # fmt: skip


def _points(axes: Any, rows: Sequence[Row], speeds: Sequence[float]) -> None:
    """Draws the points; those of bitsback are filled, and a dotted line leads up from them to the
    rate with the model inside.
    """
    ticker: Any = import_module("matplotlib.ticker")
    line: Any = import_module("matplotlib.lines").Line2D
    axes.set_xscale("log")
    for row, speed in zip(rows, speeds, strict=True):
        rate = row.measured.rate
        if row.model_bytes:
            axes.add_line(_with_model(line, [speed, speed], [rate, row.rate_with_model]))
        axes.plot(
            speed, rate, _MARKERS[row.measured.unit], color=_INK if row.ours else _OTHERS,
            markerfacecolor=_face(row), markersize=_MARKER, zorder=3,
        )  # fmt: skip
    span = max(speeds) / min(speeds)
    margin = 1.5 if span > 10 else 3.2  # so that at least one power of ten is visible
    axes.set_xlim(min(speeds) / margin / span**0.04, max(speeds) * margin * span**0.2)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.grid(True, which="major", color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _scale_rates(axes: Any, rows: Sequence[Row]) -> None:
    ticker: Any = import_module("matplotlib.ticker")
    rates = [row.measured.rate for row in rows]
    low, high = min(rates), max(*rates, *(row.rate_with_model for row in rows))
    margin = max((high / low) ** 0.08 * 1.05, 1.2)
    axes.set_yscale("log")
    axes.set_ylim(low / margin, high * margin)
    steps = (
        (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)
        if high / low < 5
        else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    )
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=steps))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))


def _names(axes: Any, rows: Sequence[Row], speeds: Sequence[float]) -> None:
    """Write the names, bitsback's first; a thin line leads to those that do not fit beside their
    points.
    """
    renderer = axes.figure.canvas.get_renderer()
    pixels = axes.figure.dpi / 72
    order = sorted(range(len(rows)), key=lambda i: (not rows[i].ours, rows[i].measured.rate))
    texts = [
        axes.text(
            0, 0, rows[i].measured.name, va="center", ha="left", fontsize=_FONT - 1, zorder=4,
            color=_INK if rows[i].ours else _OTHERS,
            fontweight="bold" if rows[i].ours else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, transform=None,
        )
        for i in order
    ]  # fmt: skip
    extents = [text.get_window_extent(renderer) for text in texts]
    points = [tuple(axes.transData.transform((speeds[i], rows[i].measured.rate))) for i in order]
    half = (_MARKER / 2 + 1) * pixels
    taken = [Box(x - half, y - half, x + half, y + half) for x, y in points]
    for i, (x, y) in zip(order, points, strict=True):
        if rows[i].model_bytes:
            top = axes.transData.transform((speeds[i], rows[i].rate_with_model))[1]
            taken.append(Box(x - 2 * pixels, y, x + 2 * pixels, top))
    gap = half + 2 * pixels
    panel = axes.get_window_extent(renderer)
    places = place(
        points,
        [(extent.width, extent.height) for extent in extents],
        taken,
        Box(panel.x0, panel.y0, panel.x1, panel.y1),
        gap,
    )
    for text, found, point in zip(texts, places, points, strict=True):
        text.set_position((found.box.left, (found.box.bottom + found.box.top) / 2))
        if found.way > gap:
            axes.annotate(
                "", point, xytext=found.end, xycoords="figure pixels", textcoords="figure pixels",
                arrowprops={
                    "arrowstyle": "-", "color": _OTHERS, "lw": 0.8, "shrinkA": 0,
                    "shrinkB": _MARKER / 2,
                },
            )  # fmt: skip


Point = tuple[float, float]

ORDERS = (
    40  # in which the points choose their places are tried; the one with the shortest ways is taken
)
_ANGLES = (0, 180, 20, -20, 160, -160, 40, -40, 140, -140, 90, -90, 60, -60, 120, -120)
_RINGS = 16
# The costs of a line across an object, and of a text on an object.
_CROSSING, _COVERING = 50.0, 1000.0


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def within(self, other: Box) -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


@dataclass(frozen=True)
class Spot:
    """The place of a label and the end of the line from its point, of length `way`."""

    box: Box
    end: Point
    way: float

    def line(self, point: Point) -> list[Box]:
        """The line as small boxes, from a little outside the point."""
        steps = max(2, int(self.way / 4))
        (x0, y0), (x1, y1) = point, self.end
        at = ((x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps))
        return [Box(x - 1, y - 1, x + 1, y + 1) for x, y in at]


def place(
    points: Sequence[Point], sizes: Sequence[Point], taken: Sequence[Box], frame: Box, gap: float
) -> list[Spot]:
    """The place of the text for each point.

    sizes: width and height of the texts. taken: boxes that must not be covered, those of the points
    first. frame: the box for all texts. gap: between a point and a text beside it. A text without a
    free place is beside its point.
    """
    order = list(range(len(points)))
    shuffler = random.Random(0)
    least, best = math.inf, dict[int, Spot]()
    for _ in range(ORDERS):
        cost, placed = _placed(order, points, sizes, taken, frame, gap)
        if cost < least:
            least, best = cost, placed
        shuffler.shuffle(order)
    return [best[i] for i in range(len(points))]


def _placed(
    order: Sequence[int],
    points: Sequence[Point],
    sizes: Sequence[Point],
    taken: Sequence[Box],
    frame: Box,
    gap: float,
) -> tuple[float, dict[int, Spot]]:
    """The places if the points choose in this order, and their total cost, in gaps squared."""
    texts: list[Box] = []
    lines: list[Box] = []
    placed = {}
    cost = 0.0
    for i in order:
        # A line starts inside the object that it touches.
        barred = [*(box for box in taken if not box.meets(taken[i])), *texts]
        first = None
        for found in _candidates(points[i], sizes[i], gap):
            if not found.box.within(frame) or any(
                found.box.meets(box) for box in (*taken, *texts, *lines)
            ):
                continue
            if _plain(found, points, gap) and not any(
                part.meets(box) for part in found.line(points[i]) for box in barred
            ):
                break
            first = first or found
        else:
            cost += _CROSSING if first else _COVERING
            found = first or next(_candidates(points[i], sizes[i], gap))
        cost += (found.way / gap - 1) ** 2
        placed[i] = found
        texts.append(found.box)
        if found.way > gap:
            lines += found.line(points[i])
    return cost, placed


def _plain(found: Spot, points: Sequence[Point], gap: float) -> bool:
    """Whether it is clear to which point a text belongs: its own point is the nearest, or its line
    is long enough.
    """
    return found.way > 3 * gap or not any(
        math.dist(found.end, point) < found.way * 0.99 for point in points
    )


def _candidates(point: Point, size: Point, gap: float) -> Iterator[Spot]:
    """Places for a text around its point, nearer ones first, and beside it before above it."""
    (x, y), (width, height) = point, size
    for ring in range(_RINGS):
        way = gap + ring * height / 2
        for angle in _ANGLES:
            across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            end = (x + way * across, y + way * up)
            left = end[0] + width * (-0.5 if abs(across) < 0.3 else 0 if across > 0 else -1)
            bottom = end[1] + height * (-0.5 if abs(up) < 0.6 else 0 if up > 0 else -1)
            yield Spot(Box(left, bottom, left + width, bottom + height), end, way)
