"""Zeros and ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import (
    as_parameters,
    as_symbols,
    check_precision,
    require_below,
)
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message


def _frequencies(values: ArrayLike, precision: int) -> NDArray[np.uint32]:
    what = "the frequencies of a Bernoulli codec"
    frequencies: NDArray[np.uint32] = as_parameters(
        values, np.uint32, what, 1, (1 << precision) - 1
    )
    return frequencies


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Each symbol is 1 with probability frequency / 2^precision.

    frequency: integers of any shape, which is the shape of the symbols, each in [1, 2^precision -
    1]. precision: 1 to 24. Pops uint8.

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

    def __post_init__(self) -> None:
        check_precision(self.precision)
        object.__setattr__(self, "frequency", _frequencies(self.frequency, self.precision))

    @classmethod
    def from_probability(cls, probability: ArrayLike, precision: int = 16) -> "Bernoulli":
        """From float probabilities of a one: frequency = clamp(round(p * 2^precision), 1,
        2^precision - 1).

        The product is exact and halves round to even, so that every machine gives the same
        frequencies. Raises MessageError for a probability outside [0, 1].
        """
        p = np.asarray(probability, np.float64)
        if not bool(np.all((p >= 0) & (p <= 1))):
            raise MessageError("a probability must lie in [0, 1]")
        check_precision(precision)
        total = 1 << precision
        return cls(np.clip(np.rint(p * total), 1, total - 1).astype(np.uint32), precision)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        symbols = as_symbols(symbols, np.uint8, self.frequency.shape)
        _core.push_bernoulli(message, self.frequency, self.precision, symbols)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        return _core.pop_bernoulli(message, self.frequency, self.precision)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = as_symbols(symbols, np.uint8, self.frequency.shape)
        require_below(x, 2)
        zeros = (1 << self.precision) - self.frequency
        return bits_of(np.where(x == 1, self.frequency, zeros), self.precision)


@dataclass(frozen=True, eq=False)
class BernoulliTable:
    """Bernoulli with the frequencies table[index]: the same bits, faster.

    table: integers [256], each in [1, 2^precision - 1]. index: uint8 of any shape, which is the
    shape of the symbols.

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

    def __post_init__(self) -> None:
        check_precision(self.precision)
        table = _frequencies(self.table, self.precision)
        if table.shape != (256,):
            raise MessageError(f"a Bernoulli table has the shape (256,), not {table.shape}")
        object.__setattr__(self, "table", table)
        index = as_parameters(self.index, np.uint8, "the indices of a Bernoulli table", 0, 255)
        object.__setattr__(self, "index", index)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        symbols = as_symbols(symbols, np.uint8, self.index.shape)
        _core.push_bernoulli_table(message, self.table, self.index, self.precision, symbols)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        return _core.pop_bernoulli_table(message, self.table, self.index, self.precision)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        return Bernoulli(self.table[self.index], self.precision).bits(symbols)
