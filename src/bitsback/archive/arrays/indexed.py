"""Arrays of an archive that are indexed like NumPy arrays and decoded on demand.

They also display as pictures in notebooks.
"""

from __future__ import annotations

import base64
import html
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexing import AxisPlaces, Steps, all_places, read_index
from bitsback.errors import BitsbackError, InputError
from bitsback.format.grid import Shape

if TYPE_CHECKING:
    from PIL import Image


MOST_SHOWN = 24
"""The greatest number of images on a sheet."""
MOST_ELEMENTS = 1 << 22
"""The greatest number of elements to decode for a display."""
_COLUMNS = 8
_SIDE, _TILE = 256, 64  # pixels of the side of a single image, and of each on a sheet, at most


def is_image(shape: Shape, dtype: np.dtype[Any]) -> bool:
    """Whether an array is one image.

    Images are [rows, columns] of bool or numbers, or [rows, columns, 3 or 4] of bytes.
    """
    if dtype.kind not in "biuf" or 0 in shape:
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4) and dtype == np.uint8)


def picture(images: Sequence[NDArray[Any]]) -> bytes | None:
    """A PNG file of one image, or of a sheet of several; None for no images."""
    if not images:
        return None
    if len(images) == 1:
        return _png(thumbnail(images[0], _SIDE))
    from PIL import Image

    tiles = [thumbnail(image, _TILE) for image in images[:MOST_SHOWN]]
    width, height = (max(tile.size[axis] for tile in tiles) + 2 for axis in (0, 1))
    columns = min(_COLUMNS, len(tiles))
    sheet = Image.new("RGBA", (columns * width, -(-len(tiles) // columns) * height))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width + 1, number // columns * height + 1))
    return _png(sheet)


def table(title: str, rows: Sequence[tuple[str, str]], png: bytes | None, alt: str) -> str:
    """An HTML table of properties, with a picture below. alt: the picture in words."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    image = ""
    if png is not None:
        data = base64.b64encode(png).decode()
        image = f"<img alt='{html.escape(alt)}' src='data:image/png;base64,{data}'>"
    return f"<div><b>{html.escape(title)}</b><table>{cells}</table>{image}</div>"


def thumbnail(image: NDArray[Any], side: int) -> Image.Image:
    """The image as bytes, with at most `side` pixels along each axis.

    Values other than bytes are scaled, so that the least is 0 and the greatest 255.
    """
    from PIL import Image

    step = max(max(image.shape[:2]) // (2 * side), 1)
    image = image[::step, ::step]
    if image.dtype != np.uint8:
        values = image.astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        if image.dtype == np.bool_:
            low, high = 0.0, 1.0
        scaled = (values - low) / ((high - low) or 1.0) * 255
        image = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0).astype(np.uint8)
    made = Image.fromarray(np.ascontiguousarray(image))
    made.thumbnail((side, side))
    return made.convert("RGBA")


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


Chunks = tuple[tuple[int, ...], ...]
"""The lengths of the chunks along each axis, in Dask's form."""


class ArraySource(ABC):
    """An array or a picture in an archive. Any region of it can be decoded."""

    def __init__(self, name: str) -> None:
        """name: the name of the archive."""
        self.name = name

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The shape of the array."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The dtype, with its byte order."""

    @property
    @abstractmethod
    def chunks(self) -> Chunks:
        """The chunks that are best read together.

        They are the lengths of the blocks along each axis, or of the tiles of large items. Raises
        ArchiveError if blocks are missing.
        """

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes; see `Indexed.dims`."""
        return ()

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The properties of the axes; see `Indexed.attrs`."""
        return {}

    @property
    def levels(self) -> Sequence[ArraySource]:
        """The array in each of its sizes; see `View.levels`."""
        return [self]

    @property
    def pages(self) -> Mapping[str, ArraySource]:
        """The other pages of a slide; see `View.pages`."""
        return {}

    @abstractmethod
    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        """The elements at the wanted places along each axis. verify: check each block's digest."""

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """The entries from `start` to `stop` - 1 along the first axis, in groups.

        A group has the entries of a chunk, so that any number of entries fits into memory.
        """
        for end in accumulate(self.chunks[0]):
            if start < min(end, stop):
                yield self.entries(start, min(end, stop), verify=verify)
                start = min(end, stop)

    def whole(self, verify: bool = True) -> NDArray[Any]:
        """All elements. verify: check each block's digest."""
        return self.take(all_places(self.shape), verify)

    def entries(self, start: int, stop: int, *, verify: bool = True) -> NDArray[Any]:
        """The entries from `start` to `stop` - 1 along the first axis. A 0-d array has one."""
        if not self.shape:
            return self.whole(verify).reshape(1)[start:stop]
        return self.take((Steps(range(start, stop)), *all_places(self.shape[1:])), verify)

    @contextmanager
    def fitting(self, shape: Shape) -> Iterator[None]:
        """Turns a MemoryError of the body into an InputError that names the cause."""
        try:
            yield
        except MemoryError:
            raise InputError(
                f"{self.name}: a region of {' x '.join(map(str, shape))} does not fit into memory;"
                " take a smaller one"
            ) from None


def shown_images(array: ArraySource, most: int) -> list[NDArray[Any]]:
    """The images for a notebook: the array, or the first `most` images along its first axis.

    Empty if it has no images, or is large. Raises ArchiveError.
    """
    shape = array.shape
    if is_image(shape, array.dtype):
        return [array.whole()] if math.prod(shape) <= MOST_ELEMENTS else []
    if not shape or not is_image(shape[1:], array.dtype):
        return []
    count = min(shape[0], most)
    few = count * math.prod(shape[1:]) <= MOST_ELEMENTS
    return list(array.entries(0, count)) if few else []


class Indexed(ABC):
    """An array or a picture in an archive, which is indexed like a NumPy array.

    An index consists of numbers, slices, `...` and `None`, and along the first axis also of lists
    of numbers and masks. It decodes each needed block once, and returns a copy.
    """

    @property
    @abstractmethod
    def _source(self) -> ArraySource:
        """The indexed array."""

    @property
    def shape(self) -> Shape:
        """The shape of the array. Raises InputError if there is no array."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array, with its byte order. Raises InputError if there is no array."""
        return self._source.dtype

    @property
    def chunks(self) -> Chunks:
        """The chunks of the array that are best read together, in Dask's form.

        They are the lengths of the blocks along each axis, or of the tiles of large items. Raises
        InputError if there is no array, ArchiveError if blocks are missing.
        """
        return self._source.chunks

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes of a file's pixels, such as `("t", "z", "y", "x")`.

        `c` is the axis of channels. `frame` or `page` is an axis whose meaning the file does not
        state. Empty for arrays.
        """
        return self._source.dims

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The properties of the axes that the file of the pixels states.

        `spacing` and `units` have a value for each name of an axis. `channels` is a list of names,
        `window` the range of values to show, and `modality` that of a DICOM file.
        """
        return self._source.attrs

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of the decoded array in bytes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} {self.dtype} in {self._source.name}>"

    def _shown(self) -> list[NDArray[Any]]:
        """The images for a notebook. Raises ArchiveError, InputError."""
        return shown_images(self._source, MOST_SHOWN)

    def _repr_png_(self) -> bytes | None:
        """A thumbnail of the image, or a sheet of the first images.

        None if there are no images, or if decoding them would take too long for a notebook.
        """
        try:
            return picture(self._shown())
        except (BitsbackError, ValueError):  # damaged, or closed
            return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The decoded array. Raises ValueError for copy=False."""
        if copy is False:
            raise ValueError(f"{self._source.name}: a compressed array is always copied")
        whole = self._source.whole()
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __iter__(self) -> Iterator[Any]:
        """Iterates along the first axis.

        Each block is decoded once, and one block at a time is in memory.
        """
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return chain.from_iterable(self._source.stacks(0, len(self)))

    def __getitem__(self, key: Any) -> Any:
        """The elements that NumPy would return.

        Raises IndexError as NumPy does. Raises ArchiveError, which names the block, if a needed
        block is damaged. Raises InputError if the result does not fit into memory.
        """
        wanted, arranged = read_index(key, self.shape)
        found = self._source.take(wanted)[arranged]
        return np.asarray(found, order="C") if isinstance(found, np.ndarray) else found


class View(Indexed):
    """An array or a picture in an archive."""

    def __init__(self, source: ArraySource) -> None:
        self._array = source

    @property
    def _source(self) -> ArraySource:
        return self._array

    @property
    def levels(self) -> list[View]:
        """The pixels of a file in each of their sizes, such as the levels of a pyramid.

        The first level is the array itself, which is the largest. Other files have only this one.
        """
        return [View(level) for level in self._source.levels]

    @property
    def pages(self) -> dict[str, View]:
        """The pages of a slide that are no levels, by name, such as `label` and `macro`.

        A page without a name is called by its number, as `page 3`. Other files have none.
        """
        return {name: View(page) for name, page in self._source.pages.items()}
