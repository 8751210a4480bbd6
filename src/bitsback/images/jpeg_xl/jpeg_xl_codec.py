"""The codec of lossless JPEG XL files: it keeps the boxes and the header around the pixels, which
libjxl, of the package imagecodecs, compresses again (docs/format.md, Container metadata). Source:
ISO/IEC 18181-2.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.images.bands import Bands, Read, same_pixels
from bitsback.images.drawing import Drawing, Seekable, Split, WholeDrawing
from bitsback.images.file_io import FileContent
from bitsback.images.jpeg_xl.codestream import SIGNATURE, Header
from bitsback.wire import Cursor, varint

_KIND = 10
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_WHOLE, _PART = b"jxlc", b"jxlp"
_OTHERS = frozenset([_WHOLE, _PART, b"jxli", b"jbrd"])
"""Boxes of the codestream, of places in it, and of a JPEG file that it stands for."""
_LAST = 1 << 31
"""The flag of the last part of a codestream, in its number."""
_MOST_PIXELS = 1 << 25
"""The most pixels of a picture, which is in memory."""
_MOST_BYTES = 1 << 28
_SMALLEST_BOX = 5  # bytes in container metadata
_EFFORT = 5

Box = tuple[bytes, bytes]
"""The type and content of a box."""


@dataclass(frozen=True)
class JpegXl:
    """Everything of a lossless JPEG XL file but its pixels."""

    before: tuple[Box, ...]
    """The boxes before the codestream; none if the file has no boxes."""
    after: tuple[Box, ...]
    header: bytes
    """The codestream up to its frame."""

    kind = _KIND
    exact = False
    certain = True

    def anew(self) -> JpegXl:
        return self

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        header = Header.of(self.header)
        return (
            header is not None
            and header.end == len(self.header)
            and (header.shape, f"u{header.bits // 8}") == (shape, dtype.str[1:])
            and header.width * header.height <= _MOST_PIXELS
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        return WholeDrawing(file, self._file_of)

    def _file_of(self, pixels: NDArray[Any]) -> bytes:
        """Raises ArchiveError."""
        library = _library()
        if library is None:
            raise ArchiveError(
                "it takes libjxl to make its file again: install bitsback[peers]; its pixels can"
                " be read without that"
            )
        options = {"lossless": True, "effort": _EFFORT, "numthreads": 1}
        made = _codestream(bytes(library.jpegxl_encode(np.ascontiguousarray(pixels), **options)))
        told, known = None if made is None else Header.of(made[1]), Header.of(self.header)
        if made is None or told is None or known is None or (known.narrow and not told.narrow):
            raise ArchiveError("the libjxl of this computer makes another kind of file of it")
        codestream = self.header + made[1][told.end :]
        if not self.before:
            return codestream
        return b"".join(map(_pack_box, [*self.before, (_WHOLE, codestream), *self.after]))

    def pack(self) -> bytes:
        parts = list[bytes]()
        for boxes in (self.before, self.after):
            parts.append(varint(len(boxes)))
            parts += [kind + varint(len(held)) + held for kind, held in boxes]
        return b"".join([*parts, self.header])

    @classmethod
    def unpack(cls, cursor: Cursor) -> JpegXl:
        """Raises ArchiveError."""
        before, after = _unpack_boxes(cursor), _unpack_boxes(cursor)
        if after and not before:
            raise ArchiveError("its container metadata has boxes behind a file without boxes")
        return cls(before, after, bytes(cursor.take(len(cursor.data) - cursor.at)))


def _unpack_boxes(cursor: Cursor) -> tuple[Box, ...]:
    count = cursor.varint()
    if count * _SMALLEST_BOX > len(cursor.data):
        raise ArchiveError("its container metadata is too short for its boxes")
    boxes = tuple(
        (bytes(cursor.take(4)), bytes(cursor.take(cursor.varint()))) for _ in range(count)
    )
    if any(kind in _OTHERS for kind, _ in boxes):
        raise ArchiveError("its container metadata has boxes with other pixels")
    return boxes


def _pack_box(box: Box) -> bytes:
    kind, held = box
    return struct.pack(">I", len(held) + 8) + kind + held


def _boxes(data: bytes) -> Iterator[Box]:
    """The boxes of a file. Raises ValueError if one is cut off."""
    at = 0
    while at < len(data):
        head, start = data[at : at + 8], at + 8
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = at + size if size else len(data)
        if not start <= end <= len(data):
            raise ValueError("a box is cut off")
        yield head[4:], data[start:end]
        at = end


def _codestream(data: bytes) -> tuple[JpegXl, bytes] | None:
    """The boxes around a codestream, without its header, and the codestream; None if there is none
    that could stand in one box as well. Raises ValueError if the file is cut off.
    """
    if data.startswith(SIGNATURE):
        return JpegXl((), (), b""), data
    boxes = list(_boxes(data))
    kinds = [kind for kind, _ in boxes]
    places = [at for at, kind in enumerate(kinds) if kind in (_WHOLE, _PART)]
    if sum(kind in _OTHERS for kind in kinds) != len(places) or not places or not places[0]:
        return None
    parts = [boxes[at][1] for at in places]
    if kinds[places[0]] == _PART:
        numbers = [int.from_bytes(part[:4], "big") for part in parts]
        if numbers != [*range(len(parts) - 1), len(parts) - 1 | _LAST]:
            return None
        parts = [part[4:] for part in parts]
    elif len(parts) > 1:
        return None
    if len({kinds[at] for at in places}) > 1:
        return None
    behind = [box for box in boxes[places[0] + 1 :] if box[0] not in _OTHERS]
    return JpegXl(tuple(boxes[: places[0]]), tuple(behind), b""), b"".join(parts)


def _library() -> Any | None:
    """imagecodecs, if it is installed and has libjxl."""
    with suppress(ImportError):
        library = import_module("imagecodecs")
        if library.JPEGXL.available:
            return library
    return None


def _read(file: BinaryIO) -> tuple[JpegXl, NDArray[Any]] | None:
    """A file as its pixels, which are integers that no decoder rounds, and everything else; None
    for other files, and without a libjxl. Raises the errors of libjxl, and ValueError, for a
    damaged file.
    """
    content, library = FileContent(file), _library()
    if len(content) > _MOST_BYTES or library is None:
        return None
    found = _codestream(content[:])
    header = None if found is None else Header.of(found[1])
    if found is None or header is None or header.width * header.height > _MOST_PIXELS:
        return None
    parts, codestream = found
    if not header.is_exact(codestream):
        return None
    pixels = library.jpegxl_decode(codestream, keeporientation=True, numthreads=1)
    if (pixels.shape, pixels.dtype) != (header.shape, np.dtype(f"u{header.bits // 8}")):
        return None
    return JpegXl(parts.before, parts.after, codestream[: header.end]), pixels


def _ends_with_its_frame(file: BinaryIO) -> bool:
    """Whether libjxl needs the last byte of the codestream, so that nothing stands behind its
    frame.
    """
    library, found = _library(), _codestream(FileContent(file)[:])
    assert library is not None and found is not None, "it was read"
    try:
        library.jpegxl_decode(found[1][:-1], keeporientation=True, numthreads=1)
    except library.JpegxlError:
        return True
    return False


def bands_of(image: Image.Image) -> Read | None:
    return None


def samples(file: BinaryIO) -> Bands | None:
    found = _read(file)
    return None if found is None else Bands.of(found[1])


def split(file: BinaryIO, exact: bool) -> Split | None:
    found = _read(file)
    if exact or found is None or not _ends_with_its_frame(file):
        return None
    metadata, pixels = found
    if not metadata.fits(pixels.dtype, pixels.shape):
        return None
    made = io.BytesIO()
    drawing = metadata.drawing(made, pixels.dtype, pixels.shape)
    with suppress(ArchiveError):
        drawing.add(pixels)
        drawing.close()
        if same(file, made):
            return Split.of(Bands.of(pixels), metadata, indexed=False)
    return None


def unpack(cursor: Cursor, kind: int) -> JpegXl:
    return JpegXl.unpack(cursor)


def same(file: BinaryIO, made: BinaryIO) -> bool:
    one, other = _read(file), _read(made)
    if one is None or other is None or one[0] != other[0]:
        return False
    return same_pixels(Bands.of(one[1]), Bands.of(other[1]))
