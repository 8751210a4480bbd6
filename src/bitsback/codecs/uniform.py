"""n equally likely choices."""

from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_one, as_pushed, as_shape, as_symbols
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message

PRECISION = 24


@dataclass(frozen=True, eq=False, repr=False)
class Uniform(ByValue):
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

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        _, frequency = self._interval(as_symbols(symbols, np.uint64, self.shape, self.n))
        return bits_of(np.asarray(frequency), PRECISION)

    def _interval(self, symbol: Any) -> tuple[Any, Any]:
        """Where that of a symbol, or of each of an array, begins, and how long it is."""
        start = (symbol << PRECISION) // self.n
        return start, ((symbol + 1) << PRECISION) // self.n - start
