"""Symbols that are likely as often as they have come before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_pushed, as_shape, as_symbols
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class Adaptive(ByValue):
    """Symbols 0 ... levels - 1, of which nothing is known before: behind n others one that has come
    m times has the probability (m + 1) / (n + levels), by Laplace's rule of succession.

    Codes arrays of `shape`, popped as uint32, from the first symbol to the last, in C order. Raises
    MessageError if there is no level, or levels and symbols are together more than 2^24.

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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        values = as_symbols(symbols, np.uint32, self.shape, self.levels)
        return bits_of(_core.adaptive_frequencies(self.levels, values), 24)
