"""Bands of a picture whose pixels stand in its file as they are: BMP and PNM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands.bands import Read, pixels_as_they_are, reader_of, rows_of_band

_BITS = {
    "1": 1, "1;I": 1, "L": 8, "P": 8, "P;1": 1, "P;2": 2, "P;4": 4, "I;16B": 16, "RGB": 24,
    "BGR": 24, "BGRA": 32, "BGRX": 32,
}  # fmt: skip
"""Of a pixel, by Pillow's names for how it stands in a file."""


def raw_bands(image: Image.Image) -> Read | None:
    """None if the pixels of an open picture stand in another way in its file."""
    tiles: Any = getattr(image, "tile", ())
    if len(tiles) != 1 or tiles[0][0] != "raw":
        return None
    _, box, offset, told = tiles[0]
    kind, *more = (told,) if isinstance(told, str) else told
    if box != (0, 0, *image.size) or kind not in _BITS:
        return None
    stride = (more[0] if more else 0) or -(-image.width * _BITS[kind] // 8)
    upwards = len(more) > 1 and more[1] < 0
    file, mode, (width, height) = reader_of(image), image.mode, image.size
    step = rows_of_band(stride)

    def read() -> Iterator[NDArray[Any]]:
        for first in range(0, height, step):
            last = min(first + step, height)
            at = height - last if upwards else first
            data = file.read(offset + at * stride, (last - first) * stride)
            size, order = (width, last - first), -1 if upwards else 1
            yield pixels_as_they_are(Image.frombytes(mode, size, data, "raw", kind, stride, order))

    return read
