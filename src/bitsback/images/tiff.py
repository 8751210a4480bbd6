"""TIFF files of several pages, each a picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.images.folder import Kind
from bitsback.images.npy import Whole, stacked
from bitsback.images.pictures import Header, header_of, pixels_of, reading_picture


def page_headers(image: Image.Image, name: str) -> Iterator[Header]:
    """The headers of the pages of an open TIFF file. Raises InputError for one that is not held."""
    with reading_picture(name):
        pages = getattr(image, "n_frames", 1)
    for page in range(pages):
        with reading_picture(f"{name}: page {page}"):
            image.seek(page)
            header = header_of(image, f"{name}: page {page}")
        yield header


class PageItems(Whole):
    """The pages of an open TIFF file that are of one part: pictures, or the slices of a stack."""

    def __init__(self, image: Image.Image, name: str, pages: Sequence[int], kind: Kind) -> None:
        super().__init__()
        self.name, self.dtype, self.shape = name, kind.dtype, kind.shape
        self._image, self._pages = image, pages
        self._next = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """Pages, of one shape; with axes = 0 all of them, as one stack."""
        if axes == 0:
            return self.read(self.shape[0], 1)[np.newaxis]
        self._next += count
        return self._pages_from(self._next - count, count)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        return super().rows(count, axes) if axes else self.read(count, 1)

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._pages_from(first, count)

    def finish(self) -> None:
        pass

    def _pages_from(self, first: int, count: int) -> NDArray[Any]:
        return stacked([self._page(page) for page in self._pages[first : first + count]])

    def _page(self, page: int) -> NDArray[Any]:
        with reading_picture(f"{self.name}: page {page}"):
            self._image.seek(page)
            return pixels_of(self._image, f"{self.name}: page {page}")
