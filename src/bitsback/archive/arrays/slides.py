"""A whole slide as an array, whose tiles are decoded by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.framed import LargestSource, RegionSource, cut
from bitsback.archive.arrays.indexed import ArraySource, Chunks
from bitsback.archive.arrays.indexing import AxisPlaces, cells
from bitsback.archive.arrays.part_source import Result
from bitsback.files.picture_files import unpack
from bitsback.files.sheet import sheet_of_pages
from bitsback.files.tiff.slides import Slide, SlidePage, slide_of
from bitsback.files.tiff.tiff_axes import Headers
from bitsback.files.tiff.tiff_metadata import Tiff
from bitsback.io.range_file import RangeReader


class PageSource(LargestSource):
    """A page of a slide. Each needed segment is decoded once."""

    def __init__(
        self,
        name: str,
        page: SlidePage,
        smaller: Sequence[ArraySource] = (),
        pages: Mapping[str, ArraySource] | None = None,
    ) -> None:
        """name: of the archive. smaller: its smaller versions. pages: the other pages, by name."""
        super().__init__(name, page.axes, smaller)
        self._page, self._pages = page, pages or {}

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._page.pixels.dtype

    @property
    def chunks(self) -> Chunks:
        rows, columns, *inner = self.shape
        height, width = self._page.pixels.cell
        return (cut(rows, height), cut(columns, width), *((size,) for size in inner))

    @property
    def pages(self) -> Mapping[str, ArraySource]:
        return self._pages

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        rows, columns, *inner = wanted
        height, width = self._page.pixels.cell
        found = Result(tuple(map(len, wanted)), self.dtype)
        with self.fitting(tuple(map(len, wanted))):
            for row in cells(rows, height):
                for column in cells(columns, width):
                    pixels = self._page.pixels.segment(row, column)
                    starts = (row * height, column * width, *(0 for _ in inner))
                    places = [
                        along.within(start, start + size)
                        for along, start, size in zip(wanted, starts, pixels.shape, strict=True)
                    ]
                    found.put(places, pixels)
            return found.array


def slide_of_file(name: str, file_name: str, file: RangeReader) -> ArraySource | None:
    """The slide in a verbatim file; None if it is none. name: of the archive."""
    slide = slide_of(file, f"{name}: {file_name}")
    return None if slide is None else _source(name, slide, {})


def slide_of_metadata(
    name: str, file_name: str, metadata: bytes, picture: ArraySource
) -> ArraySource | None:
    """The slide in a file that has some pages coded as pixels; None if it is no slide.

    name: of the archive. metadata: the container metadata of the file. picture: the coded pages.
    """
    unpacked = unpack(metadata)
    if not isinstance(unpacked, Tiff):
        return None
    try:
        slide = slide_of(Headers(unpacked), f"{name}: {file_name}")
    except OverflowError:
        return None
    if slide is None:
        return None
    coded = {}
    places, sheet = iter(unpacked.places), sheet_of_pages(unpacked.frames)[0]
    for layout, place in zip(unpacked.layouts(), sheet, strict=True):
        first, *_ = islice(places, layout.segments)
        coded[first.start] = RegionSource(picture, *place)
    return _source(name, slide, coded)


def _source(name: str, slide: Slide, coded: Mapping[int, ArraySource]) -> ArraySource:
    """The largest page of a slide, with its levels and pages.

    coded: the sources of pages whose pixels the archive has coded, by their places in the file.
    """

    def source(page: SlidePage) -> ArraySource:
        return coded.get(page.offset) or PageSource(name, page)

    largest, *smaller = slide.levels
    pages = {page.name: source(page) for page in slide.others}
    return PageSource(name, largest, list(map(source, smaller)), pages)
