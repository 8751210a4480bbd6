"""Where the names of points in a picture go, so that they cover neither each other nor the
points.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[float, float]

ORDERS = (
    40  # in which the points choose their places are tried; the one with the shortest ways is taken
)
_ANGLES = (0, 180, 20, -20, 160, -160, 40, -40, 140, -140, 90, -90, 60, -60, 120, -120)
_RINGS = 16
_CROSSING, _COVERING = (
    50.0,
    1000.0,
)  # what is wrong with a line across something, and with a text on something


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
    """Of a text: where it stands, and where a line from its point ends; `way` is the length of that
    line.
    """

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
    """For each point the place of its text.

    sizes: width and height of the texts. taken: what must not be covered, the points first, one box
    each. frame: what no text may leave. gap: between a point and a text beside it. A text that
    finds no place stands beside its point.
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
    """The places, if the points choose in this order, and what is wrong with them, in gaps
    squared.
    """
    texts: list[Box] = []
    lines: list[Box] = []
    placed = {}
    cost = 0.0
    for i in order:
        barred = [
            *(box for box in taken if not box.meets(taken[i])),
            *texts,
        ]  # a line starts within what it touches
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
    """Whether it is plain which point a text belongs to: none is nearer than its own, or its line
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
