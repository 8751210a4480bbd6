"""The codec `wavefront`: images of any size as planes, many rows at once; each pixel has a mixture
of three logistics over 64 bins of levels.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from .codecs import COMPONENTS, look_up
from .message import Interval, Message
from .planes import ItemShape
from .values import Ints
from .wavefront_plane import Plane, Prediction, depth
from .wavefront_rules import WavefrontRules

BINS = 64
PRECISION = 15  # of bins
BLUE = 23  # that of blue of colours of JPEG
ROUND = 32  # to whole levels
SHEET, LAG, DELAY = 4, 16, 18  # planes at once, the times between rows, and between planes
SLOTS, ROWS = 64, 1024  # of the items of a group together


@cache
def row(scale: int, fraction: int) -> list[int]:
    """T[scale][fraction]."""
    unit = (65536, 77936, 92682, 110218)[(36 - scale) % 4] << ((36 - scale) // 4)
    table, reach = COMPONENTS["logistic"]
    places = [16 * (i - 64) - 2 * fraction - 1 for i in range(128)]
    return [65408 * look_up(table, place * unit, reach, 24) >> 28 for place in places]


def shares(y: Sequence[int]) -> list[int]:
    """The weights of the components, in 2^-16."""
    logs = [0, *y]
    d = [max(log - max(logs), -1280) for log in logs]
    p = [np.float32((11904 + one % 64 * (122 + one % 64)) * 2.0 ** (one >> 6)) for one in d]
    s = (p[0] + p[1]) + p[2]
    q = np.float32(65535) / s
    return [int(np.floor(one * q)) for one in p]


class Mixture:
    """The distribution of a pixel over bins, and over the levels of each."""

    def __init__(self, known: Prediction, y: Sequence[int], levels: int) -> None:
        self.weights, self.levels = shares(y[:2]), levels
        scales = [2 * known.unit.log + one - 96 for one in y[5:]]
        least, finest = (4096, 29) if levels <= 256 else (16384, 5)
        largest = max(s for s, w in zip(scales, self.weights, strict=True) if w >= least)
        self.b = b = min(max((largest - finest) >> 4, 0), depth(levels) - 4)
        self.base = (known.value + ROUND) >> 6 >> b << b
        unit, shift = 8 * min(known.unit.value, 4095), known.unit.shift
        from_base = known.value + ROUND - 64 * self.base
        t = [from_base + ((one * unit + 2**14) >> 15 << shift) for one in y[2:5]]
        m = [min(max((one >> (3 + b)) + 256, 0), 511) for one in t]
        c = [min(max((s - 16 * b + 82) >> 2, 0), 35) for s in scales]
        self.rows = [row(scale, mean % 8) for scale, mean in zip(c, m, strict=True)]
        self.firsts = [64 - (mean >> 3) for mean in m]
        self.ends = self.bin(0), self.bin(levels - 1)

    def bin(self, x: int) -> int:
        return min(max((x - self.base + (1 << (self.b + 5))) >> self.b, 0), BINS - 1)

    def start(self, j: int) -> int:
        """B(j)."""
        if j <= self.ends[0]:
            return 0
        if j > self.ends[1]:
            return 1 << PRECISION
        parts = zip(self.rows, self.firsts, self.weights, strict=True)
        return j + (sum(of[first + j] * w >> 16 for of, first, w in parts) >> 1)

    def mass(self, j: int) -> int:
        return self.start(j + 1) - self.start(j)

    def of_bin(self, j: int) -> range:
        """The levels of a bin."""
        low = self.base + ((j - BINS // 2) << self.b)
        first = 0 if j == 0 else min(max(low, 0), self.levels)
        end = self.levels if j == BINS - 1 else min(max(low + (1 << self.b), 0), self.levels)
        return range(first, end)

    def precision(self, j: int) -> int:
        """That of the levels of a bin."""
        count = len(self.of_bin(j))
        whole = 0 < j < BINS - 1 and count == 1 << self.b
        return self.b if whole else 8 if count <= 256 else 16

    def within(self, j: int, x: int) -> Interval:
        """The interval of a level of this bin."""
        levels, precision = self.of_bin(j), self.precision(j)
        start, end = ((x - levels[0] + i << precision) // len(levels) for i in (0, 1))
        return Interval(start, end - start, precision)

    def intervals(self, x: int) -> list[Interval]:
        j = self.bin(x)
        return [Interval(self.start(j), self.mass(j), PRECISION), self.within(j, x)]

    def pop(self, message: Message, lane: int) -> int:
        j = bisect_right(range(BINS), message.peek(lane, PRECISION), key=self.start) - 1
        bins = Interval(self.start(j), self.mass(j), PRECISION)
        levels = self.of_bin(j)
        left = message.peek_behind(lane, bins, self.precision(j))
        x = bisect_right(levels, left, key=lambda x: self.within(j, x).start) - 1 + levels[0]
        message.pop_all(lane, [bins, self.within(j, x)])
        return x


@dataclass
class Blue:
    """That of a pixel that has a colour of JPEG with its green and red."""

    of: Mixture
    blues: list[int]

    @cached_property
    def sums(self) -> list[int]:
        """M, of the blues alone."""
        sums = [0]
        for x in self.blues:
            j = self.of.bin(x)
            sums.append(sums[-1] + (self.of.mass(j) << 8) // len(self.of.of_bin(j)))
        return sums

    def start(self, number: int) -> int:
        return (self.sums[number] << BLUE) // self.sums[-1]

    def interval(self, number: int) -> Interval:
        return Interval(self.start(number), self.start(number + 1) - self.start(number), BLUE)

    def intervals(self, x: int) -> list[Interval]:
        number = bisect_left(self.blues, x)
        assert self.blues[number] == x
        return [self.interval(number)]

    def pop(self, message: Message, lane: int) -> int:
        places = range(len(self.blues))
        number = bisect_right(places, message.peek(lane, BLUE), key=self.start) - 1
        message.pop_all(lane, [self.interval(number)])
        return self.blues[number]


class Place(NamedTuple):
    """A pixel."""

    plane: Plane
    row: int
    column: int
    element: int  # of those of all items


@dataclass
class WavefrontItem:
    shape: ItemShape
    first: int  # element
    planes: list[Plane] = field(default_factory=list)


@dataclass
class WavefrontCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    of: WavefrontRules
    shapes: Sequence[ItemShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        coded = []
        for places in self.steps():
            for i, place in enumerate(places):
                known, pixel = self.look(place)
                coded.append((i % len(message.heads), pixel.intervals(symbols[place.element])))
                place.plane.learn(place.row, place.column, known, symbols[place.element])
        for lane, intervals in reversed(coded):
            message.push_all(lane, intervals)

    def pop(self, message: Message) -> list[int]:
        symbols = [0] * sum(shape.elements for shape in self.shapes)
        for places in self.steps():
            for i, place in enumerate(places):
                known, pixel = self.look(place)
                level = symbols[place.element] = pixel.pop(message, i % len(message.heads))
                place.plane.learn(place.row, place.column, known, level)
        return symbols

    def look(self, place: Place) -> tuple[Prediction, Mixture | Blue]:
        """What is predicted of a pixel, and its distribution."""
        plane, r, q = place[:3]
        known = plane.predict(r, q)
        features: Ints = np.array(plane.features(r, q, known))
        y = plane.network.run(features).tolist()
        mixture, blues = Mixture(known, y, plane.shape.levels), plane.blues(r, q)
        return known, mixture if blues is None else Blue(mixture, blues)

    def steps(self) -> Iterator[list[Place]]:
        """In the order of a pop."""
        for group in self.groups():
            shape = group[0].shape
            for s in range(shape.slices):
                for first in range(0, shape.channels, SHEET):
                    count = min(SHEET, shape.channels - first)
                    yield from self.sheet(group, s * shape.channels + first, count)

    def groups(self) -> Iterator[list[WavefrontItem]]:
        items, first = [], 0
        for shape in self.shapes:
            items.append(WavefrontItem(shape, first))
            first += shape.elements
        while items:
            count = group_size([item.shape for item in items])
            yield items[:count]
            items = items[count:]

    def sheet(self, group: list[WavefrontItem], first: int, count: int) -> Iterator[list[Place]]:
        """The steps of so many planes."""
        for item in group:
            for _ in range(count):
                Plane.next(self.of, item.shape, item.planes)
        shape = group[0].shape
        times = LAG * (shape.rows - 1) + shape.columns
        for time in range(times + DELAY * (count - 1)):
            for i in range(count):
                places = []
                for r in range(shape.rows):
                    q = time - LAG * r - DELAY * i
                    if 0 <= q < shape.columns:
                        for item in group:
                            element = item.first + shape.element(first + i, r, q)
                            places.append(Place(item.planes[first + i], r, q, element))
                if places:
                    yield places


def group_size(shapes: Sequence[ItemShape]) -> int:
    """The number of items, from the first on, that are coded together."""
    shape = shapes[0]
    alike = next((n for n, other in enumerate(shapes) if other != shape), len(shapes))
    across = -(-shape.columns // LAG)
    most = min(SLOTS // min(shape.rows, across), ROWS // min(shape.rows, across + 64))
    k = 1
    while 2 * k <= min(alike, most):
        k *= 2
    return k
