"""A plane while it is coded by `wavefront`: what is predicted of each pixel, and what the network
of a pixel reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .jpeg_colours import blues
from .planes import Field, ItemShape, median_edge
from .values import Ints
from .wavefront_rules import WavefrontRules

Singles = NDArray[np.float32]
Offsets = list[tuple[int, int]]

LEVEL = 2**6  # predictions and errors are in units of 2^-6 of a level
CELL = 8  # columns
MOST_STEP = 511  # differences of levels
MOST_NORMAL = 1023
MOST_WEIGHT = np.float32(32767)
LEAST_UNIT = 16
# A mean of errors comes from these: places and weights, of sum 8.
RECENT = [((0, -1), 2), ((-1, 0), 2), ((-1, -1), 1), ((-1, 1), 1), ((0, -2), 1), ((-2, 0), 1)]

# The inputs of least squares: pixels of the plane, of its first and of its second reference.
INPUTS: list[Offsets] = [
    [(-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2), (-2, 1), (-1, -2), (-1, 2)],
    [(0, 0), (-1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1)],
    [(0, 0), (-1, 0), (0, -1)],
]
# Further ones of a plane without references.
INPUTS_ALONE = [
    *((-2, -1), (-3, 0), (0, -3), (-2, -2), (-2, 2)),
    *((-1, -3), (-1, 3), (-3, -1), (-3, 1)),
]
# Those of which the network reads the difference to a prediction.
WINDOW: list[Offsets] = [
    [
        *((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2)),
        *((-2, -1), (-2, 1), (-1, -2), (-1, 2), (-3, 0), (0, -3)),
    ],
    [
        *((0, 0), (-1, 0), (0, -1), (0, 1), (1, 0)),
        *((-1, -1), (-1, 1), (1, -1), (1, 1), (-2, 0)),
    ],
    [(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1)],
]
WINDOW_ALONE = [
    *((-2, -2), (-2, 2), (-1, -3), (-1, 3), (-3, -1), (-3, 1)),
    *((-3, -2), (-3, 2), (-2, -3), (-2, 3), (-3, -3), (-3, 3)),
]
NEIGHBOURS = [(0, -1), (-1, 0), (-1, -1), (-1, 1)]
BESIDE = [(0, 1), (1, 0), (0, -1), (-1, 0)]


def recent(errors: Field, r: int, q: int) -> int:
    """E, the mean of the errors around a pixel."""
    return (sum(w * errors[r + dr, q + dq] for (dr, dq), w in RECENT) + 4) >> 3


def logarithm(s: int) -> int:
    """g(s)."""
    lead = s.bit_length() - 1
    return 8 * lead + (s >> (lead - 3)) % 8


def word(v: int) -> int:
    """s16."""
    return min(max(v, -(2**15)), 2**15 - 1)


def depth(levels: int) -> int:
    """B, the bits of a level."""
    return max((levels - 1).bit_length(), 8)


def rounded(t: Singles, to: int) -> Singles:
    """To a multiple of `to` / (1.5 * 2^23)."""
    return (t + np.float32(to)) - np.float32(to)


@dataclass(frozen=True)
class Unit:
    """The unit of a pixel, of the mean of the errors around it, in 2^-6 of a level."""

    mean: int

    @cached_property
    def shift(self) -> int:
        """s."""
        return max(self.mean.bit_length() - 12, 0)

    @cached_property
    def value(self) -> int:
        """e, in 2^(s - 6) of a level."""
        return (self.mean + LEAST_UNIT) >> self.shift

    @cached_property
    def log(self) -> int:
        """G."""
        return logarithm(self.mean + LEAST_UNIT)

    def norm(self, d: int) -> int:
        reciprocal = min(2**19 // self.value, 32767)
        return (d * reciprocal + 2**14) >> 15

    def step(self, d: int) -> int:
        """A difference of levels in 2^s levels."""
        rounded = (word(2 * word(d)) * 2 ** (14 - self.shift) + 2**14) >> 15
        return min(max(rounded, -MOST_STEP), MOST_STEP)

    def down(self, d: int) -> int:
        """A number in 2^-6 of a level in 2^(s - 6)."""
        return word(d >> self.shift)

    def difference(self, level: int, median: int, prediction: int) -> int:
        """That of a level to a prediction, with the median of its plane."""
        change = self.down(prediction - LEVEL * median)
        return self.norm(word(LEVEL * self.step(level - median) - change))


class Prediction(NamedTuple):
    """The prediction of a pixel."""

    medians: list[int]  # of the plane and its references, in levels
    inputs: list[int]  # of least squares, in 2^shift levels
    value: int  # P, in 2^-6 of a level
    unit: Unit


class CellSums:
    """The sums and the weights of least squares of one plane."""

    def __init__(self, of: WavefrontRules, references: int, columns: int) -> None:
        self.of, self.start = of, of.starts[references].astype(np.float32)
        self.last = (columns - 1) // CELL
        self.above: dict[tuple[int, int], Singles] = {}  # S, by row and cell
        self.products: dict[tuple[int, int], Ints] = {}  # those of the pixels of a cell
        self.known: dict[tuple[int, int], list[int]] = {}  # weights

    def weights(self, r: int, q: int) -> list[int]:
        """Those of two cells, once what they depend on is complete."""
        m = q // (2 * CELL)
        if (r, m) not in self.known:
            self.known[r, m] = solve(self.kept(r, 2 * m), self.of.ridge)
        return self.known[r, m]

    def add(self, r: int, q: int, values: list[int]) -> None:
        """The inputs and the target of a pixel, to the sums of its cell."""
        v, at = np.array(values, np.int64), (r, q // CELL)
        self.products[at] = self.products.get(at, 0) + np.tril(np.outer(v, v))

    def whole(self, r: int, k: int) -> Singles:
        """A(r, k)."""
        sums: Singles = self.kept(r, k) + self.products[r, k].astype(np.float32)
        return sums

    def kept(self, r: int, k: int) -> Singles:
        """S(r, k)."""
        if r == 0:
            return self.start
        if (r, k) not in self.above:
            d0, d1, d2 = self.of.decay
            own = d0 + (d1 if k == 0 else 0) + (d2 if k == self.last else 0)
            t = np.float32(own / 256) * self.whole(r - 1, k)
            if k > 0:
                t = t + np.float32(d1 / 256) * self.whole(r - 1, k - 1)
            if k < self.last:
                t = t + np.float32(d2 / 256) * self.whole(r - 1, k + 1)
            self.above[r, k] = rounded(t, 12582912)
        return self.above[r, k]


def solve(sums: Singles, ridge: int) -> list[int]:
    """The weights of the inputs, from the lower triangle of the sums of products."""
    n = len(sums) - 1
    h, least = sums.copy(), np.float32(ridge)
    h[range(n), range(n)] += least
    c, d, y = np.zeros_like(h), np.zeros_like(h), np.zeros(n, np.float32)
    with np.errstate(all="ignore"):
        for j in range(n):
            t = h[j:, j]
            for k in range(j):
                t = t - d[j, k] * c[j:, k]
            c[j:, j] = rounded(t, 196608)
            pivot = c[j, j] if c[j, j] > least else least
            d[j + 1 :, j] = c[j + 1 :, j] * (np.float32(1) / pivot)
        for i in reversed(range(n)):
            t = d[n, i]
            for k in reversed(range(i + 1, n)):
                t = t - d[k, i] * y[k]
            y[i] = rounded(t, 3072)
        t = np.float32(4096) * y
        t = np.where(t > -MOST_WEIGHT, t, -MOST_WEIGHT)
        return [int(w) for w in np.where(t < MOST_WEIGHT, t, MOST_WEIGHT)]


class Plane:
    """A plane while it is coded: what is known of it."""

    def __init__(
        self,
        of: WavefrontRules,
        shape: ItemShape,
        references: Sequence["Plane"],
        others: Sequence["Plane"],
        channel: int,
    ) -> None:
        """others: if it is blue and has colours of JPEG, green and red."""
        self.shape, self.references, self.others = shape, references, others
        self.channel = channel
        self.network = of.networks[len(references)]
        middle = shape.levels >> 1

        def field(start: int) -> Field:
            return Field(shape.rows, shape.columns, start)

        self.x, self.predicted, self.signed = field(middle), field(LEVEL * middle), field(0)
        self.error = field(2 * shape.levels)
        self.log = field(logarithm(2 * shape.levels + 16))
        self.sums = CellSums(of, len(references), shape.columns)

    @classmethod
    def next(cls, of: WavefrontRules, shape: ItemShape, planes: list["Plane"]) -> None:
        """Adds the plane behind these."""
        p = len(planes)
        references = [planes[other] for other in shape.references(p)]
        is_blue = shape.jpeg and p % 3 == 2
        others = planes[p - 2 : p] if is_blue else ()
        planes.append(cls(of, shape, references, others, p % shape.channels))

    def blues(self, r: int, q: int) -> list[int] | None:
        """The levels that a pixel may have, if not all."""
        if not self.others:
            return None
        green, red = self.others
        return blues(green.x[r, q], red.x[r, q])

    def predict(self, r: int, q: int) -> Prediction:
        planes, u = [self, *self.references], []
        medians = [median_edge(plane.x, r, q) for plane in planes]
        unit = Unit(recent(self.error, r, q))
        for plane, median, offsets in zip(planes, medians, INPUTS, strict=False):
            u += [unit.step(plane.x[r + dr, q + dq] - median) for dr, dq in offsets]
        if not self.references:
            u += [unit.step(self.x[r + dr, q + dq] - medians[0]) for dr, dq in INPUTS_ALONE]
        change = sum(w * one for w, one in zip(self.sums.weights(r, q), u, strict=True))
        value = LEVEL * medians[0] + (word((change + 32) >> 6) << unit.shift)
        value = min(max(value, 0), LEVEL * (self.shape.levels - 1))
        return Prediction(medians, u, value, unit)

    def features(self, r: int, q: int, known: Prediction) -> list[int]:
        """What the network reads, before it is limited."""
        p, unit = known.value, known.unit
        g, bits = unit.log, (self.shape.levels - 1).bit_length()

        def window(plane: Plane, offsets: Offsets, median: int, center: int) -> list[int]:
            return [unit.difference(plane.x[r + dr, q + dq], median, center) for dr, dq in offsets]

        median = known.medians[0]
        features = window(self, WINDOW[0], median, p)
        features.append(unit.difference(median, median, p))
        features += [unit.norm(unit.down(self.signed[r + dr, q + dq])) for dr, dq in NEIGHBOURS]
        features += [2 * (g - 56), p % 64 - 32, ((p << 2) >> bits) - 128]
        if not self.references:
            features += window(self, WINDOW_ALONE, median, p)
        for i, other in enumerate(self.references, 1):
            features += window(other, WINDOW[i], known.medians[i], other.predicted[r, q])
        for other in self.references:
            around = sum(other.error[r + dr, q + dq] for dr, dq in BESIDE)
            near = logarithm(around + 2 * other.error[r, q] + 96) - 20
            features += [2 * (near - g), 2 * (other.log[r, q] - g)]
        return features

    def learn(self, r: int, q: int, known: Prediction, level: int) -> None:
        """The pixel is known now."""
        signed = LEVEL * level - known.value
        self.x[r, q], self.predicted[r, q], self.signed[r, q] = level, known.value, signed
        most = (16 << depth(self.shape.levels)) - 1
        self.error[r, q], self.log[r, q] = min(abs(signed), most), known.unit.log
        target = known.unit.step(level - known.medians[0])
        steps = [known.unit.norm(LEVEL * u) for u in [*known.inputs, target]]
        self.sums.add(r, q, [min(max(v, -MOST_NORMAL), MOST_NORMAL) for v in steps])
