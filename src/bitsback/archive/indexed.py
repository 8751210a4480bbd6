"""What is indexed as NumPy's arrays are, without being one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.grid import Shape
from bitsback.archive.indexing import Along, all_of, read_index
from bitsback.archive.showing import MOST_ELEMENTS, MOST_SHOWN, is_image, picture
from bitsback.errors import BitsbackError, InputError

Chunks = tuple[tuple[int, ...], ...]
"""For each axis the lengths of the chunks along it, as Dask has them."""


class Indexed(ABC):
    """An array, or a picture, in an archive. It is indexed by numbers, slices, `...`, `None`, and
    along its first axis by lists of numbers and masks; it decodes the blocks that are needed, each
    once, and gives a copy.
    """

    def __init__(self, name: str) -> None:
        """name: of the archive."""
        self._name = name

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Of all of it."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Byte order included."""

    @property
    @abstractmethod
    def chunks(self) -> Chunks:
        """What is best read together: the lengths of the blocks along each axis, or of the pieces
        where large items are cut. Raises ArchiveError if blocks are missing.
        """

    @abstractmethod
    def _take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        """What is wanted along each axis, of which none is left out. verify: check each block's
        digest.
        """

    @abstractmethod
    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """From start to stop - 1 along the first axis, some at a time: as many as lie in a block,
        or in pieces of one row. In this way any number of them fits into memory.
        """

    @contextmanager
    def _fitting(self, shape: Shape) -> Iterator[None]:
        """Turns a want of memory into an InputError that says of what."""
        try:
            yield
        except MemoryError:
            raise InputError(
                f"{self._name}: a region of {' x '.join(map(str, shape))} does not fit into memory;"
                " take a smaller one"
            ) from None

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

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} {self.dtype} in {self._name}>"

    def _shown(self, most: int) -> list[NDArray[Any]]:
        """What a notebook shows: the image that this is, or the first `most` images along its first
        axis; nothing where it is neither, or is large. Raises ArchiveError.
        """
        if is_image(self.shape, self.dtype):
            return [self._all()] if self.size <= MOST_ELEMENTS else []
        if not self.shape or not is_image(self.shape[1:], self.dtype):
            return []
        count = min(len(self), most)
        few = count * math.prod(self.shape[1:]) <= MOST_ELEMENTS
        return list(self[:count]) if few else []

    def _repr_png_(self) -> bytes | None:
        """The image, small; None if it is none."""
        try:
            return picture(self._shown(MOST_SHOWN))
        except (BitsbackError, ValueError):  # damaged, or closed
            return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it. Always a copy; raises ValueError if none is allowed."""
        if copy is False:
            raise ValueError(f"{self._name}: what is compressed cannot be had uncopied")
        whole = self._all()
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __iter__(self) -> Iterator[Any]:
        """Along the first axis. Each block is decoded once, and one at a time is in memory."""
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return chain.from_iterable(self._stacks(0, len(self)))

    def __getitem__(self, key: Any) -> Any:
        """What NumPy would take. Raises IndexError, ArchiveError, naming the block, if one needed
        is damaged, InputError if it does not fit into memory.
        """
        wanted, arranged = read_index(key, self.shape)
        found = self._take(wanted)[arranged]
        return np.asarray(found, order="C") if isinstance(found, np.ndarray) else found

    def _all(self, verify: bool = True) -> NDArray[Any]:
        """All of it. verify: check each block's digest."""
        return self._take(all_of(self.shape), verify)
