"""Base class of objects that are indexed like a NumPy array but decoded on demand, with their
display in notebooks.
"""

from __future__ import annotations

import base64
import html
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexing import Along, Steps, all_of, read_index
from bitsback.errors import BitsbackError, InputError
from bitsback.format.grid import Shape

if TYPE_CHECKING:
    from PIL import Image


MOST_SHOWN = 24
"""The most images on a sheet."""
MOST_ELEMENTS = 1 << 22
"""The most elements that are decoded for a picture."""
_COLUMNS = 8
_SIDE, _TILE = 256, 64  # the most pixels of a single image, and of each on a sheet


def is_image(shape: Shape, dtype: np.dtype[Any]) -> bool:
    """Whether an array is one image: [rows, columns] of bool or of numbers, or [rows, columns, 3 or
    4] of bytes.
    """
    if dtype.kind not in "biuf" or 0 in shape:
        return False
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4) and dtype == np.uint8)


def picture(images: Sequence[NDArray[Any]]) -> bytes | None:
    """A PNG file of one image, or a sheet of several; None for none."""
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
    """HTML of some properties, with a picture below them, which `alt` describes in words."""
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
    """The image as bytes, which other values are scaled to from the least to the greatest, and at
    most `side` pixels along an axis.
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
    """An array, or a picture, in an archive, of which any region can be decoded."""

    def __init__(self, name: str) -> None:
        """name: of the archive."""
        self.name = name

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The shape of the whole."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Byte order included."""

    @property
    @abstractmethod
    def chunks(self) -> Chunks:
        """The chunks that are best read together: the lengths of the blocks along each axis, or of
        the tiles of large items. Raises ArchiveError if blocks are missing.
        """

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes, as `Indexed.dims`."""
        return ()

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What is known about the axes, as `Indexed.attrs`."""
        return {}

    @property
    def levels(self) -> Sequence[ArraySource]:
        """The same in each of its sizes, as `View.levels`."""
        return [self]

    @abstractmethod
    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        """The wanted elements along each axis. verify: check each block's digest."""

    @abstractmethod
    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """The entries from start to stop - 1 along the first axis, as many at a time as lie in a
        block, or in tiles of one row, so that any number of them fits into memory.
        """

    def whole(self, verify: bool = True) -> NDArray[Any]:
        """All elements. verify: check each block's digest."""
        return self.take(all_of(self.shape), verify)

    def entries(self, start: int, stop: int, *, verify: bool = True) -> NDArray[Any]:
        """The entries from start to stop - 1 along the first axis; a number is one."""
        if not self.shape:
            return self.whole(verify).reshape(1)[start:stop]
        return self.take((Steps(range(start, stop)), *all_of(self.shape[1:])), verify)

    @contextmanager
    def fitting(self, shape: Shape) -> Iterator[None]:
        """Turns a MemoryError into an InputError that names the cause."""
        try:
            yield
        except MemoryError:
            raise InputError(
                f"{self.name}: a region of {' x '.join(map(str, shape))} does not fit into memory;"
                " take a smaller one"
            ) from None


def shown_images(array: ArraySource, most: int) -> list[NDArray[Any]]:
    """The images that a notebook shows: the array, or the first `most` images along its first axis;
    nothing if it has no images, or is large. Raises ArchiveError.
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
    """An array, or a picture, in an archive. It is indexed by numbers, slices, `...`, `None`, and
    along its first axis by lists of numbers and masks. An index decodes each needed block once, and
    returns a copy.
    """

    @property
    @abstractmethod
    def _source(self) -> ArraySource:
        """What is indexed."""

    @property
    def shape(self) -> Shape:
        """The shape of the whole array. Raises InputError if there is none."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array, byte order included. Raises InputError if there is none."""
        return self._source.dtype

    @property
    def chunks(self) -> Chunks:
        """The chunks of the array that are best read together, in Dask's form: the lengths of the
        blocks along each axis, or of the tiles of large items. Raises InputError if there is no
        array, ArchiveError if blocks are missing.
        """
        return self._source.chunks

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes of the pixels of a file, such as `("t", "z", "y", "x")`: `frame` or
        `page` where the file does not say what follows, `c` for channels. Empty for arrays.
        """
        return self._source.dims

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What the file of the pixels states about their axes: `spacing` and `units` by the names
        of axes, `channels`, a list of names, `window`, the values to be shown, and `modality`.
        """
        return self._source.attrs

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the whole, decoded."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{' x '.join(map(str, self.shape))} {self.dtype} in {self._source.name}>"

    def _shown(self) -> list[NDArray[Any]]:
        """The images that a notebook shows. Raises ArchiveError, InputError."""
        return shown_images(self._source, MOST_SHOWN)

    def _repr_png_(self) -> bytes | None:
        """A thumbnail of the image, or a sheet of the first images; None if there are none, or if
        they would take too long to decode for a notebook.
        """
        try:
            return picture(self._shown())
        except (BitsbackError, ValueError):  # damaged, or closed
            return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """A copy of everything. Raises ValueError if no copy is allowed."""
        if copy is False:
            raise ValueError(f"{self._source.name}: a compressed array is always copied")
        whole = self._source.whole()
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __iter__(self) -> Iterator[Any]:
        """Iterates along the first axis. Each block is decoded once, and one at a time is in
        memory.
        """
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return chain.from_iterable(self._source.stacks(0, len(self)))

    def __getitem__(self, key: Any) -> Any:
        """The elements that NumPy would return. Raises IndexError, ArchiveError, which names the
        block, if a needed one is damaged, InputError if they do not fit into memory.
        """
        wanted, arranged = read_index(key, self.shape)
        found = self._source.take(wanted)[arranged]
        return np.asarray(found, order="C") if isinstance(found, np.ndarray) else found


class View(Indexed):
    """An array, a picture or a page in an archive."""

    def __init__(self, source: ArraySource) -> None:
        self._array = source

    @property
    def _source(self) -> ArraySource:
        return self._array

    @property
    def levels(self) -> list[View]:
        """The pixels of a file in each of their sizes, such as those of a pyramid, the largest
        first, which is the array itself; the only one for other files.
        """
        return [View(level) for level in self._array.levels]
