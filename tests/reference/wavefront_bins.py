"""The distribution of a pixel of `wavefront`: a mixture of three logistics over 64 bins."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from .codecs import COMPONENTS, look_up
from .message import Interval, Message
from .wavefront_plane import Prediction, depth

BINS = 64
PRECISION = 15  # of bins
BLUE = 23  # that of blue of colours of JPEG
ROUND = 32  # to whole levels


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

    def below(self, x: int) -> int:
        """C(x), which decisions divide."""
        bits = 8 if self.levels <= 256 else 16
        if x >= self.levels:
            return 1 << (PRECISION + bits)
        j = self.bin(x)
        levels = self.of_bin(j)
        return (self.start(j) << bits) + (self.mass(j) << bits) * (x - levels[0]) // len(levels)

    def symbol(self, x: int) -> int:
        return x

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

    def below(self, x: int) -> int:
        """M(x)."""
        return self.sums[bisect_left(self.blues, x)]

    def start(self, number: int) -> int:
        return (self.sums[number] << BLUE) // self.sums[-1]

    def interval(self, number: int) -> Interval:
        return Interval(self.start(number), self.start(number + 1) - self.start(number), BLUE)

    def symbol(self, x: int) -> int:
        return x

    def intervals(self, x: int) -> list[Interval]:
        number = bisect_left(self.blues, x)
        assert self.blues[number] == x
        return [self.interval(number)]

    def pop(self, message: Message, lane: int) -> int:
        places = range(len(self.blues))
        number = bisect_right(places, message.peek(lane, BLUE), key=self.start) - 1
        message.pop_all(lane, [self.interval(number)])
        return self.blues[number]
