"""Arrays and pictures in an archive, of which no more is decoded than is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.directory import BlockInfo
from bitsback.archive.grid import Grid, Shape
from bitsback.archive.indexing import Along, Steps, all_of, read_index
from bitsback.archive.pieces import Pieces
from bitsback.archive.regions import Reading
from bitsback.errors import InputError

Chunks = tuple[tuple[int, ...], ...]
"""For each axis the lengths of the chunks along it, as Dask has them."""


class Decoder(Protocol):
    """An open archive."""

    name: str

    def check_open(self) -> None: ...

    @property
    def blocks(self) -> list[BlockInfo]: ...

    def block_of(self, piece: int) -> BlockInfo: ...

    def decode_at(self, piece: int, stop: int | None) -> tuple[int, Pieces]: ...


class View:
    """An array or a picture in an archive. It is indexed as NumPy's arrays are, by numbers, slices,
    `...`, `None`, and along its first axis by lists of numbers and masks; it decodes the blocks
    that are needed, each once, and gives a copy.
    """

    def __init__(
        self, archive: Decoder, part: Collection, first: int, entry: int | None = None
    ) -> None:
        """first: the number of the part's first piece. entry: the number along its first axis, if
        the view is of one of these only.
        """
        self._archive, self._part, self._first, self._entry = archive, part, first, entry
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

    @property
    def nbytes(self) -> int:
        """Of all of it, decoded."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> Chunks:
        """What is best read together: the lengths of the blocks along each axis, or of the pieces
        where large items are cut. Raises ArchiveError if blocks are missing.
        """
        part, blocks = self._part, self._archive.blocks
        behind = self._first + part.pieces
        if behind > (blocks[-1].first + blocks[-1].items if blocks else 0):
            self._archive.block_of(behind - 1)
        if self._entry is None and part.axes != ONE:
            if not part.plain:
                return ((1,) * part.entries, *_lengths(part.grid(0)))
            counts = (block.items for block in blocks if self._first <= block.first < behind)
            return (tuple(counts) or (0,), *((size,) for size in self.shape[1:]))
        grid, axis = self._grid()
        return _lengths(grid)[axis:]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} {self.dtype} in {self._archive.name}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it. Always a copy; raises ValueError if none is allowed."""
        if copy is False:
            raise ValueError(f"{self._archive.name}: what is compressed cannot be had uncopied")
        whole = self.whole()
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __iter__(self) -> Iterator[Any]:
        """Along the first axis. Each block is decoded once, and one at a time is in memory."""
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return chain.from_iterable(self.stacks(0, len(self)))

    def __getitem__(self, key: Any) -> Any:
        """What NumPy would take. Raises IndexError, ArchiveError, naming the block, if one needed
        is damaged, InputError if it does not fit into memory.
        """
        wanted, arranged = read_index(key, self.shape)
        found = self.take(wanted)[arranged]
        return np.asarray(found, order="C") if isinstance(found, np.ndarray) else found

    def whole(self, verify: bool = True) -> NDArray[Any]:
        """All of it. verify: check each block's digest."""
        return self.take(all_of(self.shape), verify)

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        """What is wanted along each axis, of which none is left out."""
        return self._take(self._reading(verify), wanted)

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """From start to stop - 1 along the first axis, some at a time: as many as lie in a block,
        or in pieces of one row. In this way any number of them fits into memory.
        """
        reading = self._reading(verify)
        while start < stop:
            end = min(self._end_of_stack(start), stop)
            yield self._take(reading, (Steps(range(start, end)), *all_of(self.shape[1:])))
            start = end

    def _reading(self, verify: bool) -> Reading:
        return Reading(self._part, self._first, self._archive.decode_at, verify)

    def _take(self, reading: Reading, wanted: tuple[Along, ...]) -> NDArray[Any]:
        self._archive.check_open()
        shape = tuple(map(len, wanted))
        if self._entry is not None:
            wanted = (Steps(range(self._entry, self._entry + 1)), *wanted)
        try:
            return reading.take(wanted).reshape(shape)
        except MemoryError:
            raise InputError(
                f"{self._archive.name}: a region of {' x '.join(map(str, shape))} does not fit into"
                " memory; take a smaller one"
            ) from None

    def _grid(self) -> tuple[Grid, int]:
        """The pieces of the only item that is seen, and which of its axes is the first here."""
        if self._entry is None:
            return self._part.grid(0), 0
        if self._part.axes == ONE:
            return self._part.grid(0), 1
        return self._part.grid(self._entry), 0

    def _end_of_stack(self, at: int) -> int:
        if self._entry is None and self._part.axes != ONE:
            if not self._part.plain:
                return at + 1
            block = self._archive.block_of(self._first + at)
            return block.first + block.items - self._first
        grid, axis = self._grid()
        return (at // grid.extents[axis] + 1) * grid.extents[axis]


def _lengths(grid: Grid) -> Chunks:
    """Of the pieces along each axis."""
    return tuple(
        tuple(min(extent, size - start) for start in range(0, size, extent)) or (0,)
        for size, extent in zip(grid.shape, grid.extents, strict=True)
    )
