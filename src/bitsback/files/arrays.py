"""Read arrays of other libraries, and iterables of images, on demand."""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bitsback.errors import InputError
from bitsback.files.npy import ArrayItems, Items, WholeItems, check_dtype
from bitsback.format.grid import Shape
from bitsback.io.file_io import one_line

_END = object()


@runtime_checkable
class Convertible(Protocol):
    """An object that NumPy converts to an array."""

    def __array__(self) -> NDArray[Any]: ...


@runtime_checkable
class HasArrayInterface(Protocol):
    """An object that NumPy converts to an array without a copy."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


@runtime_checkable
class Chunked(Protocol):
    """An array in chunks, such as those of Zarr and Dask."""

    @property
    def shape(self) -> Shape: ...

    @property
    def chunks(self) -> Any: ...

    def __getitem__(self, which: Any, /) -> Any: ...


@runtime_checkable
class Lazy(Protocol):
    """An array that is computed on demand, such as those of Dask."""

    def compute(self) -> Any: ...


def foreign_items(source: Any, dtype: DTypeLike | None, shape: Sequence[int] | None) -> Items:
    """The items of objects other than NumPy arrays, paths and files.

    An array with `chunks`, such as those of Zarr and Dask, is read chunk by chunk along its first
    axis. NumPy converts any other object with `__array__`. An iterable has images of one shape and
    dtype. dtype, shape: of all images together, with their number first; not needed for a list.
    Raises InputError for other objects.
    """
    whole = isinstance(source, bytes | bytearray | memoryview | str | Mapping)
    array = isinstance(source, Convertible | HasArrayInterface)
    if whole or not (array or isinstance(source, Iterable)):
        raise InputError(
            f"an array, a path, a binary stream or an iterable of images is needed, not"
            f" {type(source).__name__}"
        )
    kind = f"the {type(source).__module__.partition('.')[0]} array"
    if array:
        if dtype is not None or shape is not None:
            raise InputError(f"{kind}: has a dtype and a shape of its own; do not give others")
        if isinstance(source, Chunked) and source.shape:
            return _ChunkedItems(source, kind)
        return ArrayItems(_converted(source, kind), kind)
    if isinstance(source, Sequence) and len(source) and (dtype is None or shape is None):
        first = _converted(source[0], "the images: number 0")
        dtype = first.dtype if dtype is None else dtype
        shape = (len(source), *first.shape) if shape is None else shape
    if dtype is None or shape is None:
        raise InputError(
            "the images: their number and kind have to be known in advance; give"
            " dtype= and shape=(number, rows, columns)"
        )
    try:
        described = np.dtype(dtype), tuple(map(operator.index, shape))
    except TypeError as error:
        raise InputError(
            f"the images: dtype={dtype!r} and shape={shape!r}: {one_line(error)}"
        ) from None
    return _Succession(iter(source), *described)


def _converted(source: Any, name: str) -> NDArray[Any]:
    if not isinstance(source, Convertible | HasArrayInterface):
        raise InputError(
            f"{name}: is no array, but {type(source).__name__}; a list has paths only, or arrays"
            " only"
        )
    try:
        found = np.asanyarray(source)
    except Exception as error:  # other libraries may raise any error
        raise InputError(f"{name}: NumPy can make no array of it: {one_line(error)}") from error
    return _plain(found, name)


def _plain(array: NDArray[Any], name: str) -> NDArray[Any]:
    """The array as a plain NumPy array, aligned. Raises InputError for a mask, or an unsupported
    dtype.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{name}: a mask would be lost; fill it first")
    check_dtype(array.dtype, name)
    return np.require(np.asarray(array), requirements=["ALIGNED"])


class _ChunkedItems(Items):
    """Reads an array of another library, each chunk once."""

    def __init__(self, source: Any, name: str) -> None:
        self.name = name
        self.dtype: np.dtype[Any] = np.dtype(source.dtype)
        check_dtype(self.dtype, name)
        if any(math.isnan(size) for size in source.shape):
            raise InputError(f"{name}: its length has to be known in advance; compute its shape")
        self.shape: Shape = tuple(map(int, source.shape))
        self._source = source
        self._items = self._along(())
        self._rows: _AxisReader | None = None
        self._next = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        if axes == 0:
            return self._items.take(self.shape[0])[np.newaxis]
        self._next += count
        return self._items.take(count)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        if axes == 0:
            return self._items.take(count)
        if self._rows is None:
            self._rows = self._along((self._next,))
        rows = self._rows.take(count)
        if self._rows.done:
            self._rows, self._next = None, self._next + 1
        return rows

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._fetch((), first, first + count)

    def _along(self, place: tuple[int, ...]) -> _AxisReader:
        """The reader along the axis behind the axes of `place`."""
        axis = len(place)
        chunks = self._source.chunks
        along = 1 if chunks is None else chunks[axis]
        return _AxisReader(
            lambda start, stop: self._fetch(place, start, stop),
            self.shape[axis],
            list(accumulate(along)) if isinstance(along, tuple) else along,
        )

    def _fetch(self, place: tuple[int, ...], start: int, stop: int) -> NDArray[Any]:
        request = self._source[(*place, slice(start, stop))]
        if isinstance(request, Lazy):  # Dask's, whose masks NumPy would drop
            request = request.compute()
        found = _plain(np.asanyarray(request), self.name)
        if (found.dtype, found.shape) != (
            self.dtype,
            (stop - start, *self.shape[len(place) + 1 :]),
        ):
            raise InputError(
                f"{self.name}: is {self.shape} of {self.dtype}, and what it gives for"
                f" {start}:{stop} is {found.shape} of {found.dtype}"
            )
        return np.ascontiguousarray(found)


class _AxisReader:
    """Reads along an axis, in whole chunks."""

    def __init__(
        self,
        fetch: Callable[[int, int], NDArray[Any]],
        length: int,
        ends: list[int] | int,
    ) -> None:
        """ends: the ends of the chunks, or the length of each."""
        self._fetch, self._length, self._ends = fetch, length, ends
        self._at = self._first = 0
        self._kept: NDArray[Any] | None = None
        """Fetched images that were not read yet, from `_first` on."""

    @property
    def done(self) -> bool:
        return self._at >= self._length

    def take(self, count: int) -> NDArray[Any]:
        start, self._at = self._at, self._at + count
        kept = self._kept[start - self._first :] if self._kept is not None else None
        fetched = start + (0 if kept is None else len(kept))
        if self._at > fetched or kept is None:
            new = self._fetch(fetched, self._end_of_chunk(self._at))
            kept = new if kept is None or not len(kept) else np.concatenate([kept, new])
        self._kept, self._first = kept, start
        return kept[:count]

    def _end_of_chunk(self, place: int) -> int:
        if isinstance(self._ends, int):
            end = -(-place // self._ends) * self._ends
        else:
            end = self._ends[bisect_left(self._ends, place)]
        return min(end, self._length)


class _Succession(WholeItems):
    """An iterable of images."""

    name = "the images"

    def __init__(self, images: Iterator[Any], dtype: np.dtype[Any], shape: Shape) -> None:
        super().__init__()
        check_dtype(dtype, self.name)
        if not shape or min(shape) < 0:
            raise InputError(
                f"{self.name}: shape={shape}: it is of all together, their number first"
            )
        self.dtype, self.shape = dtype, shape
        self._images, self._count = images, 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        if axes == 0:
            return self.read(self.shape[0], 1)[np.newaxis]
        found = np.empty((count, *self.shape[1:]), self.dtype)
        for place in range(count):
            found[place] = self._take()
        return found

    def finish(self) -> None:
        if next(self._images, _END) is not _END:
            raise InputError(f"{self.name}: more come than the {self.shape[0]} of their shape")

    def _take(self) -> NDArray[Any]:
        image = next(self._images, _END)
        if image is _END:
            raise InputError(
                f"{self.name}: only {self._count} came, and their shape says {self.shape[0]}"
            )
        number, self._count = self._count, self._count + 1
        name = f"{self.name}: number {number}"
        array = _converted(image, name)
        same = np.can_cast(array.dtype, self.dtype, "equiv")  # byte order may differ
        if not same or array.shape != self.shape[1:]:
            raise InputError(
                f"{name}: is {array.shape} of {array.dtype}, and they should be {self.shape[1:]} of"
                f" {self.dtype}; pictures of several sizes are compressed from their files"
            )
        return array
