"""TIFF files of several pages, each a picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands import Rows, joined
from bitsback.images.folder import Kind
from bitsback.images.npy import stacked
from bitsback.images.pictures import Header, header_of, named, pixel_bands, reading_picture


def page_headers(image: Image.Image, name: str) -> Iterator[Header]:
    """The headers of the pages of an open TIFF file. Raises InputError for one that is not held."""
    with reading_picture(name):
        pages = getattr(image, "n_frames", 1)
    for page in range(pages):
        with reading_picture(f"{name}: page {page}"):
            image.seek(page)
            header = header_of(image, f"{name}: page {page}")
        yield header


class PageItems:
    """The pages of an open TIFF file that are of one part: pictures, or the slices of a stack."""

    def __init__(self, image: Image.Image, name: str, pages: Sequence[int], kind: Kind) -> None:
        self.name, self.dtype, self.shape = name, kind.dtype, kind.shape
        self._image, self._pages, self._kind = image, pages, kind
        self._next = 0
        self._rows: Rows | None = None
        self._row = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """Pages, of one shape; with axes = 0 all of them, as one stack."""
        if axes == 0:
            return self.read(self.shape[0], 1)[np.newaxis]
        self._next += count
        return self._pages_from(self._next - count, count)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        """Of a large page no more than they are in memory, where its file allows it."""
        if not axes:
            return self.read(count, 1)
        if self._rows is None:
            self._rows, self._row = Rows(self._bands(self._pages[self._next])), 0
        taken = self._rows.take(count)
        self._row += count
        if self._row == self._kind.shape_of(self._next)[0]:
            self._rows, self._next = None, self._next + 1
        return taken

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._pages_from(first, count)

    def finish(self) -> None:
        pass

    def _pages_from(self, first: int, count: int) -> NDArray[Any]:
        return stacked([joined(self._bands(page)) for page in self._pages[first : first + count]])

    def _bands(self, page: int) -> Iterator[NDArray[Any]]:
        """Raises InputError, naming the page."""
        name = f"{self.name}: page {page}"
        with reading_picture(name):
            self._image.seek(page)
            picture = pixel_bands(self._image, name)
        yield from named(picture, name)
