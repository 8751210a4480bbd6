"""The codec `series`: least squares that adapt to the series predict each symbol from earlier ones,
and logistics of several scales around the prediction code it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codecs import COMPONENTS, Array, DiscretisedMixture, look_up
from .least_squares import solve
from .message import Message
from .planes import ItemShape
from .rules import check_integer, check_keys, check_list, check_pair, require
from .variables import Variable

RATE = 5
RECIPROCALS = [256, 205, 171, 146]  # 2^8 / (1 + f / 4)


@dataclass
class Predictor:
    inputs: list[tuple[int, int]]  # steps before, channels before
    forgetting: int
    every: int
    ridge: int


def read_predictor(about: Any) -> Predictor:
    check_keys(about, "inputs forgetting every ridge")
    inputs = [check_pair(pair, -64, 64) for pair in check_list(about["inputs"], 1, 64)]
    for back, channels in inputs:
        require(back > 0 or (back == 0 and channels > 0), "inputs are before what they predict")
    forgetting = check_integer(about["forgetting"], 1, 14)
    every = check_integer(about["every"], 1, 4096)
    return Predictor(inputs, forgetting, every, check_integer(about["ridge"], 1, 2**20))


class SeriesRules:
    """The rules of the codec in a description."""

    def __init__(self, about: dict[str, Any], x: Variable) -> None:
        check_keys(about, "codec precision predictors scales")
        self.predictors = [read_predictor(of) for of in check_list(about["predictors"], 1, 4)]
        scales = check_list(about["scales"], 1, 16)
        self.scales = [check_integer(scale, 1, 65536) for scale in scales]
        self.precision = check_integer(about["precision"], 20, 24)
        require(16 * x.levels <= 2**self.precision, "a precision for so many levels")
        self.starts: list[list[NDArray[np.float64]]] = []  # by channel and predictor, in a test


class Recent:
    """A mean of errors over about the last 2^shift."""

    def __init__(self, levels: int, shift: int) -> None:
        self.shift, self.sum = shift, (2**8 * levels >> 5) << shift

    @property
    def error(self) -> int:
        return self.sum >> self.shift

    def add(self, error: int) -> None:
        self.sum += error - (self.sum >> self.shift)


class Fading:
    """The sums and the weights of a predictor of a channel."""

    def __init__(self, n: int, of: Predictor) -> None:
        self.of, self.keep = of, 1 - 2.0**-of.forgetting
        self.sums = np.zeros((n + 1, n + 1))
        self.weights = [0] * n

    def add(self, values: list[int]) -> None:
        v = np.array(values, np.float64)
        self.sums = self.sums * self.keep + np.outer(v, v)

    def solve(self) -> None:
        self.weights = solve(self.sums, self.of.ridge)


class Channel:
    def __init__(self, of: SeriesRules, number: int, shape: ItemShape) -> None:
        there = range(shape.channels)
        self.inputs = [
            [(back, number - d) for back, d in one.inputs if number - d in there]
            for one in of.predictors
        ]
        self.solvers = [
            Fading(len(inputs), one) for inputs, one in zip(self.inputs, of.predictors, strict=True)
        ]
        if of.starts:
            for solver, sums in zip(self.solvers, of.starts[number], strict=True):
                solver.sums = sums
        levels = shape.levels
        self.errors = [Recent(levels, 4) for _ in range(len(of.predictors) + 1)]
        self.quick, self.slow, self.unit = (Recent(levels, shift) for shift in (3, 6, 5))
        components = 2 * len(of.scales)
        self.shares = [(2**16 << RATE) // components] * components
        self.sum_of_mean = (levels >> 1) * 2**16

    @property
    def mean(self) -> int:
        return (self.sum_of_mean + 2**15) >> 16


@dataclass
class SeriesCodec:
    """A codec of a batch of items: a flat list of their elements, one item after the other, each
    [slices, rows, columns, channels].
    """

    of: SeriesRules
    shapes: Sequence[ItemShape]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        arrays, at = [], 0
        for shape in self.shapes:
            item = Item(self.of, shape)
            for _ in range(shape.elements):
                arrays.append(Array([item.look()]))
                item.learn(symbols[at])
                at += 1
        for array, symbol in zip(reversed(arrays), reversed(symbols), strict=True):
            array.push(message, [symbol])

    def pop(self, message: Message) -> list[int]:
        symbols = []
        for shape in self.shapes:
            item = Item(self.of, shape)
            for _ in range(shape.elements):
                symbols += Array([item.look()]).pop(message)
                item.learn(symbols[-1])
        return symbols


class Item:
    def __init__(self, of: SeriesRules, shape: ItemShape) -> None:
        self.of, self.shape = of, shape
        self.channels = [Channel(of, c, shape) for c in range(shape.channels)]
        self.x: list[int] = []  # the known symbols

    def at(self, t: int, c: int) -> int:
        return self.x[t * self.shape.channels + c]

    def look(self) -> DiscretisedMixture:
        """The distribution of the next symbol."""
        t, c = divmod(len(self.x), self.shape.channels)
        of = self.channels[c]
        self.values, self.predictions = [], [2**8 * (self.at(t - 1, c) if t else of.mean)]
        for inputs, solver in zip(of.inputs, of.solvers, strict=True):
            if t and (t <= 64 or t % solver.of.every == 0):
                solver.solve()
            u = [self.at(t - b, d) - self.channels[d].mean if b <= t else 0 for b, d in inputs]
            self.values.append(u)
            total = sum(w * v for w, v in zip(solver.weights, u, strict=True))
            prediction = 2**8 * of.mean + ((total + 2**7) >> 8)
            self.predictions.append(min(max(prediction, 0), 2**8 * (self.shape.levels - 1)))
        self.blend = blend(self.predictions, [one.error for one in of.errors])
        self.mixture = DiscretisedMixture(
            to_weights(of.shares),
            [self.blend] * len(of.shares),
            list(self.inverse_scales(of)),
            self.shape.levels,
            self.of.precision,
            "logistic",
        )
        return self.mixture

    def inverse_scales(self, of: Channel) -> Iterator[int]:
        for recent in (of.quick, of.slow):
            for scale in self.of.scales:
                yield max(2**24 // max(recent.error * scale >> 8, 8), 1)

    def learn(self, x: int) -> None:
        t, c = divmod(len(self.x), self.shape.channels)
        of = self.channels[c]
        s = of.unit.error + 16
        lead = s.bit_length() - 1
        rho = RECIPROCALS[(s >> (lead - 2)) & 3]
        for u, solver in zip(self.values, of.solvers, strict=True):
            scaled = [d * rho * 64 >> lead for d in [*u, x - of.mean]]
            solver.add([min(max(v, -32767), 32767) for v in scaled])
        shares = [
            w * (self.below(k, x + 1) - self.below(k, x) + 1)
            for k, w in enumerate(self.mixture.weights)
        ]
        most = max(sum(shares) >> 4, 1)
        of.shares = [
            max(share + (now * 2**12) // most - (share >> RATE), 256)
            for share, now in zip(of.shares, shares, strict=True)
        ]
        for recent, prediction in zip(of.errors, self.predictions, strict=True):
            recent.add(abs(2**8 * x - prediction))
        for recent in (of.quick, of.slow, of.unit):
            recent.add(abs(2**8 * x - self.blend))
        of.sum_of_mean += (x * 2**16 - of.sum_of_mean) // min(t + 1, 4096)
        self.x.append(x)

    def below(self, k: int, c: int) -> int:
        """2^28 times the probability of a symbol below c, by component k alone."""
        if c in (0, self.shape.levels):
            return 2**28 if c else 0
        table, reach = COMPONENTS["logistic"]
        t = (2**8 * c - 2**7 - self.blend) * self.mixture.inverse_scales[k]
        return look_up(table, t, reach, units=24)


def blend(predictions: list[int], errors: list[int]) -> int:
    least = min(errors) + 16
    weights = [((least * 2**12 // (error + 16)) ** 2 >> 12) ** 2 for error in errors]
    total = sum(g * p for g, p in zip(weights, predictions, strict=True))
    return (total + sum(weights) // 2) // sum(weights)


def to_weights(shares: list[int]) -> list[int]:
    """Turns shares into weights of sum 2^16."""
    ends = [end * 2**16 // sum(shares) for end in accumulate(shares, initial=0)]
    return [end - start for start, end in pairwise(ends)]
