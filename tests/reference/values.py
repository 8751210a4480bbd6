"""The known properties of a value before a network runs, and the tensors of a model.

While it runs, a value is an array [items, rows, columns, channels] of int64, with one row and one
column if it has one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rules import require

Ints = NDArray[np.int64]
Tensors = Mapping[str, NDArray[Any]]
Range = tuple[int, int]  # lowest and highest value, both included
Size = tuple[int, int]  # rows and columns
ITEM = 0  # the place of a value with one place per item; otherwise s, for the grid s


def places(where: int, size: Size) -> Size:
    """Rows and columns of places in an image of this size."""
    if where == ITEM:
        return 1, 1
    return -(-size[0] // where), -(-size[1] // where)


@dataclass(frozen=True)
class Value:
    channels: int
    where: int
    range: Range

    def elements(self, size: Size) -> int:
        """The number of elements of one item, an image of this size."""
        rows, columns = places(self.where, size)
        return rows * columns * self.channels


def take(tensors: Tensors, name: str, dtypes: str, *shape: int | None) -> Ints:
    """The tensor of this name with one of these dtypes and this shape; None: any number."""
    require(name in tensors, f"{name} is missing")
    tensor = tensors[name]
    require(tensor.dtype.name in dtypes.split(), f"{name} has the dtype {dtypes}")
    require(tensor.ndim == len(shape), f"{name} has {len(shape)} dimensions")
    for size, wanted in zip(tensor.shape, shape, strict=True):
        require(size >= 1 and wanted in (None, size), f"{name} has the shape {shape}")
    return tensor.astype(np.int64)


def look_up(tensors: Tensors, name: str, dtype: str, lo: int, hi: int) -> list[int]:
    """The tensor of this name: 256 entries within [lo, hi]."""
    entries = take(tensors, name, dtype, 256)
    require(
        lo <= int(entries.min()) and int(entries.max()) <= hi, f"{name} lies within [{lo}, {hi}]"
    )
    return [int(entry) for entry in entries]
