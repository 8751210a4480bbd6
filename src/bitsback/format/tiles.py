"""The tiles of a block, in memory."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.format.grid import Shape
from bitsback.format.two_values import TwoValues, find_two_values
from bitsback.format.value_range import Ordered, find_value_range
from bitsback.lazy import cached_property

Result = TypeVar("Result")
_OF_ELEMENTS = ("two_values", "value_range", "range_of_series")
"""The cached properties that depend only on the elements."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Arrays of one dtype and any shapes."""

    elements: NDArray[Any]
    """The elements of all tiles in order, flat, each tile in C order."""
    shapes: tuple[tuple[int, Shape], ...]
    """Pairs (number of consecutive tiles, their shape)."""

    @classmethod
    def stacked(cls, items: NDArray[Any]) -> Tiles:
        """Tiles of one shape, from an array [tiles, *shape], C-contiguous."""
        return cls(items.reshape(-1), ((len(items), items.shape[1:]),))

    @classmethod
    def from_arrays(cls, arrays: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> Tiles:
        shapes: list[tuple[int, Shape]] = []
        flat = []
        for array in arrays:
            flat.append(array.reshape(-1))
            if shapes and shapes[-1][1] == array.shape:
                shapes[-1] = shapes[-1][0] + 1, array.shape
            else:
                shapes.append((1, array.shape))
        elements = np.concatenate(flat, dtype=dtype) if flat else np.empty(0, dtype)
        return cls(elements, tuple(shapes))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.elements.dtype

    @property
    def shape(self) -> Shape | None:
        """The shape of each tile; None if tiles differ in it."""
        return self.shapes[0][1] if len(self.shapes) == 1 else None

    @property
    def are_bytes(self) -> bool:
        """Whether each tile is a row of bytes."""
        return self.dtype == np.uint8 and all(len(shape) == 1 for _, shape in self.shapes)

    @cached_property
    def count(self) -> int:
        return sum(count for count, _ in self.shapes)

    @cached_property
    def two_values(self) -> TwoValues | None:
        """The two values of the elements; None if they have more."""
        return find_two_values(self.elements)

    @cached_property
    def value_range(self) -> Ordered | None:
        """The value map for more than two values; None if elements are their own symbols."""
        return find_value_range(self.elements)

    @cached_property
    def range_of_series(self) -> Ordered | None:
        """The value map for more than two values, if the tiles are a series."""
        return find_value_range(self.elements, near=True)

    @cached_property
    def has_jpeg_colours(self) -> bool:
        """Whether the last axis is red, green and blue, and all colours occur in JPEG."""
        if self.dtype != np.uint8 or not self.elements.size:
            return False
        if any(len(shape) < 3 or shape[-1] != 3 for _, shape in self.shapes):
            return False
        return _core.are_jpeg_colours(self.elements)

    @cached_property
    def tried(self) -> set[str]:
        """The general compressors that were tried, and "trial" if a sample of the tiles was."""
        return set()

    @cached_property
    def _computed(self) -> dict[object, Any]:
        return {}

    def once(self, compute: Callable[..., Result], *others: object) -> Result:
        """`compute(tiles, *others)`, computed once for these tiles and those of `like`."""
        key = compute, others
        if key not in self._computed:
            self._computed[key] = compute(self, *others)
        found: Result = self._computed[key]
        return found

    def like(self, other: Tiles | None) -> Tiles:
        """These tiles with all that was computed for `other`, if it is equal; nothing is `tried`.

        The outcome of a trial with a limit depends on what was tried before.
        """
        if other is None or (self.dtype, self.shapes) != (other.dtype, other.shapes):
            return self
        if not np.array_equal(self.bytes, other.bytes):
            return self
        alike = Tiles(other.elements, other.shapes)
        alike.__dict__.update(other.__dict__, _computed=other._computed, tried=set())
        return alike

    def reshaped(self, shapes: tuple[tuple[int, Shape], ...]) -> Tiles:
        """The same elements as tiles of other shapes, with the cached properties."""
        known = {key: self.__dict__[key] for key in _OF_ELEMENTS if key in self.__dict__}
        other = Tiles(self.elements, shapes)
        other.__dict__.update(known)
        return other

    @property
    def bytes(self) -> memoryview:
        return self.elements.view(np.uint8).data

    @property
    def stack(self) -> NDArray[Any]:
        """Tiles of one shape as an array [tiles, *shape]."""
        ((count, shape),) = self.shapes
        return self.elements.reshape(count, *shape)

    @cached_property
    def _starts(self) -> list[tuple[int, int]]:
        """For each run of one shape: the numbers of its first tile and its first element."""
        starts, tile, element = [], 0, 0
        for count, shape in self.shapes:
            starts.append((tile, element))
            tile, element = tile + count, element + count * math.prod(shape)
        return starts

    def __getitem__(self, number: int) -> NDArray[Any]:
        run = bisect_right(self._starts, number, key=lambda start: start[0]) - 1
        (tile, element), shape = self._starts[run], self.shapes[run][1]
        size = math.prod(shape)
        at = element + (number - tile) * size
        return self.elements[at : at + size].reshape(shape)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        at = 0
        for count, shape in self.shapes:
            size = math.prod(shape)
            for _ in range(count):
                yield self.elements[at : at + size].reshape(shape)
                at += size
