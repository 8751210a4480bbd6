"""How a collection of images becomes the files that a compressor makes of it.

Images are an array [n, height, width] of bool (two levels) or uint8 (256 levels).
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.bool_] | NDArray[np.uint8]

Unit = Literal["archive", "stream", "each", "mosaic"]
"""What one file holds: an archive of bitsback; the bytes of all images in order (two levels:
packed, eight pixels a byte); one image; or one picture that all images are tiled into, row by row,
as near to a square as may be.
"""


def units(images: Images, unit: Unit) -> list[Any]:
    """What a compressor is given, one after the other: the array, bytes, or pictures [height,
    width].
    """
    if unit == "archive":
        return [images]
    if unit == "stream":
        return [pack(images)]
    return [mosaic(images)] if unit == "mosaic" else list(images)


def pack(images: Images) -> bytes:
    """The images as plain bytes: the ground that every ratio is measured from."""
    return (np.packbits(images) if images.dtype == np.bool_ else images).tobytes()


def mosaic(images: Images) -> Images:
    """Tile images [n, h, w] into one picture, ceil(sqrt(n)) to a row; missing ones are black."""
    n, height, width = images.shape
    columns = math.isqrt(n - 1) + 1
    rows = -(-n // columns)
    tiles = np.zeros((rows * columns, height, width), images.dtype)
    tiles[:n] = images
    return (
        tiles.reshape(rows, columns, height, width)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width)
    )


def gray(picture: Images) -> NDArray[np.uint8]:
    """A picture for codecs without one-bit pixels: the two levels become 0 and 255."""
    return (
        picture.astype(np.uint8) * 255
        if picture.dtype == np.bool_
        else picture.astype(np.uint8, copy=False)
    )


def same(unit: Any, restored: Any) -> bool:
    """Whether bytes, or a picture, or an array of them, came back; two levels may come back as 0
    and 255.
    """
    if isinstance(unit, bytes):
        return isinstance(restored, bytes) and unit == restored
    return isinstance(restored, np.ndarray) and np.array_equal(gray(unit), gray(restored))
