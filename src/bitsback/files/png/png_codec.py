"""The codec of PNG files, still and animated (docs/format.md, Container metadata).

It stores the chunks around the pixels, and the tokens of their deflate stream, which restore the
file byte for byte.
"""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO

from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.bands import Bands, same_pixels
from bitsback.files.drawing import (
    UNKNOWN_ENCODER,
    ContainerMetadata,
    Seekable,
    Split,
    makes,
    most_parts,
)
from bitsback.files.pictures import identify, sample_bands, split_picture
from bitsback.files.png import animated, png_metadata
from bitsback.files.png.animated import Animation, is_animated
from bitsback.files.png.png_metadata import Png
from bitsback.files.png.png_parts import AROUND, MAGIC, Place, Samples, around_pixels, places
from bitsback.files.png.png_reading import png_bands
from bitsback.io.file_io import Content, FileContent, in_memory, same_bytes, spooled
from bitsback.wire import Cursor

_PLUGINS = (("Png", "PNG"),)
_MOST_INTERLACED = 1 << 24  # pixels
_INTERLACE = 28
"""The place of the byte that says whether a file is interlaced."""


bands_of = png_bands


def samples(file: BinaryIO) -> Bands | None:
    content = FileContent(file)
    if is_animated(content):
        found = animated.read(content)
        sheet = None if found is None else found.sheet()
        return None if sheet is None else Bands.from_array(sheet)
    return sample_bands(identify(file, _PLUGINS), png_bands)


def split(file: BinaryIO, exact: bool) -> Split | None:
    content = FileContent(file)
    if _has_many_chunks(content) or (_is_interlaced(content) and _is_large(content)):
        return None
    if is_animated(content):
        return _split_animated(file, exact)

    def metadata_of(data: Content, file: BinaryIO, pixels: Bands) -> Png | None:
        found = list(places(data))
        png = Png.read(data, found, pixels, exact)
        with suppress(ArchiveError):
            if png is not None and _made_again(png, data, found, pixels):
                return png
        return None

    return split_picture(file, _PLUGINS, png_bands, metadata_of)


def write(file: Seekable, pixels: NDArray[Any]) -> None:
    """Writes a file of nothing but pixels of several channels of 16 bits to an empty file."""
    samples = Samples.of_channels(pixels.shape[2])
    drawing = Png(samples, (), ()).drawing(file, pixels.dtype, pixels.shape)
    drawing.add(pixels)
    drawing.close()


def _split_animated(file: BinaryIO, exact: bool) -> Split | None:
    data = FileContent(file)
    found = animated.read(data)
    sheet = None if found is None else found.sheet()
    if found is None or sheet is None:
        return None
    animation = found.described(sheet, exact)
    if animation is None:
        return None
    if animation.exact:
        animation = replace(animation, crc=zlib.crc32(data[:]))
    pixels, made = Bands.from_array(sheet), io.BytesIO()
    with suppress(ArchiveError):
        drawing = animation.drawing(made, sheet.dtype, sheet.shape)
        drawing.add(sheet)
        drawing.close()
        if same_bytes(file, made) if animation.exact else same(file, made):
            split = Split.from_pixels(pixels, animation, indexed=animation.samples.indexed)
            return replace(split, frames=animation.alike)
    return None


def refusal(file: BinaryIO) -> str:
    data = FileContent(file)
    if _is_interlaced(data):
        return "interlaced PNG"
    if _has_many_chunks(data):
        return "PNG with too many chunks for its size"
    return f"{UNKNOWN_ENCODER}{'animated ' * is_animated(data)}PNG"


def _is_interlaced(data: Content) -> bool:
    return data[_INTERLACE : _INTERLACE + 1] == b"\1"


def _is_large(data: Content) -> bool:
    """Whether an interlaced file has so many pixels that decoding them takes much memory."""
    columns, rows = struct.unpack(">II", data[16:24])
    return bool(columns * rows > _MOST_INTERLACED)


def _has_many_chunks(data: Content) -> bool:
    at = len(MAGIC)
    for _ in range(most_parts(len(data))):
        if at >= len(data):
            return False
        at += AROUND + int.from_bytes(data[at : at + 4], "big")
    return at < len(data)


def unpack(cursor: Cursor, kind: int) -> ContainerMetadata:
    if kind in (animated.NEW, animated.EXACT):
        return Animation.unpack(cursor, kind == animated.EXACT)
    return Png.unpack(cursor, kind == png_metadata.EXACT)


def same(file: BinaryIO, made: BinaryIO) -> bool:
    contents = FileContent(file), FileContent(made)
    if is_animated(contents[0]):
        parts = [animated.read(each) for each in contents]
        one, other = (None if part is None else part.metadata for part in parts)
        alike = one is not None and one == other
    else:
        chunks = [around_pixels(each, list(places(each))) for each in contents]
        alike = chunks[0] == chunks[1]
    if not alike:
        return False
    return same_pixels(samples(file), samples(made))


def _made_again(png: Png, data: Content, found: list[Place], pixels: Bands) -> bool:
    """Whether the file that is made is the same: bit for bit, or in all pixels and chunks.

    found: the chunks of the existing file.
    """
    if png.exact:
        return makes(png, data, pixels)
    with spooled() as file:
        drawing = png.drawing(file, pixels.dtype, pixels.shape)
        for band in pixels:
            drawing.add(band)
        drawing.close()
        made, file = in_memory(file)
        if around_pixels(made, list(places(made))) != around_pixels(data, found):
            return False
        return same_pixels(samples(file), pixels)
