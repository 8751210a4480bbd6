"""The pixels around a pixel as bytes of a context, and squares of pixels."""

import torch
from torch import Tensor

from bitsback_train.layers.rounding import TOP

SAID = 32  # the byte of context that means yes
LAST_BIT = 4  # the byte that marks an odd symbol, whose value has only seven bits


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
