"""n equally likely choices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_shape, as_symbols, require_below
from bitsback.codecs.information import bits_of
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True)
class Uniform:
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
        if not 1 <= self.n <= 1 << 24:
            raise MessageError(f"a uniform codec needs 1 <= n <= 2^24, not {self.n}")
        object.__setattr__(self, "shape", as_shape(self.shape))

    def push(self, message: Message, symbols: ArrayLike) -> None:
        _core.push_uniform(message, self.n, as_symbols(symbols, np.uint32, self.shape))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_uniform(message, self.n, self.shape)

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        c = as_symbols(symbols, np.uint32, self.shape).astype(np.uint64)
        require_below(c, self.n)
        first, end = (
            (edge << np.uint64(24)) // np.uint64(self.n) for edge in (c, c + np.uint64(1))
        )
        return bits_of(end - first, 24)
