"""PNG, WebP and CCITT's fax code, by Pillow."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.peers.measure import Peer
from bitsback.peers.planes import decode_planes, encode_planes
from bitsback.peers.units import Picture, gray


def peers() -> list[Peer]:
    """A file for each image, and mosaics.

    CCITT Group 4 in TIFF is what most scanned pages are. The mosaics are WebP of method 4: 6 takes
    25 times as long and saves nothing on bilevel digits.
    """
    import PIL
    from PIL import features

    def version(*libraries: str) -> str:
        found = [f"{name} {features.version(name)}" for name in libraries if features.check(name)][
            :1
        ]
        return ", ".join([f"Pillow {PIL.__version__}", *found])

    png, webp = version("zlib_ng", "zlib"), version("webp")
    webp_each = partial(encode_webp, method=6)
    webp_mosaic = partial(encode_webp, method=4)
    found = [
        Peer("PNG", "each", encode_png, decode_png, version=png),
        Peer("WebP m6", "each", webp_each, decode_webp, version=webp, slow=True, most_bits=8),
        Peer("PNG", "mosaic", encode_png, decode_png, version=png),
        Peer("PNG", "strip", encode_png, decode_png, version=png),
        Peer("WebP m4", "mosaic", webp_mosaic, decode_webp, version=webp, most_bits=8),
        Peer("WebP m4", "mosaics", webp_mosaic, decode_webp, version=webp, most_bits=8),
    ]
    if features.check("libtiff"):
        fax = version("libtiff")
        found.append(
            Peer("CCITT G4", "each", encode_fax, decode_picture, two_levels_only=True, version=fax)
        )
    return found


def encode_png(picture: Picture) -> bytes:
    """A picture [height, width] or [height, width, channels] as a PNG file, of one bit a pixel if
    it is bool.

    Pillow writes no colour of one or 16 bits: there each plane is a file.
    """
    return encode_planes(
        partial(_encode, container="PNG", optimize=True),
        picture,
        4 if picture.dtype == np.uint8 else 1,
    )


def decode_png(data: bytes) -> NDArray[Any]:
    return decode_planes(decode_picture, data)


def encode_webp(picture: Picture, method: int) -> bytes:
    """Colour below full transparency is kept."""
    return encode_planes(
        partial(_encode, container="WEBP", lossless=True, quality=100, method=method, exact=True),
        gray(picture),
        4,
    )


def decode_webp(data: bytes) -> NDArray[Any]:
    """In colour, with alpha where it is not 255 throughout, as WebP knows no other pictures."""
    return decode_planes(decode_picture, data)


def encode_fax(picture: Picture) -> bytes:
    if picture.dtype != np.bool_:
        raise ValueError("CCITT G4 codes two levels only")
    return _encode(picture, "TIFF", compression="group4")


def decode_picture(data: bytes) -> NDArray[Any]:
    """Of any size: these are files of our own, so the limit of Pillow's `open` is not asked for."""
    from PIL import PngImagePlugin, TiffImagePlugin, WebPImagePlugin

    readers = {b"\x89P": PngImagePlugin.PngImageFile, b"RI": WebPImagePlugin.WebPImageFile}
    with readers.get(data[:2], TiffImagePlugin.TiffImageFile)(io.BytesIO(data)) as image:
        return np.asarray(image)


def _encode(picture: Picture, container: str, **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, container, **settings)
    return buffer.getvalue()
