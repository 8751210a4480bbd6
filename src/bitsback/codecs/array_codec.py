"""The base of codecs whose symbols each have a cost of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.exact_functions import bits_of
from bitsback.codecs.symbol_arrays import ByValue
from bitsback.message import Message

MOST_PRECISION = 24


def pushed_frequencies(
    push: Callable[[Message], object], precision: int = MOST_PRECISION
) -> NDArray[np.uint32]:
    """The frequencies out of 2^precision of the symbols that `push` pushes, the last one first."""
    recorder = _core.recorder()
    push(recorder)
    return recorder.tail[::-1] >> np.uint32(MOST_PRECISION - precision)


def bits_of_push(
    push: Callable[[Message], object], precision: int = MOST_PRECISION
) -> NDArray[np.float64]:
    """The information of the same symbols, in bits."""
    return bits_of(pushed_frequencies(push, precision), precision)


class ArrayCodec(ByValue, ABC):
    """Codes an array of `shape`, in one step of the core, with frequencies out of 2^precision."""

    shape: tuple[int, ...] | None
    precision: int

    @abstractmethod
    def push(self, message: Message, symbols: ArrayLike) -> None: ...

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """The cost of each symbol, in bits: -log2 of its exact frequency. Shape of the symbols."""
        bits = bits_of_push(lambda message: self.push(message, symbols), self.precision)
        if not bits.size:  # a single level is certain, and nothing is pushed
            bits = np.zeros(np.prod(self.shape or (), dtype=int))
        return bits.reshape(self.shape or ())
