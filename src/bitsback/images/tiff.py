"""TIFF files of several pages, each a picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.images.folder import ArrayKind
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


class PageItems:
    """The pages of an open TIFF file that are of one dtype and shape."""

    def __init__(
        self, image: Image.Image, name: str, pages: Sequence[int], kind: ArrayKind
    ) -> None:
        self.name, self.dtype, self.shape = name, kind.dtype, kind.shape
        self._image = image
        self._pages = iter(pages)

    def read(self, count: int, axes: int) -> NDArray[Any]:
        items = np.empty((count, *self.shape[1:]), self.dtype)
        for number in range(count):
            page = next(self._pages)
            with reading_picture(f"{self.name}: page {page}"):
                self._image.seek(page)
                items[number] = pixels_of(self._image, f"{self.name}: page {page}")
        return items

    def finish(self) -> None:
        pass
