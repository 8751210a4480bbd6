"""Other lossless compressors behind one interface, and the measurement of one of them.

Images are an array [n, height, width] of bool (two levels) or uint8 (256 levels). Every measurement decodes what it
encoded and raises if one pixel differs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.bool_] | NDArray[np.uint8]

Unit = Literal["stream", "each", "mosaic"]
"""What one file holds: the bytes of all images in order (two levels: packed, eight pixels a byte), one image, or one
picture that all images are tiled into, row by row, as near to a square as may be."""


@dataclass(frozen=True)
class Peer:
    """A compressor: for the unit "stream" it maps bytes to bytes, for the others a picture [height, width] to bytes."""

    name: str
    unit: Unit
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    two_levels_only: bool = False


@dataclass(frozen=True)
class Measurement:
    """What a compressor made of some images.

    Speeds are in 10^6 pixels a second: MB/s if a pixel is counted as a byte, whatever its number of levels.
    """

    name: str
    unit: str
    images: int
    pixels: int
    bytes: int
    encode_seconds: float
    decode_seconds: float

    @property
    def rate(self) -> float:
        """Bits per pixel."""
        return 8 * self.bytes / self.pixels

    @property
    def encode_speed(self) -> float:
        return self.pixels / self.encode_seconds / 1e6

    @property
    def decode_speed(self) -> float:
        return self.pixels / self.decode_seconds / 1e6


def measure(peer: Peer, images: Images) -> Measurement:
    """Encode and decode `images` [n, height, width] once and time both; raises ValueError if a pixel came back wrong.

    Tiling, packing and their inverses count as the user's work and are not timed.
    """
    units: list[Any]
    if peer.unit == "stream":
        units = [pack(images)]
    elif peer.unit == "mosaic":
        units = [mosaic(images)]
    else:
        units = list(images)
    start = time.perf_counter()
    files = [peer.encode(unit) for unit in units]
    middle = time.perf_counter()
    decoded = [peer.decode(file) for file in files]
    end = time.perf_counter()
    if not all(np.array_equal(_array(a), _array(b)) for a, b in zip(units, decoded, strict=True)):
        raise ValueError(f"{peer.name} ({peer.unit}) did not restore the images")
    return Measurement(
        peer.name, peer.unit, len(images), images.size, sum(map(len, files)), middle - start, end - middle
    )


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
    return tiles.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def standard_peers() -> list[Peer]:
    """The compressors that Python's standard library and Pillow bring, each at its strongest setting that pays.

    WebP tiles are coded with method 4: 6 takes 25 times as long and saves nothing on bilevel digits.
    """
    import bz2
    import gzip
    import lzma

    extreme = 9 | lzma.PRESET_EXTREME
    return [
        Peer("gzip -9", "stream", lambda data: gzip.compress(data, 9), gzip.decompress),
        Peer("bz2 -9", "stream", lambda data: bz2.compress(data, 9), bz2.decompress),
        Peer("xz -9e", "stream", lambda data: lzma.compress(data, preset=extreme), lzma.decompress),
        Peer("PNG", "each", encode_png, _decode_picture),
        Peer("WebP", "each", lambda picture: _encode_webp(picture, 6), _decode_webp),
        Peer("PNG", "mosaic", encode_png, _decode_picture),
        Peer("WebP", "mosaic", lambda picture: _encode_webp(picture, 4), _decode_webp),
    ]


def optional_peers() -> tuple[list[Peer], list[str]]:
    """Compressors that may or may not be installed: those that are, and a line about each one that is not."""
    from bitsback.bench import optional

    return optional.peers()


def encode_png(picture: Images) -> bytes:
    """A picture [height, width] as a PNG file, of one bit a pixel if it is bool."""
    return _encode(picture, "PNG", optimize=True)


def _encode_webp(picture: Images, method: int) -> bytes:
    return _encode(gray(picture), "WEBP", lossless=True, quality=100, method=method)


def _decode_webp(data: bytes) -> NDArray[np.uint8]:
    # WebP knows colour only; the three channels of a gray pixel are equal.
    picture: NDArray[np.uint8] = _decode_picture(data)[:, :, 0]
    return picture


def gray(picture: Images) -> NDArray[np.uint8]:
    """A picture for codecs without one-bit pixels: the two levels become 0 and 255."""
    return picture.astype(np.uint8) * 255 if picture.dtype == np.bool_ else picture.astype(np.uint8, copy=False)


def _encode(picture: Images, container: str, **settings: Any) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, container, **settings)
    return buffer.getvalue()


def _decode_picture(data: bytes) -> NDArray[Any]:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _array(unit: Any) -> NDArray[Any]:
    """One form for bytes, two-level pictures and gray ones, so that they can be compared."""
    if isinstance(unit, bytes):
        return np.frombuffer(unit, np.uint8)
    return gray(unit)
