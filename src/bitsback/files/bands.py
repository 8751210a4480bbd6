"""Read the rows of a picture in bands, so that memory does not grow with large pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.files.npy import Items, stacked
from bitsback.format.grid import Shape
from bitsback.io.file_io import Reader

if TYPE_CHECKING:
    from PIL import Image

Read = Callable[[], Iterator[NDArray[Any]]]
"""Iterates over the bands of a picture, from its first row to its last, each time it is called."""

BAND = 1 << 21
"""The approximate bytes of a band, unless a row has more."""


def rows_of_band(row: int) -> int:
    """The number of rows in a band, for rows of this many bytes."""
    return max(BAND // max(row, 1), 1)


@dataclass(frozen=True)
class Bands:
    """A picture, [height, width] or [height, width, channels], that is read in bands.

    Reading it raises the errors of Pillow.

    >>> import numpy as np
    >>> picture = Bands.from_array(np.arange(12, dtype=np.uint8).reshape(3, 4))
    >>> picture.rows([0, 2]).tolist()
    [[0, 1, 2, 3], [8, 9, 10, 11]]
    """

    dtype: np.dtype[Any]
    shape: Shape
    read: Read

    @classmethod
    def from_array(cls, pixels: NDArray[Any]) -> Bands:
        """The bands of a picture in memory."""
        return cls(pixels.dtype, pixels.shape, lambda: iter((pixels,)))

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return self.read()

    def whole(self) -> NDArray[Any]:
        """The entire picture as an array."""
        return joined(self)

    def rows(self, numbers: Sequence[int]) -> NDArray[Any]:
        """A copy of the rows with these ascending numbers."""
        found, first, at = [], 0, 0
        for band in self:
            while at < len(numbers) and numbers[at] < first + len(band):
                found.append(band[numbers[at] - first])
                at += 1
            if at == len(numbers):
                break
            first += len(band)
        return np.stack(found)

    def regions(self, boxes: Sequence[Sequence[slice]]) -> list[NDArray[Any]]:
        """The content of boxes, as C-contiguous arrays. Boxes must be in the order of their rows,
        unless they share rows."""
        found: list[NDArray[Any]] = []
        rows, at = Rows(self), 0
        for group in _overlapping(boxes):
            top, bottom = min(box[0].start for box in group), max(box[0].stop for box in group)
            rows.skip(top - at)
            some, at = rows.take(bottom - top), bottom
            for along, *others in group:
                part = some[(slice(along.start - top, along.stop - top), *others)]
                found.append(np.ascontiguousarray(part))
        return found


def _overlapping(boxes: Sequence[Sequence[slice]]) -> list[list[Sequence[slice]]]:
    """Groups boxes that share rows."""
    groups: list[list[Sequence[slice]]] = []
    bottom = 0
    for box in boxes:
        if not groups or box[0].start >= bottom:
            groups.append([])
        groups[-1].append(box)
        bottom = max(bottom, box[0].stop)
    return groups


def in_bands(pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Splits an array in memory into bands."""
    step = rows_of_band(pixels[:1].nbytes)
    for first in range(0, len(pixels), step):
        yield pixels[first : first + step]


class Rows:
    """Rows taken from bands, in order."""

    def __init__(self, bands: Iterable[NDArray[Any]]) -> None:
        self._bands = iter(bands)
        self._rest: NDArray[Any] | None = None

    def take(self, count: int) -> NDArray[Any]:
        """The next `count` rows, which must exist."""
        taken, at = self._next(count), 0
        if len(taken) == count:
            return taken
        rows = np.empty((count, *taken.shape[1:]), taken.dtype)
        while True:
            rows[at : at + len(taken)] = taken
            at += len(taken)
            if at == count:
                return rows
            taken = self._next(count - at)

    def skip(self, count: int) -> None:
        """Skips the next `count` rows."""
        while count:
            count -= len(self._next(count))

    def _next(self, most: int) -> NDArray[Any]:
        """At most `most` rows of the next band."""
        band = next(self._bands) if self._rest is None else self._rest
        self._rest = band[most:] if len(band) > most else None
        return band[:most]


def joined(bands: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Concatenates bands; a single band is not copied."""
    found = list(bands)
    return found[0] if len(found) == 1 else np.concatenate(found)


class Kind(Protocol):
    """The dtype and the shapes of some pictures."""

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def shape(self) -> Shape: ...

    def shape_of(self, item: int) -> Shape: ...


class BandItems(Items):
    """Pictures that are read in order, or the slices of a stack.

    Only some rows of a large picture are in memory, if its file allows that.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        bands_of: Callable[[int], Iterable[NDArray[Any]]],
        peeks: bool = False,
    ) -> None:
        """kind: the kind of all pictures. bands_of: reads the bands of one picture. peeks: whether
        pictures may be read more than once.
        """
        self.name, self.dtype, self.shape = name, kind.dtype, kind.shape
        self._kind, self._bands_of, self._peeks = kind, bands_of, peeks
        self._next = self._left = 0
        self._rows: Rows | None = None

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """The next `count` pictures, which have one shape. axes: the number of axes before those of
        a picture; 0 makes one stack of all pictures.
        """
        if axes == 0:
            return self.read(self.shape[0], 1)[np.newaxis]
        self._next += count
        return self._pictures(self._next - count, count)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        if not axes:
            return self.read(count, 1)
        if self._rows is None:
            self._rows = Rows(self._bands_of(self._next))
            self._left = self._kind.shape_of(self._next)[0]
        taken = self._rows.take(count)
        self._left -= count
        if not self._left:
            self._rows, self._next = None, self._next + 1
        return taken

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._pictures(first, count) if self._peeks else None

    def _pictures(self, first: int, count: int) -> NDArray[Any]:
        numbers = range(first, first + count)
        return stacked([joined(self._bands_of(number)) for number in numbers])


def same_pixels(one: Bands | None, other: Bands | None) -> bool:
    """Whether there are two pictures, with the same dtype, shape and pixels."""
    if one is None or other is None or (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    rows = Rows(other)
    return all(np.array_equal(band, rows.take(len(band))) for band in one)


def reader_of(image: Image.Image) -> Reader:
    """A reader of the file of an open picture. It does not depend on the file's position, which
    Pillow's libtiff moves.
    """
    file: BinaryIO = getattr(image, "fp")  # noqa: B009 - since not all images have it
    return Reader(file)


def pixels_as_they_are(image: Image.Image) -> NDArray[Any]:
    """A loaded image as an array; samples of 16 bits are little-endian."""
    values = np.asarray(image)
    return values.astype("<u2") if image.mode.startswith("I") else values
