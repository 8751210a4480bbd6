"""Notes: what the file of a picture has beside its pixels, and the file made of both again
(docs/format.md, Notes)."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.images.bands import Bands, Rows
from bitsback.images.bitmap import Frame
from bitsback.images.drawing import Comparison, Drawing, Seekable
from bitsback.images.file_io import Content, FileContent
from bitsback.images.pictures import identified, sample_bands
from bitsback.images.png import Png
from bitsback.images.png_parts import MAGIC, Place, around_pixels, places
from bitsback.images.tiff.structure import MAGICS, bands_of, one_picture, pages_of
from bitsback.images.tiff.tiff_codec import same, tiff_note
from bitsback.images.tiff.tiff_note import Tiff
from bitsback.wire import Cursor

_FRAME, _PNG, _EXACT_PNG, _TIFF = 1, 2, 3, 4
HELD = 5
"""The kind of the note of a TIFF file on its own that is held bit for bit."""
_IN_MEMORY = 1 << 24  # bytes of a file that is read at once


class Note(Protocol):
    """All of a file but its pixels."""

    @property
    def exact(self) -> bool:
        """Whether the very bytes of the file come back."""

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, written to one that is empty, with pixels of this dtype and shape, which
        fit.
        """

    def pack(self) -> bytes: ...


@dataclass(frozen=True)
class Split:
    """A file as its pixels and the rest."""

    pixels: Bands
    """The samples of the file: of a palette the indexes; of a TIFF file its pages, one below the
    other. Of a large picture they are read from the file again each time.
    """
    note: bytes
    exact: bool
    """Whether the very bytes of the file come back."""
    indexed: bool
    """Whether the pixels are indexes into a palette."""


def split(file: BinaryIO, exact: bool) -> Split | None:
    """Takes a file apart; None if the file that would be made again is not the same: in all of its
    pixels, by the samples of its format, and in all else that it has, or, with `exact`, in its very
    bytes. Raises what Pillow raises for a damaged file.
    """
    data, file = _in_memory(file)  # also as who asks may read the pixels when the file is closed
    if data[:4] in MAGICS:
        return _split_tiff(file, exact)
    image = _identified(file)
    if getattr(image, "n_frames", 1) != 1:
        return None
    pixels = sample_bands(image)
    if pixels is None or not pixels.size:
        return None
    note = _note_of(data, file, pixels, exact)
    if note is None:
        for _ in pixels:  # whoever holds the file bit for bit is to know whether it is damaged
            pass
        return None
    return Split(pixels, pack(note), note.exact, image.mode == "P")


def _in_memory(file: BinaryIO) -> tuple[Content, BinaryIO]:
    """What a file holds, and a file of it; both in memory, unless it is large."""
    data = FileContent(file)
    if len(data) > _IN_MEMORY:
        return data, file
    whole = data[:]
    return whole, io.BytesIO(whole)


def _split_tiff(file: BinaryIO, exact: bool) -> Split | None:
    pages = one_picture(pages_of(file))
    note = tiff_note(file, pages, exact) if pages else None
    if note is None:
        return None
    return Split(bands_of(file, pages), pack(note), note.exact, pages[0].palette)


def samples_of(file: BinaryIO) -> Bands | None:
    """The pixels that `split` has found, of a file that it takes apart. Raises what Pillow raises
    for a damaged file.
    """
    if FileContent(file)[:4] in MAGICS:
        pages = one_picture(pages_of(file))
        return bands_of(file, pages) if pages else None
    return sample_bands(_identified(file))


def _identified(file: BinaryIO) -> Image.Image:
    file.seek(0)
    return identified(file)


def _note_of(data: Content, file: BinaryIO, pixels: Bands, exact: bool) -> Note | None:
    if data[: len(MAGIC)] != MAGIC:
        return Frame.of(data, _identified(file), pixels)  # anew, as loading changes what it tells
    found = list(places(data))
    png = Png.of(data, found, pixels, exact)
    with suppress(ArchiveError):
        if png is not None and _made_again(png, data, found, pixels):
            return png
    return None


def _made_again(png: Png, data: Content, found: list[Place], pixels: Bands) -> bool:
    """Whether the file that is made is the same: bit for bit, or in all pixels and chunks.

    found: the chunks of the file that there is.
    """
    if png.exact:
        comparison = Comparison(data)
        size = _drawn(png, pixels, comparison)
        return size == len(data) and not comparison.differs
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        file = cast(BinaryIO, spool)
        _drawn(png, pixels, file)
        made, file = _in_memory(file)
        if around_pixels(made, list(places(made))) != around_pixels(data, found):
            return False
        again = sample_bands(_identified(file))
        return again is not None and same_pixels(again, pixels)


def _drawn(note: Note, pixels: Bands, file: Seekable) -> int:
    drawing = note.drawing(file, pixels.dtype, pixels.shape)
    for band in pixels:
        drawing.add(band)
    return drawing.close()


def pack(note: Note) -> bytes:
    if isinstance(note, Png):
        kind = _PNG if note.stream is None else _EXACT_PNG
    else:
        kind = _FRAME if isinstance(note, Frame) else _TIFF
    return bytes([kind]) + note.pack()


def unpack(data: bytes) -> Note:
    """Raises ArchiveError."""
    cursor = Cursor(data)
    kind = cursor.byte()
    note: Note
    if kind == _FRAME:
        note = Frame.unpack(cursor)
    elif kind in (_PNG, _EXACT_PNG):
        note = Png.unpack(cursor, kind == _EXACT_PNG)
    elif kind == _TIFF:
        note = Tiff.unpack(cursor)
    else:
        raise ArchiveError("its note is of a kind that is not known: it needs a newer bitsback")
    cursor.done()
    return note


def drawing_of(
    note: bytes,
    file: Seekable,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    exact: bool = True,
) -> Drawing:
    """The file of a picture, written to one that is empty. exact: if its very bytes are promised,
    they are made, or it is an error; otherwise another file of the same pixels and metadata is.
    Raises ArchiveError.
    """
    unpacked = unpack(note)
    if not unpacked.fits(dtype, shape):
        raise ArchiveError("its note is that of another picture")
    return _to_make(unpacked, exact).drawing(file, dtype, shape)


def promised(note: bytes, exact: bool = True) -> bool:
    """Whether it is the very bytes of a file that `drawing_of` makes. Raises ArchiveError."""
    return _to_make(unpack(note), exact).exact


def _to_make(note: Note, exact: bool) -> Note:
    return note.anew() if isinstance(note, Png | Tiff) and not exact else note


def drawing_of_pages(
    note: bytes,
    file: Seekable,
    pages: Iterable[tuple[np.dtype[Any], tuple[int, ...]]],
    exact: bool = True,
) -> Drawing:
    """A TIFF file, written to one that is empty, of pages of these dtypes and shapes, one after the
    other. exact: as `drawing_of` takes it. Raises ArchiveError.
    """
    unpacked = unpack(note)
    if (
        not isinstance(unpacked, Tiff)
        or not all(
            page is not None and (page.dtype, page.shape) == told
            for page, told in zip_longest(unpacked.layouts(), pages)
        )
        or not unpacked.consistent
    ):
        raise ArchiveError("its note is that of another file")
    return (unpacked if exact else unpacked.anew()).draw(file)


def file_of(pixels: NDArray[Any], note: bytes, exact: bool = True) -> bytes:
    """The same in memory, with all of its pixels."""
    file = io.BytesIO()
    drawing = drawing_of(note, file, pixels.dtype, pixels.shape, exact)
    drawing.add(pixels)
    drawing.close()
    return file.getvalue()


_PIECE = 1 << 20


def same_bytes(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two files hold the same, from their beginnings to their ends."""
    one.seek(0)
    other.seek(0)
    while True:
        piece = one.read(_PIECE)
        if other.read(max(len(piece), 1)) != piece:
            return False
        if not piece:
            return True


def alike(one: BinaryIO, other: BinaryIO) -> bool:
    """Whether two PNG files, or two TIFF files, are the same. Raises what Pillow raises for damaged
    ones.
    """
    contents = FileContent(one), FileContent(other)
    if all(each[:4] in MAGICS for each in contents):
        return same(one, other)
    if not all(each[: len(MAGIC)] == MAGIC for each in contents):
        return False
    chunks = [around_pixels(each, list(places(each))) for each in contents]
    if chunks[0] != chunks[1]:
        return False
    one.seek(0)
    other.seek(0)
    pixels = sample_bands(identified(one)), sample_bands(identified(other))
    return pixels[0] is not None and pixels[1] is not None and same_pixels(pixels[0], pixels[1])


def same_pixels(one: Bands, other: Bands) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    rows = Rows(other)
    return all(np.array_equal(band, rows.take(len(band))) for band in one)
