"""The codec of TIFF files.

It splits a file only if the restored file is the same. This means the same bytes, or the same
content by tifffile, zlib and libtiff.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, groupby
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.bands import Bands
from bitsback.files.deflated import Deflated
from bitsback.files.drawing import Comparison, Split
from bitsback.files.tiff import structure
from bitsback.files.tiff.choices import Segment, find_choices, usual_choices
from bitsback.files.tiff.segments import (
    BY_ZLIB,
    GROUP_4,
    OWN,
    REVERSE,
    REVERSED,
    TILED,
    Places,
    Span,
    decompress,
    merged,
)
from bitsback.files.tiff.structure import (
    Page,
    PageReader,
    one_picture,
    opened,
    pages_of,
    pixels_of,
    shown_bands,
)
from bitsback.files.tiff.tiff_metadata import Tiff, TiffDrawing
from bitsback.io.file_io import Content, FileContent, Reader, in_memory, spooled
from bitsback.wire import Cursor

_MOST_OTHERS = 1 << 26
"""The most bytes of container metadata, which is in memory."""
_PLACES = (273, 279, 324, 325)
"""Tags that hold the places of segments."""
_OTHER_PAGES = 330
"""The tag of pages outside of the main sequence."""


bands_of, refusal = shown_bands, structure.refusal


def samples(file: BinaryIO) -> Bands | None:
    pages = one_picture(pages_of(file, inner=True))
    return pixels_of(file, pages) if pages else None


def split(file: BinaryIO, exact: bool) -> Split | None:
    _, file = in_memory(file)  # the caller may read the pixels after the file is closed
    pages = one_picture(pages_of(file, inner=True))
    metadata = tiff_metadata(file, pages, exact) if pages else None
    if metadata is None:
        return None
    pixels, rows = pixels_of(file, pages), pages[0].layout.height
    whole = Split.from_pixels(pixels, metadata, pages[0].palette)
    return whole if pixels.shape[0] % rows else replace(whole, frames=pixels.shape[0] // rows)


def unpack(cursor: Cursor, kind: int) -> Tiff:
    return Tiff.unpack(cursor)


def tiff_metadata(file: BinaryIO, pages: list[Page], exact: bool) -> Tiff | None:
    """The metadata of a file with these coded pages; None if both do not restore the file.

    exact: the restored file must have the same bytes. Raises the errors of zlib and Pillow for a
    damaged file.
    """
    content, reader = FileContent(file), Reader(file)
    try:
        metadata = _metadata(content, reader, pages)
        if metadata is None or (
            (exact or metadata.has_leaders) and not all(page.layout.is_steady for page in pages)
        ):
            return None
        exact = exact or metadata.has_leaders
        choices = find_choices(partial(_segments, reader, pages))
        if len(choices) > _MOST_OTHERS:
            return None
        metadata = replace(metadata, choices=choices)
        deflated = any(page.layout.compression in BY_ZLIB for page in pages)
        if exact and deflated:
            segments = _segments(reader, pages, BY_ZLIB)
            streams = Deflated.find((each.data, each.size) for each in segments)
            if streams is None or len(streams.coded) > _MOST_OTHERS:
                return None
            metadata = replace(metadata, deflated=streams)
        if exact or not deflated:
            again = _made_again(metadata, content, reader, pages)
            if again is not None:
                own = all(page.layout.compression in OWN for page in pages)
                return again if exact or own else replace(again, check=None)
        if exact or not metadata.compressed:
            return None
        if not _alone(file, pages):
            return tiff_metadata(file, pages, exact=True) if deflated else None
        counts = ((page.layout.compression, page.layout.segments) for page in pages)
        metadata = replace(metadata, choices=usual_choices(counts))
        with spooled() as made:
            drawing = _drawn(metadata, reader, pages, made)
            assert drawing is not None
            drawing.close()
            return metadata if same(file, made) else None
    except ArchiveError:
        return None


def _made_again(metadata: Tiff, content: Content, reader: Reader, pages: list[Page]) -> Tiff | None:
    """The metadata with its check, if the file that they make is the same bit for bit."""
    comparison = Comparison(content)
    drawing = _drawn(metadata, reader, pages, comparison)
    if drawing is None or drawing.close() != len(content) or comparison.differs:
        return None
    return replace(metadata, check=drawing.crc) if metadata.compressed else metadata


def _segments(
    reader: Reader, pages: list[Page], compressions: tuple[int, ...]
) -> Iterator[Segment]:
    """The segments of these compressions, in the order in which they are drawn."""
    for page in pages:
        layout = page.layout
        if layout.compression in compressions:
            for number, (start, end) in enumerate(page.spans):
                data = reader.read(start, end - start)
                if layout.flags & REVERSED:
                    data = data.translate(REVERSE)
                rows = layout.rows_stored(number // (layout.across * layout.planes))
                size = rows * layout.row_bytes
                yield Segment(layout.compression, data, size, layout.row_bytes)


def _metadata(content: Content, reader: Reader, pages: list[Page]) -> Tiff | None:
    runs = [(len(list(group)), layout) for layout, group in groupby(p.layout for p in pages)]
    fields = tuple(page.fields for page in pages if page.fields is not None)
    places = Places.from_spans(span for page in pages for span in page.spans)
    segments = merged(
        chain(
            (span for page in pages for span in page.spans),
            *(page.fields.spans(page.layout.segments) for page in pages if page.fields is not None),
        )
    )
    if len(content) - sum(end - start for start, end in segments) > _MOST_OTHERS:
        return None
    ends = [0, *(end for _, end in segments)]
    starts = [*(start for start, _ in segments), len(content)]
    others = b"".join(content[end:start] for end, start in zip(ends, starts, strict=True))
    metadata = Tiff(tuple(runs), fields, places, others)
    padding = b"".join(_padding(reader, pages))
    if padding.strip(b"\0") or any(page.layout.blank for page in pages):
        metadata = replace(metadata, padding=padding)
    return metadata if metadata.sound else None


def _padding(reader: Reader, pages: list[Page]) -> Iterator[bytes]:
    for page in pages:
        layout = page.layout
        if layout.flags & TILED and layout.area > layout.height * layout.width:
            for band in range(layout.down):
                for part in PageReader(reader, page).band(band)[1]:
                    yield part.tobytes()


def _drawn(metadata: Tiff, reader: Reader, pages: list[Page], file: Any) -> TiffDrawing | None:
    """The file with all pixels, not closed; None if it differs from the compared one."""
    drawing = TiffDrawing(metadata, file)
    for page in pages:
        for rows in PageReader(reader, page).bands():
            drawing.add(rows)
            if getattr(file, "differs", False):
                return None
    return drawing


def _alone(file: BinaryIO, pages: list[Page]) -> bool:
    """Whether segments may move, and all readers agree on their content.

    Only these pages may then refer to the places of segments. Readers differ in damaged faxes,
    which libtiff reads as far as it can.
    """
    if any(page.layout.compression == GROUP_4 for page in pages):
        return False
    found, there = _tags(file), coded_pages(file)
    if there is None or sorted(there, key=_spans) != sorted(pages, key=_spans):
        return False
    return all(tag[0] != _OTHER_PAGES for page in found[2:] for tag in page)


def _spans(page: Page) -> list[Span]:
    return page.spans


def same(file: BinaryIO, made: BinaryIO) -> bool:
    """Whether two files have the same pages.

    Pages must have the same tags in the same order, with the same types and values except for the
    places of segments. Segments must decompress to the same bytes.
    """
    if _tags(file) != _tags(made):
        return False
    before, after = coded_pages(file), coded_pages(made)
    if before is None or after is None or len(before) != len(after):
        return False
    readers = Reader(file), Reader(made)
    for page, again in zip(before, after, strict=True):
        if page.layout != again.layout or len(page.spans) != len(again.spans):
            return False
        layout, across = page.layout, page.layout.across * page.layout.planes
        for number, spans in enumerate(zip(page.spans, again.spans, strict=True)):
            rows = layout.rows_stored(number // across)
            raw = [
                decompress(layout, reader.read(start, end - start), rows, whole=True)
                for reader, (start, end) in zip(readers, spans, strict=True)
            ]
            if raw[0] is None or raw[0] != raw[1]:
                return False
    return True


def coded_pages(file: BinaryIO) -> list[Page] | None:
    """All pages of a file, if the pixels of each can be read."""
    found = pages_of(file)
    pages = [page for page in found if page is not None]
    return pages if pages and len(pages) == len(found) else None


def _tags(file: BinaryIO) -> list[Any]:
    """The order of bytes, and all tags of all pages."""
    with opened(file) as tiff:
        found: list[Any] = [tiff.byteorder, tiff.is_bigtiff]
        for page in tiff.pages:
            found.append(
                [
                    (tag.code, int(tag.dtype), tag.count)
                    + (() if tag.code in _PLACES else (_plain(tag.value),))
                    for tag in getattr(page, "tags").values()  # noqa: B009 - which frames lack
                ]
            )
    return found


def _plain(value: Any) -> Any:
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value)


def write(file: BinaryIO, picture: NDArray[Any]) -> None:
    """Writes a picture, [height, width] or [height, width, channels], to an empty file."""
    import tifffile

    colours = picture.shape[2] if picture.ndim == 3 else 1
    tifffile.imwrite(
        file,
        picture,
        byteorder="<",
        compression="zlib",
        photometric="rgb" if colours in (3, 4) else "minisblack",
        planarconfig="contig" if colours > 1 else None,
        extrasamples=["unassalpha"] if colours in (2, 4) else None,
        metadata=None,
        software=False,
    )
