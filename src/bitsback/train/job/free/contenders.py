"""What other compressors make of pictures of any size, colour and depth, all of them decoded again
and compared.
"""

import io
import lzma
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[Any]  # [rows, columns] or [rows, columns, 3 or 4], uint8 or uint16
Values = NDArray[Any]  # [slices, rows, columns, channels]


@dataclass(frozen=True)
class Rival:
    """encode and decode: a picture, or where `whole` is true the bytes of all."""

    name: str
    unit: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    takes: Callable[[Picture], bool] = lambda picture: True
    mosaic: bool = False
    whole: bool = False


def rivals() -> tuple[list[Rival], list[str]]:
    """Those that are installed, and a line about what is not."""
    found = [
        Rival("PNG", "each", _to_png, _from_pillow, _fits_png),
        Rival("xz -9e", "stream", _to_xz, lzma.decompress, whole=True),
        Rival("WebP m4", "mosaic", _to_webp, _from_pillow, _fits_webp, mosaic=True),
    ]
    if find_spec("imagecodecs") is None:
        return found, ["JPEG XL is left out: pip install 'bitsback[peers]'"]
    found.append(Rival("JPEG XL e9", "mosaic", _to_jpegxl, _from_jpegxl, mosaic=True))
    return found, []


def bytes_of(rival: Rival, images: list[Values]) -> int | None:
    """For all images; None if it does not take them. Raises ValueError if one came back wrong."""
    if rival.whole:
        data = b"".join(np.ascontiguousarray(values).tobytes() for values in images)
        return _checked(rival, data)
    pictures = [picture for values in images for picture in _pictures(values)]
    if not all(map(rival.takes, pictures)):
        return None
    if rival.mosaic and len({(one.shape, one.dtype) for one in pictures}) == 1:
        whole = _mosaic(pictures)
        if rival.takes(whole):
            return _checked(rival, whole)
    return sum(_checked(rival, picture) for picture in pictures)


def _checked(rival: Rival, unit: Any) -> int:
    data = rival.encode(unit)
    restored = rival.decode(data)
    if not (restored == unit if isinstance(unit, bytes) else _same(restored, unit)):
        raise ValueError(f"{rival.name} ({rival.unit}) did not restore the images")
    return len(data)


def _same(restored: Picture, picture: Picture) -> bool:
    """WebP gives a grey picture back as three equal colours, and leaves out what is opaque
    throughout.
    """
    if picture.ndim == 2 and restored.ndim == 3:
        picture = np.repeat(picture[..., None], restored.shape[2], 2)
    elif picture.ndim == 3 and picture.shape[2] == 4 and (picture[..., 3] == 255).all():
        restored, picture = restored[..., :3], picture[..., :3]
    return np.array_equal(restored, picture)


def _pictures(values: Values) -> Iterator[Picture]:
    """A picture for each slice, and for each channel of what is neither grey nor of colours."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    elif values.dtype.kind == "i":  # from the least value of the dtype on
        unsigned = np.dtype(f"u{values.dtype.itemsize}")
        values = (values.astype(np.int32) - np.iinfo(values.dtype).min).astype(unsigned)
    for one in values.astype(values.dtype.newbyteorder("=")):
        if one.shape[2] in (3, 4):
            yield np.ascontiguousarray(one)
        else:
            yield from (np.ascontiguousarray(one[..., c]) for c in range(one.shape[2]))


def _mosaic(pictures: list[Picture]) -> Picture:
    """All of them in one, ceil(sqrt(n)) to a row; missing ones are black."""
    first = pictures[0]
    rows, columns, *colours = first.shape
    across = math.isqrt(len(pictures) - 1) + 1
    down = -(-len(pictures) // across)
    whole = np.zeros((down * rows, across * columns, *colours), first.dtype)
    for number, picture in enumerate(pictures):
        r, q = divmod(number, across)
        whole[r * rows : (r + 1) * rows, q * columns : (q + 1) * columns] = picture
    return whole


def _fits_png(picture: Picture) -> bool:
    return picture.dtype == np.uint8 or picture.ndim == 2


def _to_png(picture: Picture) -> bytes:
    return _saved(picture, "PNG", optimize=True)


def _fits_webp(picture: Picture) -> bool:
    return picture.dtype == np.uint8 and max(picture.shape[:2]) <= 16_383


def _to_webp(picture: Picture) -> bytes:
    """Grey as three equal colours, which it finds out."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, 2)
    return _saved(picture, "WEBP", lossless=True, quality=100, method=4, exact=True)


def _saved(picture: Picture, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def _from_pillow(data: bytes) -> Picture:
    return np.asarray(Image.open(io.BytesIO(data)))


def _to_xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _to_jpegxl(picture: Picture) -> bytes:
    encode: Any = import_module("imagecodecs").jpegxl_encode
    return bytes(encode(picture, lossless=True, effort=9, numthreads=1))


def _from_jpegxl(data: bytes) -> Picture:
    picture: Picture = import_module("imagecodecs").jpegxl_decode(data, numthreads=1)
    return picture
