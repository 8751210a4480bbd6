"""Small alphabets: zeros and ones, equally likely symbols, and adaptive probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import MOST_PRECISION, ArrayCodec
from bitsback.codecs.exact_functions import LOGISTIC_BITS, logistic
from bitsback.codecs.symbol_arrays import (
    as_one,
    as_parameters,
    as_pushed,
    as_shape,
    check_precision,
    require_within,
    together,
)
from bitsback.errors import MessageError
from bitsback.message import Message


def _frequencies(values: ArrayLike, precision: int) -> NDArray[np.uint32]:
    what, total = "the frequencies of a Bernoulli codec", 1 << precision
    floats = "Bernoulli.from_probability"
    frequencies: NDArray[np.uint32] = as_parameters(values, np.uint32, what, 1, total - 1, floats)
    return frequencies


@dataclass(frozen=True, eq=False, repr=False)
class Bernoulli(ArrayCodec):
    """Each symbol is 1 with probability frequency / 2^precision.

    frequency: integers of any shape, each in [1, 2^precision - 1]. precision: 1 to 24. shape: of
    the symbols: that of the frequencies, or one to which they broadcast. Pops uint8.

    >>> message = Message([1 << 63])
    >>> codec = Bernoulli.from_probability([0.5, 0.25, 0.125])
    >>> codec.push(message, [1, 1, 1])
    >>> codec.bits([1, 1, 1]).tolist()
    [1.0, 2.0, 3.0]
    >>> codec.pop(message).tolist()
    [1, 1, 1]
    """

    frequency: NDArray[np.uint32]
    precision: int = 16
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        (frequency,) = together(("frequency", self.frequency), shape=self.shape)
        object.__setattr__(self, "frequency", _frequencies(frequency, self.precision))
        object.__setattr__(self, "shape", self.frequency.shape)

    @classmethod
    def from_probability(
        cls, probability: ArrayLike, precision: int = 16, shape: tuple[int, ...] | None = None
    ) -> Bernoulli:
        """From float probabilities of a one: frequency = clamp(round(p * 2^precision), 1,
        2^precision - 1).

        The product is exact and halves round to even, so that every machine gives the same
        frequencies. Raises MessageError for a probability outside [0, 1].
        """
        p = np.asarray(probability, np.float64)
        require_within(p, 0, 1, "a probability")
        check_precision(precision)
        total = 1 << precision
        return cls(np.clip(np.rint(p * total), 1, total - 1).astype(np.uint32), precision, shape)

    @classmethod
    def from_logits(
        cls, logits: ArrayLike, precision: int = 16, shape: tuple[int, ...] | None = None
    ) -> Bernoulli:
        """From the logarithms of odds, floats: log(p / (1 - p)) for the probability p of a one.

        Each is rounded once, halves to even, to units of 2^-24, and clamped to [-16, 16]. Integer
        arithmetic and a table of the logistic function (docs/codecs.md) give p, so that every
        machine gives the same frequencies, which a sigmoid of floats does not promise. Raises
        MessageError for a NaN.
        """
        check_precision(precision)
        p, total = logistic(np.asarray(logits, np.float64)), 1 << precision
        half = 1 << (LOGISTIC_BITS - 1)
        frequency = np.clip((p * total + half) >> LOGISTIC_BITS, 1, total - 1)
        return cls(frequency.astype(np.uint32), precision, shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        if not self.shape and (symbol := as_one(symbols, 2)) is not None:
            _core.push_interval(message, *self._interval(symbol), self.precision)
            return
        x = as_pushed(symbols, np.uint8, self.frequency.shape, 2)
        _core.push_bernoulli(message, self.frequency, self.precision, x)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        return _core.pop_bernoulli(message, self.frequency, self.precision)

    def _interval(self, symbol: int) -> tuple[int, int]:
        """The interval of a single symbol."""
        ones = self.frequency.item()
        zeros = (1 << self.precision) - ones
        return (zeros, ones) if symbol else (0, zeros)


@dataclass(frozen=True, eq=False, repr=False)
class BernoulliTable(ArrayCodec):
    """Bernoulli with the frequencies table[index]: the same bits, faster.

    table: integers [256], each in [1, 2^precision - 1]. index: uint8 of any shape. shape: of the
    symbols; that of the index, or one to which it broadcasts.

    >>> message = Message([1 << 63])
    >>> table = np.arange(1, 257) << 7
    >>> codec = BernoulliTable(table, np.array([255, 0], np.uint8))
    >>> codec.push(message, [1, 0])
    >>> codec.pop(message).tolist()
    [1, 0]
    """

    table: NDArray[np.uint32]
    index: NDArray[np.uint8]
    precision: int = 16
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        table = _frequencies(self.table, self.precision)
        if table.shape != (256,):
            raise MessageError(f"a Bernoulli table has the shape (256,), not {table.shape}")
        object.__setattr__(self, "table", table)
        (index,) = together(("index", self.index), shape=self.shape)
        index = as_parameters(index, np.uint8, "the indices of a Bernoulli table", 0, 255)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "shape", index.shape)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint8, self.index.shape, 2)
        _core.push_bernoulli_table(message, self.table, self.index, self.precision, x)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        return _core.pop_bernoulli_table(message, self.table, self.index, self.precision)


PRECISION = MOST_PRECISION


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(ArrayCodec):
    """Symbols 0 ... n - 1, equally likely up to the rounding of docs/format.md; 1 <= n <= 2^24.

    Codes arrays of `shape`, popped as uint32. Each symbol costs log2(n) bits. Raises MessageError
    for an n out of range.

    >>> message = Message()
    >>> codec = Uniform(1024, shape=(3,))
    >>> codec.push(message, [7, 1000, 0])
    >>> codec.bits([7, 1000, 0]).tolist()
    [10.0, 10.0, 10.0]
    >>> codec.pop(message).tolist()
    [7, 1000, 0]
    """

    n: int
    shape: tuple[int, ...]

    precision = PRECISION

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "n", index(self.n))
        except TypeError as error:
            raise MessageError(f"n of a uniform codec is an integer, not {self.n!r}") from error
        if not 1 <= self.n <= 1 << PRECISION:
            raise MessageError(f"a uniform codec needs 1 <= n <= 2^24, not {self.n}")
        object.__setattr__(self, "shape", as_shape(self.shape))

    def push(self, message: Message, symbols: ArrayLike) -> None:
        if not self.shape and (symbol := as_one(symbols, self.n)) is not None:
            _core.push_interval(message, *self._interval(symbol), PRECISION)
            return
        _core.push_uniform(message, self.n, as_pushed(symbols, np.uint32, self.shape, self.n))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_uniform(message, self.n, self.shape)

    def _interval(self, symbol: Any) -> tuple[Any, Any]:
        """The start of the interval of a symbol, or of each in an array, and its length."""
        start = (symbol << PRECISION) // self.n
        return start, ((symbol + 1) << PRECISION) // self.n - start


@dataclass(frozen=True, eq=False, repr=False)
class Adaptive(ArrayCodec):
    """Symbols 0 ... levels - 1 with unknown probabilities, which adapt to earlier symbols.

    After n symbols, a symbol that has occurred m times has the probability (m + 1) / (n + levels),
    by Laplace's rule of succession.

    Codes arrays of `shape`, popped as uint32, from the first symbol to the last, in C order. Raises
    MessageError if there is no level, or if levels and symbols together are more than 2^24.

    >>> message = Message()
    >>> codec = Adaptive(2, shape=(4,))
    >>> codec.push(message, [1, 1, 1, 0])
    >>> codec.bits([1, 1, 1, 0]).round(2).tolist()  # of 1/2, 2/3, 3/4, 1/5
    [1.0, 0.58, 0.42, 2.32]
    >>> codec.pop(message).tolist()
    [1, 1, 1, 0]
    """

    levels: int
    shape: tuple[int, ...]

    precision = PRECISION

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))
        count = int(np.prod(self.shape, dtype=object))
        if not 1 <= self.levels <= (1 << 24) - count:
            raise MessageError(
                f"an adaptive codec of {self.levels} levels and {count} symbols has no level, or"
                " more than 2^24 of both"
            )

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint32, self.shape, self.levels)
        _core.push_adaptive(message, self.levels, x)

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_adaptive(message, self.levels, self.shape)
