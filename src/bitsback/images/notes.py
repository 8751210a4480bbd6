"""Notes: what the file of a picture has beside its pixels, and the file made of both again
(docs/format.md, Notes).
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.images.bands.bands import Bands
from bitsback.images.bands.picture import sample_bands
from bitsback.images.drawing import Drawing, Seekable
from bitsback.images.file_io import Content, FileContent
from bitsback.images.frame import Frame
from bitsback.images.pictures import identified, samples
from bitsback.images.png import Png
from bitsback.images.png_chunks import MAGIC
from bitsback.images.tags import Tags
from bitsback.wire import Cursor

_FRAME, _PNG, _EXACT_PNG, _TAGS = 1, 2, 3, 4
_IN_MEMORY = 1 << 24  # bytes of a file that is read at once


class Note(Protocol):
    """All of a file but its pixels."""

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
    """As NumPy has them of Pillow's image: of a palette the indexes. Of a large picture they are
    read from the file again each time.
    """
    note: bytes
    exact: bool
    """Whether the very bytes of the file come back."""
    indexed: bool
    """Whether the pixels are indexes into a palette."""


def split(file: BinaryIO, exact: bool) -> Split | None:
    """Takes a file apart; None if it is not one whose pixels, and all else that it has, can be put
    back, or, with `exact`, its very bytes. Raises what Pillow raises for a damaged file.
    """
    data: Content = FileContent(file)
    if len(data) <= _IN_MEMORY:
        data = whole = data[:]
        file = io.BytesIO(whole)
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
    return Split(pixels, pack(note), _is_exact(note), image.mode == "P")


def _identified(file: BinaryIO) -> Image.Image:
    file.seek(0)
    return identified(file)


def _note_of(data: Content, file: BinaryIO, pixels: Bands, exact: bool) -> Note | None:
    if data[: len(MAGIC)] == MAGIC:
        png = Png.of(data, pixels, exact)
        if png is not None:
            with suppress(ArchiveError):
                if exact or _pixels_again(png, pixels):
                    return png
        return None
    image = _identified(file)  # anew, as loading it changes what is told of it
    frame = Frame.of(data, image, pixels)
    if frame is not None or exact or image.format != "TIFF":
        return frame
    tags = Tags.of(data, pixels)
    return tags if tags is not None and _pixels_again(tags, pixels) else None


def _pixels_again(note: Note, pixels: Bands) -> bool:
    """Whether the file that is made again has the pixels; of the first and the last rows."""
    height = pixels.shape[0]
    rows = pixels.rows(sorted({0, height // 2, height - 1}))
    file = io.BytesIO()
    _draw(note, rows, file)
    again = samples(_identified(file))
    return again is not None and again.dtype == pixels.dtype and np.array_equal(again, rows)


def _draw(note: Note, pixels: NDArray[Any], file: Seekable) -> None:
    drawing = note.drawing(file, pixels.dtype, pixels.shape)
    drawing.add(pixels)
    drawing.close()


def _is_exact(note: Note) -> bool:
    return isinstance(note, Frame) or (isinstance(note, Png) and note.stream is not None)


def is_exact(note: bytes) -> bool:
    """Whether the very bytes of a file come back with a note that begins so."""
    return note[:1] in (bytes([_FRAME]), bytes([_EXACT_PNG]))


def pack(note: Note) -> bytes:
    if isinstance(note, Png):
        kind = _PNG if note.stream is None else _EXACT_PNG
    else:
        kind = _FRAME if isinstance(note, Frame) else _TAGS
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
    elif kind == _TAGS:
        note = Tags.unpack(cursor)
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
    if isinstance(unpacked, Png) and not exact:
        unpacked = unpacked.anew()
    return unpacked.drawing(file, dtype, shape)


def file_of(pixels: NDArray[Any], note: bytes, exact: bool = True) -> bytes:
    """The same in memory, with all of its pixels."""
    file = io.BytesIO()
    drawing = drawing_of(note, file, pixels.dtype, pixels.shape, exact)
    drawing.add(pixels)
    drawing.close()
    return file.getvalue()
