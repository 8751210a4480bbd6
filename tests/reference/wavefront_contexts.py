"""Contexts beside the network of `wavefront`: a pixel is coded by its bits, as binary decisions.
Mixers make a probability of each of what the network says and of what contexts have counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .codecs import Bernoulli
from .counted import STRETCH, Slot, Weights, squash, stretch
from .counted_rules import Context
from .message import Interval, Message
from .values import Ints
from .wavefront_bins import ROUND, Blue, Mixture
from .wavefront_plane import Plane, Prediction, depth

FACTORS = 0x9E3779B1, 0x85EBCA6B
WORD = 2**32
NARROW = 8  # the most decisions of a pixel whose nodes have sets of their own
TOGETHER = 4  # decisions whose slots lie near one another
PART = 64  # pixels whose decisions are one array
SURE = 11360
PRECISION = 16
NETWORK, ERRORS, DIFFERENCES = 7, 8, 10  # numbers of inputs: the first ones are of levels
NEAR = 11, 12, 13, 14  # differences that have slots in common if there are references
OF_LEVELS, OF_OTHERS = Context(21, 60, []), Context(32, 127, [])
TRUST = 30
RATES, HALF = (2047, 200), 512
START = np.array([1638, 0] * NETWORK + [2**14, 0] + [0, 0] * 8)

Code = Callable[[int, int, "Decision"], int]
"""Codes a decision with this number in its array, of the pixel of an element, and gives its bit."""


@dataclass
class Decision:
    place: int  # of its bit in the level
    probability: int  # of a 1, in units of 2^-28

    def symbol(self, level: int) -> int:
        """The bit of a pixel of this level."""
        return level >> self.place & 1

    def intervals(self, bit: int) -> list[Interval]:
        ones = min(max(self.probability >> (28 - PRECISION), 1), 2**PRECISION - 1)
        start, end = (Bernoulli(ones, PRECISION).cumulative(c) for c in (bit, bit + 1))
        return [Interval(start, end - start, PRECISION)]

    def pop(self, message: Message, lane: int) -> int:
        zeros = self.intervals(0)
        bit = int(message.peek(lane, PRECISION) >= zeros[0].freq)
        message.pop_all(lane, self.intervals(bit))
        return bit


def logarithm(v: int) -> int:
    """In units of 2^-11, but for a constant."""
    lead = v.bit_length() - 1
    return (90852 * lead >> 6) - STRETCH[(v << 6 >> lead) - 64]


def limited(t: int) -> int:
    """Log-odds, for `squash`."""
    return min(max(t, -(2**16)), 2**16 - 1)


def steps(v: int, *bounds: int) -> int:
    """How many of these are less."""
    return sum(bound < v for bound in bounds)


def signed_word(v: int) -> int:
    """Modulo 2^16."""
    return (v + 2**15) % 2**16 - 2**15


class Surroundings:
    """The values of all contexts of a pixel."""

    def __init__(self, plane: Plane, r: int, q: int, known: Prediction) -> None:
        self.unit, self.value, self.signed = known.unit, known.value, plane.signed
        self.place, self.references = (r, q), len(plane.references)
        self.channel, self.decisions = plane.channel, depth(plane.shape.levels)
        self.zero = 2**15 if self.is_wide else 0  # subtracted from levels
        self.y = ((known.value + ROUND) >> 6) - self.zero
        planes = [plane, *plane.references]

        def look(number: int, *offsets: tuple[int, int]) -> list[int]:
            if number >= len(planes):
                return [0] * len(offsets)
            return [planes[number].x[r + dr, q + dq] - self.zero for dr, dq in offsets]

        around = (0, -1), (-1, 0), (-1, -1), (-1, 1)
        farther = (0, -2), (-2, 0), (-1, -2), (-2, 1), (-2, -1), (-1, 2), (-3, 0), (0, -3)
        self.twelve = look(0, *around, *farther)
        self.first, self.second = (look(number, (0, 0), *around) for number in (1, 2))
        self.errors, sum_of_two = self.find_errors()
        self.scale = (self.errors[1][0] >> 1, sum_of_two, self.y)
        self.levels, self.differences = self.find_levels(), self.find_differences()

    @property
    def is_wide(self) -> bool:
        return self.decisions > NARROW

    def find_levels(self) -> list[list[int]]:
        """The values of contexts 0 to 6."""
        w, n, nw, ne = self.twelve[:4]
        (o1, w1, n1), (o2, w2) = self.first[:3], self.second[:2]
        all_of_them = [*self.twelve, o1, o2, w1, n1]
        if self.references == 0:
            four = [x >> 2 for x in (w, n, nw, ne)]
            return [[self.y], [n, ne], [], [w, nw], [w, n], four, all_of_them]
        farther = [w, o2] if self.references == 1 else [w, o2, w2]
        if self.channel == 0:
            pairs = [[self.y], [n, o1], [o1], [w, o1], []]
        else:
            pairs = [[self.y, o1, o2 >> 3], [n, o1, n1], [o1, o2], [w, o1, w1], [self.y, o2]]
        return [*pairs, farther, all_of_them]

    def find_errors(self) -> tuple[list[list[int]], int]:
        """The values of contexts 8 and 9, and in steps the sum of two errors."""
        r, q = self.place

        def errors(*offsets: tuple[int, int]) -> list[int]:
            signed = [self.signed[r + dr, q + dq] for dr, dq in offsets]
            return [self.unit.norm(self.unit.down(d)) for d in signed]

        eights, fours = errors((0, -1), (-1, 0)), errors((-1, 1), (-1, -1))
        near = [steps(v, -26, -13, -5, 0, 5, 13, 26) for v in eights]
        near += [steps(v, -9, 0, 9) for v in fours]
        both = steps(sum(eights), -60, -44, -32, -22, -14, -8, -3, 2, 7, 13, 21, 31, 43, 59)
        return [near, [min((self.unit.log - 32) >> 1, 63), self.value % 64 >> 2]], both

    def find_differences(self) -> list[tuple[int, int, int]]:
        """The values of contexts 10 to 15, and the levels near."""
        w, n, nw, ne, ww, nn = self.twelve[:6]
        o1, w1, n1 = self.first[:3]
        o2 = self.second[0]
        if self.references == 0:
            return [
                (n - nw, 0, w),
                (nw - n, ne - n, n),
                (0, 0, w + n - nw),
                (ww - w, 0, w),
                (nn - n, 0, n),
                self.scale,
            ]
        apart = [
            (o1 - self.first[i], o2 - self.second[i], near)
            for i, near in ((1, w), (2, n), (4, ne), (3, nw))
        ]
        first = (w - w1 if self.references == 1 else o2 - o1, 0, o1)
        if self.channel == 0:
            return [first, *apart, self.scale]
        if self.references == 1:
            return [first, *apart, ((w - w1) - (n - n1), 0, o1 + w - w1)]
        return [first, *apart, (o2 - o1, w - w1, o1)]


@dataclass
class Pixel:
    """A pixel while its decisions are coded."""

    element: int
    channel: int
    surroundings: Surroundings
    distribution: Mixture | Blue
    level: int = 0  # of the bits that are known, with zeros behind them
    depth: int = 0  # how many these are
    odds: int = 0  # of a 1 by the network

    @property
    def place(self) -> int:
        """Of the next bit."""
        return self.surroundings.decisions - 1 - self.depth

    @property
    def middle(self) -> int:
        return self.level + (1 << self.place)

    @property
    def node(self) -> int:
        return (2 << self.place + self.depth | self.level) >> (self.place + 1)

    def divide(self) -> bool:
        """Finds the odds of the next bit, or takes it if there is no choice."""
        ends = self.level, self.middle, self.level + (2 << self.place)
        a, m, e = (self.distribution.below(x) for x in ends)
        if m in (a, e):
            self.take(int(m != e))
            return False
        self.odds = logarithm(e - m) - logarithm(m - a)
        return True

    @property
    def is_sure(self) -> bool:
        return abs(self.odds) > SURE

    def take(self, bit: int) -> None:
        self.level = self.middle if bit else self.level
        self.depth += 1

    @property
    def size(self) -> int:
        """Of the decision, in units of the pixel."""
        return min(max(self.place + 8 - (self.surroundings.unit.log >> 3), 0), 3)


def key(number: int, channel: int, values: Sequence[int]) -> int:
    """H, of contexts of levels and of differences."""
    h = 0
    for v in (16 * number + channel + 1, *values):
        h = (h + signed_word(v)) * FACTORS[0] % WORD
    return h ^ h >> 15


@dataclass
class Mixed:
    """What a decision was predicted by."""

    places: list[tuple[Any, ...]]  # of the slot of each context
    slots: list[Slot]
    inputs: Ints
    sets: list[Weights]  # of each mixer
    outputs: list[int]

    @property
    def probability(self) -> int:
        return squash(sum(self.outputs) >> 2)


@dataclass
class Contexts:
    """What is learned."""

    most: int  # the logarithm of the slots of a table, at most
    elements: int
    slots: dict[tuple[Any, ...], Slot] = field(default_factory=dict)
    sets: dict[tuple[int, ...], Weights] = field(default_factory=dict)

    @cached_property
    def bits(self) -> int:
        """T."""
        return table_bits(self.most, self.elements)

    def step(self, pixels: list[Pixel], code: Code) -> list[int]:
        """Codes the pixels of a step, and gives their levels."""
        for first in range(0, len(pixels), PART):
            part, number = pixels[first : first + PART], 0
            for _ in range(part[0].surroundings.decisions):
                coded = [pixel for pixel in part if pixel.divide()]
                for pixel in sorted(coded, key=lambda pixel: not pixel.is_sure):
                    mixed = None if pixel.is_sure else self.predict(pixel)
                    p = mixed.probability if mixed else squash(limited(2 * pixel.odds))
                    bit = code(number, pixel.element, Decision(pixel.place, p))
                    if mixed:
                        self.learn(mixed, bit)
                    pixel.take(bit)
                    number += 1
        return [pixel.level for pixel in pixels]

    def predict(self, pixel: Pixel) -> Mixed:
        places = self.places(pixel)
        slots = [self.slot(place, check) for place, check in places]
        inputs = []
        for slot in slots:
            inputs.append(stretch(slot.q) if slot.n else 0)
            inputs.append((slot.p - 2**15) * min(slot.n, TRUST) >> 8)
        inputs[2 * NETWORK : 2 * NETWORK] = [pixel.odds, 2**7]
        i = np.array(inputs, np.int64)
        sets = [self.weights(name) for name in self.choices(pixel, [slot.n for slot in slots])]
        sums = [int(((one.w * i).reshape(-1, 2).sum(1) >> 8).sum()) >> 5 for one in sets]
        outputs = [limited(t) for t in sums]
        return Mixed([place for place, _ in places], slots, i, sets, outputs)

    def learn(self, mixed: Mixed, bit: int) -> None:
        for weights, t in zip(mixed.sets, mixed.outputs, strict=True):
            weights.learn(mixed.inputs, 2**28 * bit - squash(t), RATES, HALF)
        for number, (place, slot) in enumerate(zip(mixed.places, mixed.slots, strict=True)):
            slot.learn(bit, OF_LEVELS if number < NETWORK else OF_OTHERS)
            self.slots[place] = slot

    def places(self, pixel: Pixel) -> list[tuple[tuple[Any, ...], int]]:
        """The slot of each context, and what must be its check."""
        around, channel, d, node = pixel.surroundings, pixel.channel, pixel.depth, pixel.node
        places: list[tuple[tuple[Any, ...], int]] = []
        for number, values in enumerate(around.levels):
            within = d % TOGETHER
            first = (node >> within) * FACTORS[0] % WORD
            v = (key(number, channel, values) ^ first) * FACTORS[1] % WORD
            line = (v >> (32 - self.bits)) ^ (2**within + node % 2**within)
            places.append(((number, line), (v >> (23 - self.bits)) % 2**9))
        odds = min(max((pixel.odds + 2**13) >> 11, 0), 7)
        for number, values in enumerate(around.errors, ERRORS):
            places.append(((number, *values, pixel.size, odds), 0))
        for number, (x, y, near) in enumerate(around.differences, DIFFERENCES):
            shared = NEAR[0] if number in NEAR else number
            own = shared if around.references else number
            apart = pixel.middle - near
            if around.is_wide:
                apart = apart % 2**16 + 2**16 * d
            else:
                apart += 2**9 + 2**10 * d
            v = key(own, channel, (x, y)) ^ apart
            places.append(((shared, v * FACTORS[1] % WORD >> (32 - self.bits)), 0))
        return places

    def slot(self, place: tuple[Any, ...], check: int) -> Slot:
        """A copy of the slot of a key; another's is as at first."""
        found = self.slots.get(place)
        if found is None or found.check != check:
            return Slot(16, 2**15, 0, check)
        return Slot(16, found.p, found.n, check)

    def choices(self, pixel: Pixel, counts: list[int]) -> list[tuple[int, ...]]:
        """The names of the sets of the mixers."""
        channel, log, d = pixel.channel, pixel.surroundings.unit.log, pixel.depth
        known = [(n + 1).bit_length() - 1 for n in counts]
        likely = min(max((pixel.odds + 2**14) >> 11, 0), 15)
        is_wide = pixel.surroundings.is_wide
        return [
            (0, channel, 8 * d + known[0] if is_wide else pixel.node),
            (1, channel, known[6], known[5], pixel.size if is_wide else d),
            (2, channel, known[2], likely),
            (3, channel, min((log - 32) >> 1, 63), pixel.size),
        ]

    def weights(self, name: tuple[int, ...]) -> Weights:
        return self.sets.setdefault(name, Weights(START))


def table_bits(most: int, elements: int) -> int:
    """The logarithm of the slots of a table, of batches of so many elements."""
    c = (5 * elements - 1).bit_length() - 3
    return min(max(c, min(c + 2, 16), 10), most)


def state_memory(most: int, elements: int) -> int:
    """The bytes of what is learned."""
    return 4 * (10 * 2 ** table_bits(most, elements) + 2**16) + 4608 * 66
