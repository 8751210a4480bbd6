"""Symbols one after the other, each with a distribution that depends on those before it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.codecs.base import Codec, as_symbols, undoing
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True)
class Autoregressive:
    """Codes arrays [size, positions]: one position after the other, in each all of the `size` at
    once, as one step.

    step: from the array and a position to the codec of array[:, position], which may depend on
    array[:, :position] and must not depend on the rest. Pop goes from the first position to the
    last, push from the last to the first. levels: symbols lie in 0 ... levels - 1, at most 256 of
    them. Pops uint8.

    >>> from bitsback.codecs import Bernoulli
    >>> def like_the_last(x, position):
    ...     before = x[:, position - 1] if position else np.zeros(len(x))
    ...     return Bernoulli.from_probability(np.where(before == 1, 0.9, 0.1))
    >>> message = Message([1 << 63])
    >>> codec = Autoregressive(like_the_last, shape=(2, 4), levels=2)
    >>> codec.push(message, [[0, 0, 1, 1], [1, 1, 1, 1]])
    >>> codec.pop(message).tolist()
    [[0, 0, 1, 1], [1, 1, 1, 1]]
    """

    step: Callable[[NDArray[np.uint8], int], Codec[Any]]
    shape: tuple[int, int]
    levels: int = 256

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = self._checked(symbols)
        done: list[int] = []

        def undo() -> None:
            for position in reversed(done):
                self.step(x, position).pop(message)

        with undoing(undo):
            for position in reversed(range(self.shape[1])):
                self.step(x, position).push(message, x[:, position])
                done.append(position)

    def pop(self, message: Message) -> NDArray[np.uint8]:
        x = np.zeros(self.shape, np.uint8)
        done: list[int] = []

        def undo() -> None:
            for position in reversed(done):
                self.step(x, position).push(message, x[:, position])

        with undoing(undo):
            for position in range(self.shape[1]):
                x[:, position] = self.step(x, position).pop(message)
                done.append(position)
        return x

    def information(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """What each symbol costs, in bits: -log2 of its exact frequency. Shape of the symbols."""
        x = self._checked(symbols)
        bits = np.empty(self.shape)
        for position in range(self.shape[1]):
            codec: Any = self.step(x, position)
            bits[:, position] = codec.information(x[:, position])
        return bits

    def _checked(self, symbols: ArrayLike) -> NDArray[np.uint8]:
        x: NDArray[np.uint8] = as_symbols(symbols, np.uint8, self.shape)
        if int(x.max(initial=0)) >= self.levels:
            raise MessageError(f"symbols must lie in [0, {self.levels - 1}]")
        return x
