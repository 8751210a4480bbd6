"""The pages of a whole slide: a TIFF file whose largest page is in JPEG tiles, which is read by
region. Source: TIFF, technical note 2 (JPEG); Aperio's descriptions of pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import InputError
from bitsback.files.axes import Axes, C, X, Y
from bitsback.files.pictures import check_pixels
from bitsback.files.tiff.structure import Page, PageReader, opened, readable_pages
from bitsback.files.tiff.tiff_axes import axis_attrs, scaled_attrs
from bitsback.format.grid import Shape
from bitsback.io.range_file import RangeReader, range_file

_JPEG = 7
_BLACK_IS_ZERO, _RGB, _YCBCR = 1, 2, 6
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
"""A marker of JPEG that states the colours of its samples in the byte that follows."""
_APPLICATION = range(0xE0, 0xF0)
_NAME = re.compile(r"^\s*(label|macro|thumbnail|overview)\b", re.IGNORECASE | re.MULTILINE)
_MICRONS = re.compile(r"\bMPP = ([0-9]{1,6}\.?[0-9]{0,9})\b")
"""Microns per pixel in a description of Aperio."""
_MOST_PAGES = 1000
_MOST_TILES = 1 << 22
_KEPT_TILES = 16


class Pixels(Protocol):
    """The segments of a page."""

    shape: Shape
    dtype: np.dtype[Any]
    cell: tuple[int, int]
    """The rows and columns of a segment."""

    def segment(self, row: int, column: int) -> NDArray[Any]:
        """The pixels of the segment in this row and column of segments, those of the page only."""


@dataclass(frozen=True)
class SlidePage:
    """A page of a slide."""

    name: str
    axes: Axes
    pixels: Pixels
    offset: int
    """The place of its first segment in the file."""


@dataclass(frozen=True)
class Slide:
    """The pages of a whole slide."""

    levels: tuple[SlidePage, ...]
    """The largest page and its smaller versions, the largest first."""
    others: tuple[SlidePage, ...]
    """All other pages, such as the label."""


class JpegPixels:
    """A page in JPEG segments. They are decoded by Pillow."""

    dtype = np.dtype(np.uint8)

    def __init__(self, page: Any, file: RangeReader, name: str) -> None:
        """page: of tifffile. name: for messages."""
        colours = (page.samplesperpixel,) * (page.samplesperpixel > 1)
        self.shape: Shape = (page.imagelength, page.imagewidth, *colours)
        rows, columns = page.imagelength, page.imagewidth
        if page.is_tiled:
            self.cell = page.tilelength, page.tilewidth
        else:
            self.cell = min(page.rowsperstrip or rows, rows), columns
        self._tiled = bool(page.is_tiled)
        self._across: int = -(-columns // self.cell[1])
        self._spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        transform = bytes([int(page.photometric) == _YCBCR]) * (len(colours) > 0)
        self._start = b"\xff\xd8" + (_ADOBE + transform if transform else b"")
        self._start += (page.jpegtables or b"")[2:-2]
        self._file, self._name = file, name
        self._decoded = lru_cache(_KEPT_TILES)(self._decode)

    @property
    def sound(self) -> bool:
        """Whether it has all its segments."""
        rows, columns = self.cell
        if min(*self.shape, rows, columns) <= 0 or len(self._spans) > _MOST_TILES:
            return False
        down: int = -(-self.shape[0] // rows)
        return down * self._across == len(self._spans)

    def segment(self, row: int, column: int) -> NDArray[Any]:
        """Raises InputError for a damaged segment."""
        return self._decoded(row, column)

    def _decode(self, row: int, column: int) -> NDArray[Any]:
        at, size = self._spans[row * self._across + column]
        rows, columns = self.cell
        height, width = (
            min(rows, self.shape[0] - row * rows),
            min(columns, self.shape[1] - column * columns),
        )
        try:
            stream = self._start + _without_applications(self._file.read(at, size))
            with Image.open(io.BytesIO(stream), formats=["JPEG"]) as image:
                if image.size != (columns, rows if self._tiled else height):
                    raise OSError(f"has {image.size[1]} x {image.size[0]} pixels")
                check_pixels(image)
                pixels = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(
                f"{self._name}: the JPEG tile in row {row} and column {column} of a page of"
                f" {self.shape[0]} x {self.shape[1]} cannot be decoded: {error}; archive.open gives"
                " the bytes of the file"
            ) from None
        if pixels.shape[2:] != self.shape[2:]:
            raise InputError(f"{self._name}: a JPEG tile has the colours of another page")
        return pixels[:height, :width]


def _without_applications(stream: bytes) -> bytes:
    """A JPEG stream without its start, and without markers that state its colours.

    Raises ValueError if it is no JPEG stream.
    """
    if stream[:2] != b"\xff\xd8":
        raise ValueError("is no JPEG stream")
    at, kept = 2, []
    while stream[at : at + 1] == b"\xff" and stream[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] not in _APPLICATION:
            kept.append(stream[at:end])
        at = end
    return b"".join([*kept, stream[at:]])


class RowPixels:
    """A page whose segments are not JPEG, a row of segments at a time."""

    def __init__(self, page: Page, file: RangeReader, name: str) -> None:
        self._reader, self._name = PageReader(file, page), name
        self.shape, self.dtype = page.layout.shape, page.layout.dtype
        self.cell = page.layout.rows, page.layout.width

    def segment(self, row: int, column: int) -> NDArray[Any]:
        try:
            return self._reader.band(row)[0]
        except Exception as error:  # zlib, lzma and Pillow raise their own
            raise InputError(f"{self._name}: a page cannot be decoded: {error}") from None


def slide_of(file: RangeReader, name: str) -> Slide | None:
    """The pages of a TIFF file; None if it is no slide.

    name: for messages. A damaged file is no slide.
    """
    try:
        with opened(range_file(file, name)) as tiff:
            return _slide(tiff, file, name)
    except MemoryError:
        raise
    except Exception:  # a damaged file may make tifffile raise any error
        return None


def _slide(tiff: Any, file: RangeReader, name: str) -> Slide | None:
    named = {page.index: one.name for one in (tiff.series if tiff.is_svs else ()) for page in one}
    pages: list[tuple[Any, SlidePage]] = []
    for page in _all_pages(tiff):
        number = ".".join(str(part + 1) for part in np.atleast_1d(page.index))
        match = _NAME.search(page.description)
        title = match[1] if match else named.get(page.index, "")
        title = title.lower() or f"page {number}"
        pixels = _pixels(page, file, name)
        if pixels is not None and page.dataoffsets:
            dims = (Y, X, C)[: len(pixels.shape)]
            found = SlidePage(title, Axes(dims, pixels.shape), pixels, page.dataoffsets[0])
            pages.append((page, found))
    if not pages:
        return None
    largest, first = max(pages, key=lambda each: each[1].axes.shape[0] * each[1].axes.shape[1])
    if int(largest.compression) != _JPEG:
        return None
    levels = {first.axes.shape: first}
    others = []
    for page, each in pages:
        shape = each.axes.shape
        same = page.is_tiled == largest.is_tiled and _is_smaller(shape, first.axes.shape)
        if same and not _NAME.search(page.description) and shape not in levels:
            levels[shape] = each
        elif each is not first:
            others.append(each)
    ordered = sorted(levels.values(), key=lambda each: each.axes.shape, reverse=True)
    attrs = axis_attrs(tiff) or _aperio_attrs(largest.description)
    scaled = []
    for each in ordered:
        own = scaled_attrs(attrs, first.axes.shape, each.axes.shape)
        scaled.append(replace(each, axes=replace(each.axes, attrs=own)))
    return Slide(tuple(scaled), _distinct(others))


def _all_pages(tiff: Any) -> Iterator[Any]:
    """The pages of a file, and the pages inside of them, as pages of tifffile."""
    for number in range(min(len(tiff.pages), _MOST_PAGES)):
        page = tiff.pages.get(number, validate=False, cache=True, aspage=True)
        yield page
        yield from page.pages or ()


def _pixels(page: Any, file: RangeReader, name: str) -> Pixels | None:
    """The segments of a page of tifffile; None if they are not read."""
    if int(page.compression) != _JPEG:
        found = readable_pages(page, file.size)
        return RowPixels(found[0], file, name) if len(found) == 1 and found[0] else None
    kinds = {1: (_BLACK_IS_ZERO,), 3: (_RGB, _YCBCR)}
    if page.bitspersample != 8 or int(page.planarconfig) != 1 or page.imagedepth != 1:
        return None
    if int(page.photometric) not in kinds.get(page.samplesperpixel, ()):
        return None
    pixels = JpegPixels(page, file, name)
    return pixels if pixels.sound else None


def _is_smaller(shape: Shape, largest: Shape) -> bool:
    """Whether a page has the proportions of the largest one, except for rounding."""
    height, width = largest[:2]
    return (
        shape[2:] == largest[2:]
        and abs(shape[0] * width - shape[1] * height) <= max(height, width)
        and shape[0] < height
    )


def _aperio_attrs(description: str) -> dict[str, Any]:
    found = _MICRONS.search(description)
    if found is None or not float(found[1]):
        return {}
    step = float(found[1])
    return {"spacing": {Y: step, X: step}, "units": {Y: "µm", X: "µm"}}


def _distinct(pages: Sequence[SlidePage]) -> tuple[SlidePage, ...]:
    """The pages, where the second one of a name has its number behind it."""
    count: dict[str, int] = {}
    found = []
    for page in pages:
        count[page.name] = count.get(page.name, 0) + 1
        again = f" {count[page.name]}" * (count[page.name] > 1)
        found.append(replace(page, name=page.name + again))
    return tuple(found)
