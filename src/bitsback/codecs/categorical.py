"""The same integer frequencies for each symbol."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_parameters, as_symbols, bits_of
from bitsback.message import Message


@dataclass(frozen=True, eq=False)
class Categorical:
    """Symbol c has probability frequencies[c] / 2^precision.

    frequencies: integers [symbols], each at least 1, of sum 2^precision, precision <= 24.
    Codes arrays of `shape`, popped as uint32.

    >>> message = Message([1 << 63])
    >>> codec = Categorical([8, 4, 4], precision=4, shape=(5,))
    >>> codec.push(message, [0, 1, 0, 2, 0])
    >>> codec.information([0, 1, 0, 2, 0]).tolist()  # in bits
    [1.0, 2.0, 1.0, 2.0, 1.0]
    >>> codec.pop(message).tolist()
    [0, 1, 0, 2, 0]
    """

    frequencies: NDArray[np.uint32]
    precision: int
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        frequencies = as_parameters(self.frequencies, np.uint32, "frequencies")
        object.__setattr__(self, "frequencies", frequencies)

    def push(self, message: Message, symbols: ArrayLike) -> None:
        symbols = as_symbols(symbols, np.uint32, self.shape)
        _core.push_categorical(message, self.frequencies, self.precision, symbols)

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_categorical(message, self.frequencies, self.precision, self.shape)

    def information(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        return bits_of(self.frequencies[as_symbols(symbols, np.uint32, self.shape)], self.precision)
