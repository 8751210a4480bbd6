"""n equally likely choices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.base import as_symbols
from bitsback.message import Message


@dataclass(frozen=True)
class Uniform:
    """Symbols 0 ... n - 1, equally likely up to the rounding of docs/format.md; 1 <= n <= 2^24.

    Codes arrays of `shape`, popped as uint32. Each symbol costs log2(n) bits.
    """

    n: int
    shape: tuple[int, ...]

    def push(self, message: Message, symbols: ArrayLike) -> None:
        _core.push_uniform(message, self.n, as_symbols(symbols, np.uint32, self.shape))

    def pop(self, message: Message) -> NDArray[np.uint32]:
        return _core.pop_uniform(message, self.n, self.shape)
