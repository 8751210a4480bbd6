"""Zeros and ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import (
    as_one,
    as_parameters,
    as_pushed,
    as_symbols,
    check_precision,
    require_within,
    together,
)
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import bits_of
from bitsback.codecs.logits import LOGISTIC_BITS, logistic
from bitsback.errors import MessageError
from bitsback.message import Message


def _frequencies(values: ArrayLike, precision: int) -> NDArray[np.uint32]:
    what, total = "the frequencies of a Bernoulli codec", 1 << precision
    floats = "Bernoulli.from_probability"
    frequencies: NDArray[np.uint32] = as_parameters(values, np.uint32, what, 1, total - 1, floats)
    return frequencies


@dataclass(frozen=True, eq=False, repr=False)
class Bernoulli(ByValue):
    """Each symbol is 1 with probability frequency / 2^precision.

    frequency: integers of any shape, each in [1, 2^precision - 1]. precision: 1 to 24. shape: of
    the symbols; that of the frequencies, or one to which they broadcast. Pops uint8.

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
    ) -> "Bernoulli":
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
    ) -> "Bernoulli":
        """From the logarithms of odds, floats: log(p / (1 - p)) for the probability p of a one.

        Each is rounded once, halves to even, to units of 2^-24; what lies beyond 16 on either side
        is held to that. p follows in integers from a table of the logistic function
        (docs/codecs.md), so that every machine gives the same frequencies, which a sigmoid of
        floats does not promise. Raises MessageError for a NaN.
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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = as_symbols(symbols, np.uint8, self.frequency.shape, 2)
        zeros = (1 << self.precision) - self.frequency
        return bits_of(np.where(x == 1, self.frequency, zeros), self.precision)

    def _interval(self, symbol: int) -> tuple[int, int]:
        """Of a symbol where there is only one."""
        ones = self.frequency.item()
        zeros = (1 << self.precision) - ones
        return (zeros, ones) if symbol else (0, zeros)


@dataclass(frozen=True, eq=False, repr=False)
class BernoulliTable(ByValue):
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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        return Bernoulli(self.table[self.index], self.precision).bits(symbols)
