"""Regions of arrays and pictures in an archive, of which no more pieces are decoded than they
touch.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.grid import Grid, Region, Shape
from bitsback.archive.pieces import Pieces
from bitsback.errors import InputError

Decode = Callable[[int, int | None], tuple[int, Pieces]]
"""Decodes the block that holds a piece: the number of the block's first piece, and its pieces; not
verified, and perhaps not those from another number on, if that is given.
"""


class View:
    """An array or a picture in an archive. Indexed as NumPy's arrays are, by numbers and slices, it
    decodes the blocks that are needed, and gives a copy.
    """

    def __init__(
        self, part: Collection, first: int, decode: Decode, name: str, entry: int | None = None
    ) -> None:
        """first: the number of the part's first piece. entry: the number along its first axis, if
        the view is of one of these only. name: of the archive, for error messages.
        """
        self._part, self._first, self._decode, self._name = part, first, decode, name
        self._entry = entry
        if entry is None:
            self.shape: Shape = part.shape
        else:
            self.shape = part.shape[1:] if part.axes == ONE else part.shape_of(entry)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Byte order included."""
        return self._part.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("one number has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} {self.dtype} in {self._name}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it. Always a copy."""
        whole: NDArray[Any] = np.asarray(self[...])
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """A region. Raises IndexError, ArchiveError, naming the block, if one needed is damaged,
        InputError if it does not fit into memory.
        """
        box, index = _box_of(key, self.shape)
        return np.asarray(self.box(box)[index], self.dtype, order="C")

    def whole(self, verify: bool = True) -> NDArray[Any]:
        """All of it. verify: check each block's digest."""
        return self.box(tuple(slice(0, size) for size in self.shape), verify)

    def box(self, box: Region, verify: bool = True) -> NDArray[Any]:
        """A region without steps: [stop - start for each dimension]."""
        shape = tuple(part.stop - part.start for part in box)
        if self._entry is not None:
            box = (slice(self._entry, self._entry + 1), *box)
        try:
            found = _Reading(self._part, self._first, self._decode, verify).box(box)
        except MemoryError:
            raise InputError(
                f"{self._name}: a region of {' x '.join(map(str, shape))} does not fit into memory;"
                " take a smaller one"
            ) from None
        return found.reshape(shape)


class _Reading:
    def __init__(self, part: Collection, first: int, decode: Decode, verify: bool) -> None:
        self._part, self._first, self._decode, self._verify = part, first, decode, verify

    def box(self, box: Region) -> NDArray[Any]:
        """A region of the whole part, which may hold rows and columns of only one item if these
        vary.
        """
        part = self._part
        if part.axes == ONE:
            return self._of_item(0, box)
        items, inner = box[0], box[1:]
        if part.plain:
            return self._of_items(items, inner)
        found = [self._of_item(item, inner) for item in range(items.start, items.stop)]
        nothing = np.empty((0, *(side.stop - side.start for side in inner)), part.dtype)
        return np.stack(found) if found else nothing

    def _of_items(self, items: slice, inner: Region) -> NDArray[Any]:
        """Of items that are pieces."""
        shape = tuple(side.stop - side.start for side in inner)
        if 0 in shape:
            return np.empty((items.stop - items.start, *shape), self._part.dtype)
        found = [np.empty((0, *shape), self._part.dtype)]
        at = items.start
        while at < items.stop:
            start, pieces = self._block(at, items.stop - 1)
            end = min(items.stop, start + pieces.count)
            found.append(pieces.stack[(slice(at - start, end - start), *inner)])
            at = end
        return np.concatenate(found, dtype=self._part.dtype)

    def _of_item(self, item: int, box: Region) -> NDArray[Any]:
        part, grid, first = self._part, self._part.grid(item), self._part.first_piece(item)
        shape = tuple(side.stop - side.start for side in box)
        if 0 in shape:
            return np.empty(shape, part.dtype)
        last = first + grid.last_touching(box)
        found: NDArray[Any] | None = None
        start, pieces = 0, None
        for number in grid.touching(box):
            if pieces is None or first + number >= start + pieces.count:
                start, pieces = self._block(first + number, last)
            if found is None:  # when a block is there: a few bytes may claim much
                found = np.empty(shape, part.dtype)
            _copy(found, box, pieces[first + number - start], grid, number)
        assert found is not None
        return found

    def _block(self, piece: int, last: int) -> tuple[int, Pieces]:
        stop: int | None = None if self._verify else self._first + last + 1
        start, pieces = self._decode(self._first + piece, stop)
        return start - self._first, pieces


def _copy(found: NDArray[Any], box: Region, piece: NDArray[Any], grid: Grid, number: int) -> None:
    """Copies what a piece has of a box to it."""
    to, of = [], []
    for wanted, there in zip(box, grid.region(number), strict=True):
        low, high = max(wanted.start, there.start), min(wanted.stop, there.stop)
        to.append(slice(low - wanted.start, high - wanted.start))
        of.append(slice(low - there.start, high - there.start))
    found[tuple(to)] = piece[tuple(of)]


def _box_of(key: Any, shape: Shape) -> tuple[Region, tuple[Any, ...]]:
    """The smallest region that holds what NumPy would take of an array of this shape, and how to
    take it of the region. Raises IndexError.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    missing = len(shape) - sum(part is not Ellipsis for part in keys)
    at = next((at for at, part in enumerate(keys) if part is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * missing
    if len(keys) != len(shape):
        raise IndexError(f"{len(keys)} indices, for {len(shape)} dimensions")
    box, index = [], list[Any]()
    for part, size in zip(keys, shape, strict=True):
        if isinstance(part, slice):
            wanted = range(size)[part]
            low = min(wanted[0], wanted[-1]) if len(wanted) else 0
            high = max(wanted[0], wanted[-1]) + 1 if len(wanted) else 0
            box.append(slice(low, high))
            index.append(slice(None, None, wanted.step))
        else:
            try:
                number = range(size)[operator.index(part)]
            except TypeError:
                raise IndexError(
                    f"{part!r} is no index of an archive; give numbers, slices and ..."
                ) from None
            box.append(slice(number, number + 1))
            index.append(0)
    return tuple(box), tuple(index)
