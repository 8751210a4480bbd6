"""PNG and WebP, by Pillow."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.peers.measure import Peer
from bitsback.peers.units import Images, gray


def peers() -> list[Peer]:
    """A file for each image, and a mosaic.

    The mosaic is WebP of method 4: 6 takes 25 times as long and saves nothing on bilevel digits.
    """
    import PIL
    from PIL import features

    def version(*libraries: str) -> str:
        found = [f"{name} {features.version(name)}" for name in libraries if features.check(name)][
            :1
        ]
        return ", ".join([f"Pillow {PIL.__version__}", *found])

    png, webp = version("zlib_ng", "zlib"), version("webp")
    return [
        Peer("PNG", "each", encode_png, decode_picture, version=png),
        Peer(
            "WebP m6", "each", partial(encode_webp, method=6), decode_webp, version=webp, slow=True
        ),
        Peer("PNG", "mosaic", encode_png, decode_picture, version=png),
        Peer("WebP m4", "mosaic", partial(encode_webp, method=4), decode_webp, version=webp),
    ]


def encode_png(picture: Images) -> bytes:
    """A picture [height, width] as a PNG file, of one bit a pixel if it is bool."""
    return _encode(picture, "PNG", optimize=True)


def encode_webp(picture: Images, method: int) -> bytes:
    return _encode(gray(picture), "WEBP", lossless=True, quality=100, method=method)


def decode_picture(data: bytes) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def decode_webp(data: bytes) -> NDArray[np.uint8]:
    # WebP knows colour only; the three channels of a gray pixel are equal.
    picture: NDArray[np.uint8] = decode_picture(data)[:, :, 0]
    return picture


def _encode(picture: Images, container: str, **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, container, **settings)
    return buffer.getvalue()
