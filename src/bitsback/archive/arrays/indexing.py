"""Parse NumPy indexes: the wanted places along each axis, and their order in the result."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.format.grid import Shape

AxisIndex = slice | NDArray[np.int64]
"""An index along one axis of an array."""

_KINDS = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and, along the first"
    " axis, integer or boolean arrays are valid indices"
)


@dataclass(frozen=True)
class Steps:
    """Equally spaced places along an axis, as from a slice."""

    wanted: range
    """The places in ascending order."""
    backwards: bool = False
    """Whether the result has them in reverse order."""

    def __len__(self) -> int:
        return len(self.wanted)

    @property
    def last(self) -> int:
        """The greatest place. There must be one."""
        return self.wanted[-1]

    def shifted(self, first: int) -> Steps:
        """The places shifted by `first`."""
        taken = self.wanted
        return Steps(range(first + taken.start, first + taken.stop, taken.step), self.backwards)

    def within(self, low: int, high: int) -> tuple[AxisIndex, AxisIndex]:
        """The wanted places from `low` to `high` - 1: their positions in the result, and the places
        counted from `low`.
        """
        start, step = self.wanted.start, self.wanted.step
        first = max(-(-(low - start) // step), 0)
        end = max(min(-(-(high - start) // step), len(self)), first)
        at = start + first * step - low
        inside = slice(at, at + (end - first) * step, step) if end > first else slice(0, 0)
        if not self.backwards:
            return slice(first, end), inside
        behind = len(self) - 1 - end
        return slice(len(self) - 1 - first, behind if behind >= 0 else None, -1), inside

    def between(self, low: int, high: int) -> tuple[AxisIndex, Steps]:
        """The wanted places from `low` to `high` - 1: their positions in the result, and the places
        in ascending order.
        """
        positions, inside = self.within(low, high)
        assert isinstance(inside, slice)
        return positions, Steps(range(inside.start, inside.stop, inside.step or 1))

    def next(self, place: int) -> int | None:
        """The first wanted place from `place` on; None if there is none."""
        at = max(-(-(place - self.wanted.start) // self.wanted.step), 0)
        return self.wanted[at] if at < len(self) else None


@dataclass(frozen=True)
class PlaceList:
    """Any places along an axis, in any order, as from an array of integers."""

    wanted: NDArray[np.int64]
    """Sorted, with repetitions."""
    order: NDArray[np.int64]
    """The position of each place in the result."""

    @classmethod
    def from_places(cls, places: NDArray[np.int64]) -> PlaceList:
        order = np.argsort(places, kind="stable")
        return cls(places[order], order)

    def __len__(self) -> int:
        return len(self.wanted)

    @property
    def last(self) -> int:
        return int(self.wanted[-1])

    def shifted(self, first: int) -> PlaceList:
        return PlaceList(self.wanted + first, self.order)

    def within(self, low: int, high: int) -> tuple[AxisIndex, AxisIndex]:
        first, end = np.searchsorted(self.wanted, (low, high))
        return self.order[first:end], self.wanted[first:end] - low

    def between(self, low: int, high: int) -> tuple[AxisIndex, PlaceList]:
        positions, inside = self.within(low, high)
        assert isinstance(inside, np.ndarray)
        return positions, PlaceList(inside, np.arange(len(inside)))

    def next(self, place: int) -> int | None:
        at = np.searchsorted(self.wanted, place)
        return int(self.wanted[at]) if at < len(self) else None


AxisPlaces = Steps | PlaceList
"""The wanted places along one axis."""


def cells(along: AxisPlaces, extent: int) -> Iterator[int]:
    """The numbers of the cells with wanted places, of an axis cut into cells of this extent."""
    place = along.next(0)
    while place is not None:
        cell = place // extent
        yield cell
        place = along.next((cell + 1) * extent)


def all_places(shape: Shape) -> tuple[AxisPlaces, ...]:
    """All places along each axis."""
    return tuple(Steps(range(size)) for size in shape)


def read_index(key: Any, shape: Shape) -> tuple[tuple[AxisPlaces, ...], tuple[Any, ...]]:
    """The wanted places along each axis, and an index for NumPy to apply to their elements.

    The elements still have all axes; that index removes some or adds new ones. Raises IndexError as
    NumPy does, and for arrays along other axes than the first.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    ellipses = sum(part is Ellipsis for part in keys)
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = sum(part is not Ellipsis and part is not None for part in keys)
    if given > len(shape):
        raise IndexError(
            f"too many indices for array: array is {len(shape)}-dimensional, but {given} were"
            " indexed"
        )
    if not ellipses:
        keys += [slice(None)] * (len(shape) - given)
    wanted, arranged = list[AxisPlaces](), list[Any]()
    for part in keys:
        if part is None:
            arranged.append(None)
        elif part is Ellipsis:  # with an Ellipsis even a single element is an array
            arranged.append(part)
            first = len(wanted)
            wanted += all_places(shape[first : first + len(shape) - given])
        else:
            axis = len(wanted)
            along, kept = _read_part(part, axis, shape[axis])
            wanted.append(along)
            # NumPy decides where the axis of an array goes, unless it can only be the first.
            simple = isinstance(kept, np.ndarray) and kept.ndim == 1 and not arranged
            arranged.append(slice(None) if simple else kept)
    return tuple(wanted), tuple(arranged)


def read_number(key: Any, size: int, noun: str) -> int:
    """An integer of any type as an index of `size` things. Raises IndexError."""
    number = operator.index(key)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of bounds for {noun} with size {size}")
    return number % size


def _read_part(part: Any, axis: int, size: int) -> tuple[AxisPlaces, Any]:
    if isinstance(part, slice):
        found = range(size)[part]
        if found.step > 0:
            return Steps(found), slice(None)
        return Steps(found[::-1], backwards=True), slice(None)
    if isinstance(part, bool | np.bool_):
        raise IndexError(f"{part} is a mask without an axis; use a mask for the first axis")
    if getattr(part, "ndim", 0) == 0:
        try:
            number = read_number(part, size, f"axis {axis}")
            return Steps(range(number, number + 1)), 0
        except TypeError:
            pass
    if isinstance(part, str | bytes | float | complex) or axis:
        raise IndexError(_KINDS)
    return _read_array(part, size)


def _read_array(part: Any, size: int) -> tuple[AxisPlaces, Any]:
    """Integers, or a mask, along the first axis."""
    try:
        array = np.asarray(part)
    except ValueError:  # lists of several lengths
        raise IndexError(_KINDS) from None
    if not array.size and not isinstance(part, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype == np.bool_:
        if array.shape != (size,):
            raise IndexError(
                "boolean index did not match indexed array along axis 0; size of axis is"
                f" {size} but the shape of the boolean array is {array.shape}"
            )
        array = np.flatnonzero(array)
    if array.dtype.kind not in "iu":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    outside = (array < -size) | (array >= size)
    if outside.any():
        raise IndexError(
            f"index {array[outside].flat[0]} is out of bounds for axis 0 with size {size}"
        )
    places = array.reshape(-1).astype(np.int64)
    places[places < 0] += size
    return PlaceList.from_places(places), np.arange(array.size).reshape(array.shape)
