"""Whether two files of a picture are the same but for how they are compressed: in all pixels, by
the samples of their format, and in all else that they tell. tifffile, zlib and Pillow read them.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from bitsback.images.bands.bands import Bands, Rows
from bitsback.images.bands.picture import sample_bands
from bitsback.images.file_io import FileContent
from bitsback.images.pictures import identified
from bitsback.images.png_chunks import MAGIC, around_pixels, places
from bitsback.images.tiff.checked import same
from bitsback.images.tiff.structure import MAGICS

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
