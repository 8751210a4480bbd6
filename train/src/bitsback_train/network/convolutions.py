"""Modules of the layers of images: convolutions, pixel shuffles, residual additions. Images are [b,
h, w, c].
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.network.dense import LinearModule
from bitsback_train.network.requantising import Requantised
from bitsback_train.network.rounding import HIDDEN, TOP, WEIGHT_TOP, Grid

SAID = 32  # the byte of context that means yes
LAST_BIT = 4  # the byte that marks an odd symbol, whose value has only seven bits
RESIDUAL = Grid(scale=16, zero=0, lo=-128, hi=127)


class ConvModule(LinearModule):
    """A convolution: a linear layer on patches of kernel x kernel x c, with zeros outside the
    image.
    """

    op = "conv"

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel: int,
        stride: int,
        source: Grid,
        target: Grid,
        half: bool = False,
        top: int = WEIGHT_TOP,
    ) -> None:
        if source.zero:
            raise ValueError("padding with zeros needs a grid on which the integer 0 means 0")
        super().__init__(kernel * kernel * channels, outputs, source, target, half=half, top=top)
        self.kernel, self.stride = kernel, stride

    def forward(self, value: Tensor) -> Tensor:
        """[b, h, w, c] to [b, ceil(h / stride), ceil(w / stride), outputs]."""
        return super().forward(patches(value, self.kernel, self.stride))

    def fields(self, integers: Requantised) -> dict[str, Any]:
        return {"kernel": self.kernel, "stride": self.stride, **super().fields(integers)}


def patches(value: Tensor, kernel: int, stride: int) -> Tensor:
    """Every stride-th patch around a pixel of [b, h, w, c], elements in the order row, column,
    channel.
    """
    if kernel == 1 and stride == 1:
        return value
    margin = kernel // 2
    padded = functional.pad(value, (0, 0, margin, margin, margin, margin))
    rows, columns = (-(-n // stride) for n in value.shape[1:3])
    parts = [
        padded[
            :, y : y + stride * (rows - 1) + 1 : stride, x : x + stride * (columns - 1) + 1 : stride
        ]
        for y in range(kernel)
        for x in range(kernel)
    ]
    return torch.cat(parts, 3)


def pixel_shuffle(value: Tensor, factor: int) -> Tensor:
    """[b, h, w, factor * factor * c] to [b, h * factor, w * factor, c]: each pixel becomes a square
    of pixels.
    """
    b, h, w, c = value.shape
    squares = value.reshape(b, h, w, factor, factor, c // factor**2)
    return squares.transpose(2, 3).reshape(b, h * factor, w * factor, c // factor**2)


def by_channel(layer: LinearModule, channels: int) -> Tensor:
    """The weights of a layer that reads `channels` channels at each place, [out, places, channels];
    a view.
    """
    return layer.linear.weight.view(layer.linear.out_features, -1, channels)


class ResidualModule(nn.Module):
    """value + f(value), clamped to the range of a hidden layer; f is one linear layer or
    convolution.
    """

    def __init__(self, layer: LinearModule) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, value: Tensor) -> Tensor:
        return HIDDEN.clamp(value + self.layer(value))


def chain(layers: nn.ModuleList, value: Tensor) -> Tensor:
    """The layers one after the other."""
    for layer in layers:
        value = layer(value)
    return value


def cells(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """The numbers of squares of `factor` x `factor` pixels that cover an image."""
    rows, columns = shape
    return -(-rows // factor), -(-columns // factor)


def byte_planes(symbols: Tensor, levels: int) -> list[Tensor]:
    """The planes of a context for uint8 symbols: their value, in two planes for more than 128
    levels, and for many levels whether each is an end of the range.

    They are bytes of seven bits, which represent real numbers like those of hidden layers.
    """
    if levels == 2:
        return [symbols * SAID]
    return [
        *_values(symbols, levels),
        (symbols == 0).to(torch.uint8) * SAID,
        (symbols >= levels * 250 // 256).to(torch.uint8) * SAID,
    ]


def _values(symbols: Tensor, levels: int) -> list[Tensor]:
    if levels <= TOP + 1:
        return [symbols * (TOP // (levels - 1))]
    return [symbols // 2, symbols % 2 * LAST_BIT]


def value_planes(levels: int) -> int:
    """The number of planes, from the first, that hold a symbol's value."""
    return 2 if levels > TOP + 1 else 1


def seen_planes(levels: int) -> Tensor:
    """The bytes of each symbol in all planes, uint8 [planes, levels]."""
    return torch.stack(byte_planes(torch.arange(levels, dtype=torch.uint8), levels))
