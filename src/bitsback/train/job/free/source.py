"""The images of whatever `bitsback compress` reads, one piece after the other."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback.archive.inputs import open_input
from bitsback.errors import InputError, InputWarning
from bitsback.images.npy import Items
from bitsback.train.job.free.roles import Shape

COLOURS = 4  # a last axis of more is none of colours


@dataclass(frozen=True)
class ImageSource:
    """shapes: of which image each piece is, and its shape."""

    shapes: list[tuple[int, Shape]]
    arrays: list[Items]
    """What holds them, in order."""

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Values [slices, rows, columns, channels], one after the other, once."""
        for items in self.arrays:
            axes = 0 if _is_picture(items.shape) else 1
            for _ in range(items.shape[0] if axes else 1):
                piece = items.read(1, axes)[0] if axes else items.read(1, 0)[0]
                yield piece.reshape(_piece_shape(piece.shape))
            items.finish()

    @property
    def elements(self) -> int:
        return sum(math.prod(shape) for _, shape in self.shapes)

    @property
    def images(self) -> int:
        return self.shapes[-1][0] + 1


@contextmanager
def open_source(path: str) -> Iterator[ImageSource]:
    """Raises InputError for what no free model codes."""
    with warnings.catch_warnings():
        # Of what an archive would not keep, which is nothing to who trains.
        warnings.simplefilter("ignore", InputWarning)
        with open_input(path, None, skip_bad=False) as found:
            arrays = [items for items, _ in found.parts if math.prod(items.shape)]
            shapes: list[tuple[int, Shape]] = []
            for items in arrays:
                _check(items, path)
                if _is_picture(items.shape):
                    shapes.append((len(shapes), _piece_shape(items.shape)))
                else:
                    each = _piece_shape(items.shape[1:])
                    shapes += [(len(shapes) + n, each) for n in range(items.shape[0])]
            if not shapes:
                raise InputError(f"{path}: holds no pixels to train on")
            yield ImageSource(shapes, arrays)


def _check(items: Items, path: str) -> None:
    dtype, shape = items.dtype, items.shape
    if dtype.kind not in "bui" or dtype.itemsize > 2:
        raise InputError(
            f"{path}: holds elements of {dtype}, and models are for bool and for integers of 8 or"
            " 16 bits; convert them, for example with .astype('uint16')"
        )
    if not 2 <= len(shape) <= 5:
        raise InputError(f"{path}: holds an array of the shape {shape}, which is none of images")


def _is_picture(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is one picture, and not images along its first axis."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] <= COLOURS)


def _piece_shape(shape: tuple[int, ...]) -> Shape:
    """Slices, rows, columns and channels of an item."""
    if len(shape) == 2:
        return 1, shape[0], shape[1], 1
    if len(shape) == 3:
        if shape[2] <= COLOURS:
            return 1, shape[0], shape[1], shape[2]
        return shape[0], shape[1], shape[2], 1
    slices, rows, columns, channels = shape
    return slices, rows, columns, channels
