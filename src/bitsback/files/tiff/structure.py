"""Finds the pages of a TIFF file by tifffile, and reads their pixels by segments."""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.files.bands import Bands, Read, joined, rows_of_band
from bitsback.files.drawing import UNKNOWN_ENCODER
from bitsback.files.sheet import bands_on_sheet, sheet_of_pages, waiting_pixels
from bitsback.files.tiff.choices import PACKBITS
from bitsback.files.tiff.segments import (
    BIG,
    BY_BYTES,
    COMPRESSIONS,
    FLOAT,
    GROUP_4,
    INVERTED,
    NONE,
    PREDICTED,
    REVERSED,
    SCALED,
    SIGNED,
    TILED,
    Layout,
    Span,
    decompress,
)
from bitsback.files.tiff.tiff_metadata import MOST_WAITING, Fields, beyond
from bitsback.format.modes import NAMED, array_of
from bitsback.io.file_io import Reader
from bitsback.io.range_file import RangeReader

_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325
_SUBSAMPLED = 530
_WIDTHS = {3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
"""Bytes of an element, by the type of a tag with offsets or lengths."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = range(4)
_LEAST_SAMPLES = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, 5: 4}
"""The least samples of a pixel, by the photometric interpretation; 5 is CMYK."""
_KINDS = {1: 0, 2: SIGNED, 3: FLOAT, 4: 0}
"""Flags by the tag of the format of samples: unsigned, signed, floats, undefined."""
_SAMPLE_FORMAT = 339
_HORIZONTAL, _OF_FLOATS = 2, 3
"""Predictors."""
_MOST_ROWS = 1 << 20
"""The bytes of uncompressed rows in one segment."""
_MOST_SEGMENTS = 1 << 20
_MOST_COLOURS = 4
"""The most planes that are channels of one page. Of more planes, each is a page, as in a stack."""


@dataclass(frozen=True)
class Page:
    """A page of a file, or a slice, or one of several planes that share their tags."""

    layout: Layout
    spans: list[Span]
    """The spans of its segments, band by band, and in each band plane by plane."""
    fields: Fields | None
    """The fields that hold its offsets and lengths, if it is compressed."""
    palette: bool


def pages_of(file: BinaryIO, inner: bool = False) -> list[Page | None]:
    """The pages of a file, in order; None for a page whose pixels cannot be read.

    A file with too many pages has none here. inner: append the readable pages inside of pages, the
    largest first. Raises OSError for a damaged file.
    """
    size = Reader(file).size
    found: list[Page | None] = []
    inner_pages: list[Page] = []
    segments = 0
    try:
        with opened(file) as tiff:
            for page in tiff.pages:
                some = readable_pages(page, size)
                levels = [
                    level for inside in page.pages or () for level in readable_pages(inside, size)
                ]
                found += some
                inner_pages += [level for level in levels * inner if level is not None]
                segments += sum(len(one.spans) for one in some + levels if one is not None)
                if max(segments, len(found) + len(inner_pages)) > _MOST_SEGMENTS:
                    return []
            if len(found) == len(tiff.pages) == 1 and found[0] is not None:
                found = list(_slices(tiff, found[0], size))
    except OSError:
        raise
    except Exception as error:  # a damaged file may make tifffile raise any error
        raise OSError(f"is damaged: {error}") from None
    return [*found, *sorted(inner_pages, key=_by_size)]


def opened(file: BinaryIO) -> Any:
    """Opens a file by tifffile. Raises its errors, and OSError if the pages form a loop."""
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it warns about many tags
    file.seek(0)
    tiff = tifffile.TiffFile(file, name="a TIFF file")
    offsets: set[int] = set()
    for place in _places(tiff):
        if place in offsets:
            tiff.close()
            raise OSError("is damaged: its pages form a loop")
        offsets.add(place)
    return tiff


def _places(tiff: Any) -> Iterator[int]:
    """The places of the pages in the file, in order. Each page has the place of the next one."""
    file, form = tiff.filehandle, tiff.tiff
    place = tiff.pages.first.offset
    while 0 < place < file.size:
        yield place
        file.seek(place)
        tags = file.read(form.tagnosize)
        if len(tags) < form.tagnosize:
            return
        file.seek(form.tagsize * struct.unpack(form.tagnoformat, tags)[0], os.SEEK_CUR)
        following = file.read(form.offsetsize)
        if len(following) < form.offsetsize:
            return
        (place,) = struct.unpack(form.offsetformat, following)


def readable_pages(page: Any, size: int) -> list[Page | None]:
    """A page of tifffile, or its planes if they are not colours."""
    layout = _layout(page)
    ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends, default=0) > size:
        raise OSError("image file is truncated")
    if layout is None:
        return [None]
    tiled = bool(layout.flags & TILED)
    offsets = page.tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    counts = page.tags.get(_TILE_COUNTS if tiled else _STRIP_COUNTS)
    if offsets is None or counts is None or not offsets.count == counts.count == layout.segments:
        return [None]
    spans = _spans(layout, _numbers(offsets), _numbers(counts))
    if spans is None or any(start < 1 or end > size or end <= start for start, end in spans):
        return [None]
    fields = None
    if layout.compression != NONE:
        widths = _WIDTHS.get(int(offsets.dtype)), _WIDTHS.get(int(counts.dtype))
        if widths[0] is None or widths[1] is None:
            return [None]
        fields = Fields(offsets.valueoffset, widths[0], counts.valueoffset, widths[1])
    palette = int(page.photometric) == _PALETTE
    if layout.sound and layout.planes <= _MOST_COLOURS:
        whole = Page(layout, spans, fields, palette)
        return [_in_bands(whole)]
    one = replace(layout, planes=1)
    if layout.channels > 1 or not one.sound:
        return [None]
    return [
        _in_bands(_plane(Page(one, spans, fields, palette), plane))
        for plane in range(layout.planes)
    ]


def _plane(page: Page, plane: int) -> Page:
    """The page with the spans and fields of one plane."""
    count, fields = page.layout.segments, page.fields
    first = plane * count
    if fields is not None:
        fields = replace(
            fields,
            offsets=fields.offsets + first * fields.offset_bytes,
            counts=fields.counts + first * fields.count_bytes,
        )
    return replace(page, spans=page.spans[first : first + count], fields=fields)


def _layout(page: Any) -> Layout | None:
    """The layout of a page, possibly with more planes than colours; None if it is unsupported."""
    if _refusal(page) is not None:
        return None
    samples, bits, photometric = page.samplesperpixel, page.bitspersample, int(page.photometric)
    compression, predictor = int(page.compression), int(page.predictor)
    planes = samples if int(page.planarconfig) == 2 else 1
    kind = _KINDS[min(_sample_formats(page))]
    tiled = bool(page.is_tiled)
    rows = (
        page.tilelength if tiled else min(page.rowsperstrip or page.imagelength, page.imagelength)
    )
    flags = {
        BIG: page.parent.byteorder == ">",
        INVERTED: photometric == _WHITE_IS_ZERO and samples == 1 and kind == 0,
        SCALED: bits in (2, 4) and photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO),
        REVERSED: int(page.fillorder) == 2,
        PREDICTED: predictor == _HORIZONTAL,
        TILED: tiled,
        BY_BYTES: predictor == _OF_FLOATS,
    }
    return Layout(
        page.imagelength, page.imagewidth, samples // planes, planes, bits, rows,
        page.tilewidth if tiled else page.imagewidth, compression,
        sum(flag for flag, there in flags.items() if there) | kind,
    )  # fmt: skip


def _refusal(page: Any) -> str | None:
    """Why the pixels of a page are not read, with the number of the tag; None if they are."""
    samples, bits, photometric = page.samplesperpixel, page.bitspersample, int(page.photometric)
    compression, predictor = int(page.compression), int(page.predictor)
    kinds = _sample_formats(page)
    kind = _KINDS.get(min(kinds)) if len(kinds) == 1 else None
    if compression not in COMPRESSIONS:
        return f"compression {_name_of(page.compression)} (tag 259)"
    if not isinstance(bits, int):
        return f"samples of different sizes, {', '.join(map(str, bits))} bits (tag 258)"
    if kind is None:
        return f"samples of the format {', '.join(map(str, sorted(kinds)))} (tag 339)"
    if samples < _LEAST_SAMPLES.get(photometric, samples + 1):
        return f"{samples} samples that are {_name_of(page.photometric)} (tag 262)"
    if page.imagedepth != 1:
        return f"a depth of {page.imagedepth} (tag 32997)"
    if _SUBSAMPLED in page.tags:
        return "subsampled colours (tag 530)"
    horizontal = predictor == _HORIZONTAL and kind != FLOAT
    differences = horizontal or (predictor == _OF_FLOATS and kind == FLOAT)
    if predictor != 1 and not (
        differences and bits >= 8 and compression not in (NONE, PACKBITS, GROUP_4)
    ):
        return f"predictor {_name_of(page.predictor)} of such samples (tag 317)"
    if compression == GROUP_4 and (samples, bits) != (1, 1):
        return f"{samples} samples of {bits} bits in a fax (tag 259)"
    return None


def _sample_formats(page: Any) -> set[int]:
    formats = page.tags.get(_SAMPLE_FORMAT)
    return {1} if formats is None else set(_numbers(formats))


def _name_of(value: Any) -> str:
    """The name and the number of a value of a tag."""
    return f"{value.name}, {int(value)}" if hasattr(value, "name") else f"{int(value)}"


def refusal(file: BinaryIO) -> str:
    """Why the pages of a file are not coded. Raises the errors of tifffile."""
    with opened(file) as tiff:
        found = next(filter(None, map(_refusal, tiff.pages)), None)
        if found is not None:
            return found
        page = tiff.pages.first
        if not page.dataoffsets:
            return "no pixels"
        return f"{UNKNOWN_ENCODER}{_name_of(page.compression)} (tag 259)"


def _numbers(tag: Any) -> list[int]:
    values = tag.value
    return [int(values)] if np.ndim(values) == 0 else [int(value) for value in values]


def _spans(layout: Layout, offsets: list[int], counts: list[int]) -> list[Span] | None:
    """The spans of the segments in file order; None if one is shorter than its pixels."""
    if layout.compression != NONE:
        return [(at, at + count) for at, count in zip(offsets, counts, strict=True)]
    spans = []
    for number, (at, count) in enumerate(zip(offsets, counts, strict=True)):
        band = number // layout.across % layout.down
        length = layout.rows_stored(band) * layout.row_bytes
        if count < length:
            return None
        spans.append((at, at + length))
    return spans


def _in_bands(page: Page) -> Page:
    """The same with its segments in picture order, and with long uncompressed strips split into
    several.
    """
    layout = page.layout
    spans = [
        page.spans[(plane * layout.down + band) * layout.across + column]
        for band in range(layout.down)
        for plane in range(layout.planes)
        for column in range(layout.across)
    ]
    page = replace(page, spans=spans)
    if layout.compression != NONE or layout.flags & TILED:
        return page
    row, rows = layout.row_bytes, layout.rows
    most = max(_MOST_ROWS // row, 1)
    if rows <= most:
        return page
    several = layout.down > 1  # strips must then be cut into equal parts
    rows = max(n for n in range(1, most + 1) if not several or rows % n == 0)
    cut = replace(layout, rows=rows)
    spans = []
    for band in range(cut.down):
        strip, within = divmod(band * rows, layout.rows)
        for plane in range(layout.planes):
            start = page.spans[strip * layout.planes + plane][0] + within * row
            spans.append((start, start + cut.rows_of(band) * row))
    return replace(page, layout=cut, spans=spans)


def _slices(tiff: Any, page: Page, size: int) -> Iterator[Page]:
    """The only page of a file, or all slices in its description, which follow it."""
    yield page
    series = tiff.series
    if len(series) != 1 or not series[0].is_truncated or page.fields is not None:
        return
    first, length = page.spans[0][0], page.layout.height * page.layout.row_bytes
    follow = all(end == start for (_, end), (start, _) in pairwise(page.spans))
    if page.layout.flags & TILED or page.layout.planes > 1 or not follow:
        return
    for number in range(1, series[0].nbytes // length):
        at = number * length
        if first + at + length > size or number * len(page.spans) > _MOST_SEGMENTS:
            return
        yield replace(page, spans=[(start + at, end + at) for start, end in page.spans])


@dataclass(frozen=True)
class PageReader:
    """Reads the samples of a page. Raises OSError, and the errors of zlib and Pillow."""

    file: RangeReader
    page: Page

    def band(self, number: int) -> tuple[NDArray[Any], list[NDArray[Any]]]:
        """The rows of a row of segments, and the samples of their tiles beyond the page. Raises
        OSError if a segment lacks some of its rows.
        """
        layout = self.page.layout
        in_a_band = layout.planes * layout.across
        spans = self.page.spans[number * in_a_band : (number + 1) * in_a_band]
        rows = layout.rows_of(number)
        out = np.empty((rows, layout.width, layout.channels * layout.planes), layout.dtype)
        padding: list[NDArray[Any]] = []
        for at, (start, end) in enumerate(spans):
            plane, column = divmod(at, layout.across)
            data = self.file.read(start, end - start)
            raw = decompress(layout, data, layout.rows_stored(number))
            if raw is None:
                raise OSError("image file is truncated")
            samples = layout.samples(raw)
            left = column * layout.columns
            colours = slice(None) if layout.planes == 1 else slice(plane, plane + 1)
            place = out[:, left : left + layout.columns, colours]
            place[...] = samples[: place.shape[0], : place.shape[1]]
            if layout.flags & TILED:
                padding += beyond(samples, place.shape)
        return out.reshape(rows, *layout.shape[1:]), padding

    def bands(self) -> Iterator[NDArray[Any]]:
        """All rows, some at a time."""
        layout = self.page.layout
        row = layout.dtype.itemsize * math.prod(layout.shape[1:])
        step = max(rows_of_band(row) // layout.rows, 1)
        for first in range(0, layout.down, step):
            numbers = range(first, min(first + step, layout.down))
            yield joined(self.band(number)[0] for number in numbers)


def one_picture(pages: list[Page | None]) -> list[Page]:
    """The pages that form one picture, on a sheet, the largest first.

    They are the pages of the kind with the most pixels. If a sheet of all these is impractical,
    they are only those as wide as the largest page.
    """
    held = sorted((page for page in pages if page is not None), key=_kind)
    kinds = [list(group) for _, group in groupby(held, key=_kind)]
    if not kinds:
        return []
    largest = max(kinds, key=lambda kind: sum(map(_pixels, kind)))
    largest.sort(key=_by_size)
    places, (height, width) = sheet_of_pages([page.layout.shape[:2] for page in largest])
    item = largest[0].layout.dtype.itemsize * math.prod(largest[0].layout.shape[2:])
    blank = height * width - sum(map(_pixels, largest))
    if waiting_pixels(places) * item <= MOST_WAITING and blank <= sum(map(_pixels, largest)):
        return largest
    return [page for page in largest if page.layout.width == largest[0].layout.width]


def _kind(page: Page) -> tuple[bool, str, tuple[int, ...]]:
    return page.palette, page.layout.dtype.str, page.layout.shape[2:]


def _by_size(page: Page) -> tuple[int, tuple[int, ...]]:
    return -_pixels(page), page.layout.shape


def _pixels(page: Page) -> int:
    return page.layout.height * page.layout.width


def pixels_of(file: BinaryIO, pages: list[Page]) -> Bands:
    """The pages on a sheet, valid while the file is open."""
    reader, layout = Reader(file), pages[0].layout
    places, size = sheet_of_pages([page.layout.shape[:2] for page in pages])
    shape, frames = (*size, *layout.shape[2:]), [PageReader(reader, page).bands for page in pages]
    return Bands(layout.dtype, shape, lambda: bands_on_sheet(places, shape, layout.dtype, frames))


_ORIENTATION, _EXTRA_SAMPLES = 274, 338
_ASSOCIATED = 1


def shown_bands(image: Image.Image) -> Read | None:
    """A reader of the current frame's bands; None if Pillow rotates the frame, or applies its alpha
    or its palette, or if the frame cannot be read in bands.
    """
    tags: Any = getattr(image, "tag_v2", {})
    extra = tags.get(_EXTRA_SAMPLES, ())
    if tags.get(_ORIENTATION, 1) != 1 or _ASSOCIATED in (extra if isinstance(extra, tuple) else ()):
        return None
    file: BinaryIO = getattr(image, "fp")  # noqa: B009 - as not all images have one
    pages, number = pages_of(file), image.tell()
    page = pages[number] if number < len(pages) else None
    if page is None or page.palette:
        return None
    deep = page.layout.bits == 16 and image.mode in ("LA", "RGB", "RGBA")
    mode = "I;16" if image.mode.startswith("I") else f"{image.mode}{';16' * deep}"
    if mode not in NAMED:
        return None
    if (page.layout.dtype, page.layout.shape) != array_of(mode, image.size):
        return None
    return PageReader(Reader(file), page).bands
