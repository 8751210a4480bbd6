"""Ways to turn a collection of images into the inputs of a compressor.

Images of one shape and dtype are an array [n, height, width] or [n, height, width, channels];
others are a list of arrays [height, width] or [height, width, channels]. Elements are bool (two
levels) or integers of 8 or 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.bool_] | NDArray[np.uint8]
"""Grey or bilevel images of one shape, [n, height, width], for which most models are."""

Picture: TypeAlias = NDArray[Any]
Pictures: TypeAlias = NDArray[Any] | list[Picture]

Unit = Literal["archive", "stream", "shuffled", "each", "mosaic", "mosaics", "strip"]
"""The content of one file.

archive: an archive of bitsback.
stream: the bytes of all images in order; with two levels packed, eight pixels a byte.
shuffled: the same bytes, with all low bytes before all high bytes.
each: one image.
mosaic: a mosaic of all images, row by row, as many across as down.
mosaics: mosaics of so many images that JPEG XL still codes each as one group.
strip: one picture of all images below each other.
"""

MOSAICS: tuple[Unit, ...] = ("mosaic", "mosaics", "strip")
"""Layouts for the same compressor. The best of them is reported."""

SIDE = 2048
"""Pixels; a larger picture is coded in parts by JPEG XL, below its highest effort."""
MOST_TILES = 2_000


def units(images: Pictures, unit: Unit) -> list[Any]:
    """The inputs of a compressor, one after the other: images, bytes, or pictures [height, width]
    or [height, width, channels].
    """
    if unit == "archive":
        return [images]
    if unit == "stream":
        return [pack(images)]
    if unit == "shuffled":
        return [shuffle(images)]
    if unit == "each":
        return [plain(image) for image in images]
    if isinstance(images, list):
        raise ValueError("images of several shapes cannot be tiled into one picture")
    if unit == "mosaics":
        count, columns = _largest_mosaic(images)
        starts = range(0, len(images), count)
        return [mosaic(plain(images[i : i + count]), columns) for i in starts]
    return [mosaic(plain(images), 1 if unit == "strip" else None)]


def layouts(images: Pictures) -> set[Unit]:
    """The distinct possible units of these images."""
    found: set[Unit] = {"archive", "stream", "each"}
    if any(dtype.itemsize > 1 for dtype in dtypes(images)):
        found.add("shuffled")
    if isinstance(images, list) or len(images) == 1:
        return found
    found |= {"mosaic", "strip"}
    if 1 < _largest_mosaic(images)[0] < len(images):
        found.add("mosaics")
    return found


def dtypes(images: Pictures) -> set[np.dtype[Any]]:
    return {image.dtype for image in images} if isinstance(images, list) else {images.dtype}


def elements(images: Pictures) -> int:
    """The elements of all images: a pixel of three channels is three elements."""
    return sum(image.size for image in images) if isinstance(images, list) else images.size


def two_levels(images: Pictures) -> bool:
    return dtypes(images) == {np.dtype(bool)}


def one_channel(images: Pictures) -> bool:
    """Whether none of them has several channels."""
    if isinstance(images, list):
        return all(image.ndim == 2 for image in images)
    return images.ndim == 3


def pack(images: Pictures) -> bytes:
    """The images as plain bytes, to which all ratios refer."""
    if isinstance(images, list):
        return b"".join(map(pack, images))
    return (np.packbits(images) if images.dtype == np.bool_ else images).tobytes()


def shuffle(images: Pictures) -> bytes:
    """The low bytes of all elements, and then the high bytes of those of 16 bits."""
    arrays = [plain(image) for image in images] if isinstance(images, list) else [plain(images)]
    low: list[bytes] = []
    high: list[bytes] = []
    for array in arrays:
        if array.dtype == np.uint16:
            low.append((array & 255).astype(np.uint8).tobytes())
            high.append((array >> 8).astype(np.uint8).tobytes())
        else:
            low.append(pack(array))
    return b"".join(low + high)


def plain(images: NDArray[Any]) -> NDArray[Any]:
    """The images in a form that picture codecs take: bool, uint8 or uint16, of eight bits if these
    suffice.

    Signed elements are shifted by the least of them, which is not counted.
    """
    if images.dtype == np.bool_:
        return images
    low = int(images.min(initial=0)) if images.dtype.kind == "i" else 0
    moved = images.astype(np.int32) - low if low < 0 else images
    narrow = int(moved.max(initial=0)) < 256
    return moved.astype(np.uint8 if narrow else np.uint16, copy=False)


def mosaic(images: NDArray[Any], columns: int | None = None) -> NDArray[Any]:
    """Tile images [n, h, w, ...] into one picture, ceil(sqrt(n)) or `columns` to a row; missing
    ones are black.
    """
    n, height, width, *channels = images.shape
    columns = min(n, columns) if columns else math.isqrt(n - 1) + 1
    rows = -(-n // columns)
    tiles = np.zeros((rows * columns, height, width, *channels), images.dtype)
    tiles[:n] = images
    return (
        tiles.reshape(rows, columns, height, width, *channels)
        .swapaxes(1, 2)
        .reshape(rows * height, columns * width, *channels)
    )


def _largest_mosaic(images: NDArray[Any]) -> tuple[int, int]:
    """The number of images in one of several mosaics, and in a row of it."""
    down, across = (max(1, SIDE // side) for side in images.shape[1:3])
    count = min(MOST_TILES, down * across)
    return count, max(min(math.isqrt(count - 1) + 1, across), -(-count // down))


def gray(picture: Picture) -> NDArray[Any]:
    """A picture for codecs without one-bit pixels: the two levels become 0 and 255."""
    return picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture


def same(unit: Any, restored: Any) -> bool:
    """Whether bytes, or a picture, or an array or list of them, came back.

    Two levels may come back as 0 and 255. A picture without colour may come back in colour, as
    three equal channels, and one whose alpha is 255 throughout without it.
    """
    if isinstance(unit, bytes):
        return isinstance(restored, bytes) and unit == restored
    if isinstance(unit, list):
        return _all_same(unit, restored)
    if not isinstance(restored, np.ndarray):
        return False
    wanted, found = gray(unit), gray(restored)
    if wanted.shape == found.shape:
        return np.array_equal(wanted, found)
    pictures = _is_picture(wanted) and _is_picture(found)
    return pictures and np.array_equal(_colour(wanted), _colour(found))


def _all_same(wanted: list[Any], found: Iterable[Any]) -> bool:
    restored = list(found)
    return len(wanted) == len(restored) and all(map(same, wanted, restored))


def _is_picture(array: NDArray[Any]) -> bool:
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] <= 4)


def _colour(picture: Picture) -> NDArray[Any]:
    """[height, width, 4]: red, green, blue and alpha, of a picture of one to four channels."""
    planes = picture[..., np.newaxis] if picture.ndim == 2 else picture
    channels = planes.shape[2]
    colours = planes[..., :3] if channels > 2 else np.repeat(planes[..., :1], 3, axis=2)
    full = np.full((*planes.shape[:2], 1), 255, planes.dtype)
    return np.concatenate([colours, full if channels in (1, 3) else planes[..., -1:]], axis=2)
