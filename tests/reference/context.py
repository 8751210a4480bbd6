"""The likelihood of a `context-vae`: each pixel given the latents and a window of those before
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .codecs import Array
from .message import Message
from .network import Ints, Network, Size
from .pixels import PixelCodec


@dataclass
class Context:
    """What the pixel network sees of an item."""

    shape: Size
    above: int
    side: int
    planes: Ints  # [P, levels]
    network: Network
    codec: PixelCodec

    def window(self, x: Ints, r: int, q: int) -> Ints:
        """The symbols [n, W] before the pixel (r, q) of x [n, R, Q]; those of pixels outside the
        image are 0.
        """
        padded = np.pad(x, ((0, 0), (self.above, 0), (self.side, self.side)))
        rows = padded[:, r : r + self.above, q : q + 2 * self.side + 1]
        row = padded[:, r + self.above, q : q + self.side]
        return np.concatenate([rows.reshape(len(x), -1), row], axis=1)

    def bytes(self, x: Ints, features: Ints, r: int, q: int) -> Ints:
        """The context [n, P * W + F] of the pixel (r, q), given the features [n, rows, columns,
        F].
        """
        window = self.window(x, r, q)
        return np.concatenate(
            [*(plane[window] for plane in self.planes), features[:, r, q]], axis=1
        )


def window_size(above: int, side: int) -> int:
    """W, the number of pixels in a window."""
    return above * (2 * side + 1) + side


@dataclass
class Autoregressive:
    """A codec of n items, as a flat list of n * R * Q symbols: pixel by pixel, each of all items at
    once.
    """

    context: Context
    features: Ints  # [n, rows, columns, F]

    def _pixel(self, x: Ints, r: int, q: int) -> Array:
        """The codec of the pixel (r, q) of all items, given those before it."""
        outputs = self.context.network.run(self.context.bytes(x, self.features, r, q))
        return Array(self.context.codec.distributions(outputs))

    def push(self, message: Message, symbols: Sequence[int]) -> None:
        x = np.reshape(symbols, (len(self.features), *self.context.shape))
        for r in reversed(range(self.context.shape[0])):
            for q in reversed(range(self.context.shape[1])):
                self._pixel(x, r, q).push(message, x[:, r, q].tolist())

    def pop(self, message: Message) -> list[int]:
        x = np.zeros((len(self.features), *self.context.shape), np.int64)
        for r in range(self.context.shape[0]):
            for q in range(self.context.shape[1]):
                x[:, r, q] = self._pixel(x, r, q).pop(message)
        return x.ravel().tolist()
