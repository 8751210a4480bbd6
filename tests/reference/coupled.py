"""The codec `normal` with a coupling: the channels of all places one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .codecs import Array
from .message import Message
from .outputs import Normal
from .values import Ints


@dataclass
class CoupledCodec:
    """A codec of some items, as a flat list of their elements."""

    normal: Normal
    mean: Ints  # [n, R, Q, C], and so is the scale
    scale: Ints
    coupling: Ints  # [n, R, Q, pairs of channels]

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        x = np.reshape(symbols, self.mean.shape)
        for c in reversed(range(x.shape[-1])):
            self._channel(x, c).push(message, x[..., c].ravel().tolist())

    def pop(self, message: Message) -> list[int]:
        x = np.zeros_like(self.mean)
        for c in range(x.shape[-1]):
            x[..., c] = np.reshape(self._channel(x, c).pop(message), x.shape[:-1])
        return [int(symbol) for symbol in x.ravel()]

    def _channel(self, x: Ints, c: int) -> Array:
        """The distribution of channel c, given the channels before it in x."""
        mean = self._mean(x, c).clip(-(2**15), 2**15 - 1)
        return Array(self.normal.intervals(mean, self.scale[..., c]))

    def _mean(self, x: Ints, c: int) -> Ints:
        shift = self.normal.mean_shift
        total = np.full(x.shape[:-1], 1 << (shift + 5), np.int64)
        for j in range(c):
            apart = x[..., j] * 2**8 - self.mean[..., j] * 2**shift
            total += self.coupling[..., c * (c - 1) // 2 + j] * apart
        mean: Ints = self.mean[..., c] + (total >> (shift + 6))
        return mean
