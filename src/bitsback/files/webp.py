"""The codec of lossless WebP files (docs/format.md, Container metadata). Source: RFC 9649.

It stores the chunks around the pixels. Pillow compresses the pixels again.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from bitsback.errors import ArchiveError
from bitsback.files.bands import Bands, same_pixels
from bitsback.files.drawing import UNKNOWN_ENCODER, Drawing, Seekable, Split, WholeDrawing
from bitsback.files.pictures import identify, sample_bands
from bitsback.files.png.png_metadata import pack_chunks, unpack_chunks
from bitsback.files.png.png_parts import Chunk
from bitsback.io.file_io import FileContent
from bitsback.wire import Cursor

_KIND = 7
_PLUGINS = (("WebP", "WEBP"),)
_PIXELS = b"VP8L"
_OTHERS = frozenset([b"VP8 ", b"ALPH", b"ANIM", b"ANMF"])
"""Chunks of lossy pictures and of animations."""
_MOST_PIXELS = 1 << 25
"""The most pixels of a picture, which is in memory."""
_MOST_BYTES = 1 << 28
_MOST_COLUMNS = 1 << 14
_HEADER = 5  # bytes at the start of the pixels' chunk, with the size and whether there is alpha
_ALPHA = 1 << 28
_METHOD, _QUALITY = 4, 75


@dataclass(frozen=True)
class WebP:
    """A lossless WebP file without its pixels."""

    before: tuple[Chunk, ...]
    """The chunks before the pixels."""
    after: tuple[Chunk, ...]

    kind = _KIND
    exact = False
    certain = True

    def anew(self) -> WebP:
        return self

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        return (
            dtype == np.uint8
            and len(shape) == 3
            and shape[2] in (3, 4)
            and max(shape[:2]) <= _MOST_COLUMNS
            and shape[0] * shape[1] <= _MOST_PIXELS
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit. Its end raises ArchiveError if
        Pillow has no WebP here.
        """
        return WholeDrawing(
            file,
            lambda pixels: _file_of([*self.before, (_PIXELS, _compressed(pixels)), *self.after]),
        )

    def pack(self) -> bytes:
        return pack_chunks(self.before) + pack_chunks(self.after)

    @classmethod
    def unpack(cls, cursor: Cursor) -> WebP:
        """Raises ArchiveError."""
        return cls(_unpack_chunks(cursor), _unpack_chunks(cursor))


def _unpack_chunks(cursor: Cursor) -> tuple[Chunk, ...]:
    chunks = unpack_chunks(cursor)
    if any(name == _PIXELS or name in _OTHERS for name, _ in chunks):
        raise ArchiveError("its container metadata has chunks with other pixels")
    return chunks


def _file_of(chunks: list[Chunk]) -> bytes:
    """The file of these chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a file, as far as they are whole."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _compressed(pixels: NDArray[Any]) -> bytes:
    """The chunk of pixels, with alpha if they have it, also where it is 255 throughout."""
    if not features.check("webp"):
        raise ArchiveError("it takes a Pillow with WebP to make its file again")
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        out, "WEBP", lossless=True, exact=True, quality=_QUALITY, method=_METHOD
    )
    return _with_alpha(dict(_chunks(out.getvalue()))[_PIXELS], pixels.shape[2] == 4)


def _with_alpha(body: bytes, alpha: bool) -> bytes:
    """The chunk of pixels, whose header says whether there is alpha."""
    size = int.from_bytes(body[1:_HEADER], "little") & ~_ALPHA | _ALPHA * alpha
    return body[:1] + size.to_bytes(4, "little") + body[_HEADER:]


def samples(file: BinaryIO) -> Bands | None:
    return sample_bands(identify(file, _PLUGINS))


def split(file: BinaryIO, exact: bool) -> Split | None:
    content = FileContent(file)
    if len(content) > _MOST_BYTES:
        return None
    data = content[:]
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    if names.count(_PIXELS) != 1 or not _OTHERS.isdisjoint(names):
        return None
    image = identify(file, _PLUGINS)
    if image.width * image.height > _MOST_PIXELS:
        return None
    pixels = sample_bands(image)  # finds out whether a file is damaged
    at = names.index(_PIXELS)
    webp = WebP(tuple(chunks[:at]), tuple(chunks[at + 1 :]))
    if exact or pixels is None or not webp.fits(pixels.dtype, pixels.shape):
        return None
    if _file_of(chunks) != data or not _all_is_read(webp, chunks[at][1], pixels):
        return None
    if not _ends_with_its_pixels(webp, chunks[at][1]):
        return None
    pixels = Bands.from_array(pixels.whole())
    made = io.BytesIO()
    drawing = webp.drawing(made, pixels.dtype, pixels.shape)
    drawing.add(pixels.whole())
    try:
        drawing.close()
    except ArchiveError:
        return None
    return Split.from_pixels(pixels, webp, indexed=False) if same(file, made) else None


def _all_is_read(webp: WebP, body: bytes, pixels: Bands) -> bool:
    """Whether Pillow reads the alpha, which the header may deny, or it is 255 throughout."""
    if pixels.shape[2] == 4:
        return True
    chunks = [*webp.before, (_PIXELS, _with_alpha(body, True)), *webp.after]
    found = samples(io.BytesIO(_file_of(chunks)))
    return found is not None and bool(np.all(found.whole()[..., 3:] == 255))


def _ends_with_its_pixels(webp: WebP, body: bytes) -> bool:
    """Whether the chunk of pixels needs one of its last two bytes. Pillow skips bytes behind
    pixels, and does not need the last byte of some.
    """
    for end in (-1, -2):
        cut = [*webp.before, (_PIXELS, body[:end]), *webp.after]
        try:
            samples(io.BytesIO(_file_of(cut)))
        except Exception:  # a damaged file may make Pillow's readers raise any error
            return True
    return False


def refusal(file: BinaryIO) -> str:
    return f"{UNKNOWN_ENCODER}lossless WebP"


def unpack(cursor: Cursor, kind: int) -> WebP:
    return WebP.unpack(cursor)


def same(file: BinaryIO, made: BinaryIO) -> bool:
    around = [
        [(name, b"" if name == _PIXELS else body) for name, body in _chunks(FileContent(each)[:])]
        for each in (file, made)
    ]
    if around[0] != around[1]:
        return False
    return same_pixels(samples(file), samples(made))
