"""What a trial sees of the pieces of a block."""

import math
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive import planes
from bitsback.archive.grid import Shape
from bitsback.archive.pieces import Pieces

_PIECES = 64
_ELEMENTS = 1 << 17  # of all of them, where parts will do
_SLICES = 8


def sample_of(pieces: Pieces, whole: bool) -> Pieces:
    """Some of the pieces; of large ones, unless `whole`, what is in their middle."""
    step = max(pieces.count // _PIECES, 1)
    if pieces.shape is not None:
        sample = Pieces.stacked(np.ascontiguousarray(pieces.stack[::step][:_PIECES]))
    else:
        sample = Pieces.of(islice(pieces, 0, step * _PIECES, step), pieces.dtype)
    most = _ELEMENTS // sample.count
    if whole or sample.elements.size <= _ELEMENTS:
        return sample
    return Pieces.of((middle(piece, most) for piece in sample), pieces.dtype)


def middle(piece: NDArray[Any], most: int) -> NDArray[Any]:
    """What is in the middle of a piece, of about so many elements at most: some slices, if it is a
    stack, and of them some rows and columns.
    """
    return np.ascontiguousarray(piece[middle_box(piece.dtype, piece.shape, most)])


def middle_box(dtype: np.dtype[Any], shape: Shape, most: int = _ELEMENTS) -> tuple[slice, ...]:
    """Where it is in a piece of this dtype and shape."""
    stacks = planes.STACKS in planes.layouts_for(dtype, shape)
    sides = list(shape)
    if stacks:
        sides[0] = min(sides[0], _SLICES)
    rows = int(stacks)
    others = math.prod(sides[:rows]) * math.prod(sides[rows + 2 :])
    side = max(math.isqrt(most // others), 1)
    for axis in (rows, rows + 1):  # what one of them does not need is for the other
        sides[axis] = min(sides[axis], side)
        side = max(most // (others * sides[rows]), 1)
    starts = [(size - side) // 2 for size, side in zip(shape, sides, strict=True)]
    return tuple(slice(at, at + side) for at, side in zip(starts, sides, strict=True))
