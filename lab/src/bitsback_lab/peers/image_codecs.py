"""Image formats: PNG, WebP and CCITT's fax code by Pillow, JPEG XL, JPEG-LS and JPEG 2000 by the
package imagecodecs, and Tomoz, on one thread each.

Pictures with more planes than a format supports become several files in one, three planes each
while so many remain.

    file of one picture           whatever the format is, none of which begins with the byte 1
    files of several planes       1, then for each: planes (1 byte), length (4, little-endian), file
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback_lab.peers.measure import Peer
from bitsback_lab.peers.units import Picture, Unit, gray

_MARK = b"\1"


def encode_planes(encode: Callable[[Picture], bytes], picture: Picture, most: int) -> bytes:
    """A picture [height, width] or [height, width, channels], by a format that holds `most`
    planes.
    """
    if picture.ndim == 2 or picture.shape[2] <= most:
        return encode(np.ascontiguousarray(picture))
    parts = [_MARK]
    first, channels = 0, picture.shape[2]
    while first < channels:
        planes = 3 if most >= 3 and channels - first >= 3 else 1
        group = picture[..., first : first + planes]
        file = encode(np.ascontiguousarray(group if planes > 1 else group[..., 0]))
        parts += [bytes([planes]), len(file).to_bytes(4, "little"), file]
        first += planes
    return b"".join(parts)


def decode_planes(decode: Callable[[bytes], Picture], data: bytes) -> Picture:
    """The inverse, for a format that may return more planes than there were, such as grey as
    colour.
    """
    if data[:1] != _MARK:
        return decode(data)
    found: list[NDArray[np.generic]] = []
    at = 1
    while at < len(data):
        planes, size = data[at], int.from_bytes(data[at + 1 : at + 5], "little")
        picture = decode(data[at + 5 : at + 5 + size])
        found.append(np.atleast_3d(picture)[..., :planes])
        at += 5 + size
    return np.concatenate(found, axis=2)


def pillow_peers() -> list[Peer]:
    """A file for each image, and mosaics.

    Most scanned pages are CCITT Group 4 in TIFF. The mosaics are WebP of method 4: method 6 takes
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

    Pillow cannot write colour of one or 16 bits: then each plane is a file.
    """
    return encode_planes(
        partial(_encode, container="PNG", optimize=True),
        picture,
        4 if picture.dtype == np.uint8 else 1,
    )


def decode_png(data: bytes) -> NDArray[Any]:
    return decode_planes(decode_picture, data)


def encode_webp(picture: Picture, method: int) -> bytes:
    """The colour of fully transparent pixels is kept."""
    return encode_planes(
        partial(_encode, container="WEBP", lossless=True, quality=100, method=method, exact=True),
        gray(picture),
        4,
    )


def decode_webp(data: bytes) -> NDArray[Any]:
    """The picture in colour, with alpha unless it is 255 throughout, since WebP has no other
    pictures.
    """
    return decode_planes(decode_picture, data)


def encode_fax(picture: Picture) -> bytes:
    if picture.dtype != np.bool_:
        raise ValueError("CCITT G4 codes two levels only")
    return _encode(picture, "TIFF", compression="group4")


def decode_picture(data: bytes) -> NDArray[Any]:
    """The picture, of any size: these files are our own, so the limit of Pillow's `open` does not
    apply.
    """
    from PIL import PngImagePlugin, TiffImagePlugin, WebPImagePlugin

    readers = {b"\x89P": PngImagePlugin.PngImageFile, b"RI": WebPImagePlugin.WebPImageFile}
    with readers.get(data[:2], TiffImagePlugin.TiffImageFile)(io.BytesIO(data)) as image:
        return np.asarray(image)


def _encode(picture: Picture, container: str, **settings: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, container, **settings)
    return buffer.getvalue()


def tomoz_peers() -> list[Peer]:
    """Tomoz, for grey pictures and volumes of 8 and 16 bits. Raises ImportError without it."""
    version = f"tomoz {import_module('tomoz').__version__}"
    return [Peer("tomoz", "each", _encode_tomoz, _decode_tomoz, version=version)]


def _encode_tomoz(picture: Picture) -> bytes:
    """Each plane as a volume of one slice."""
    encode = import_module("tomoz").encode
    return encode_planes(lambda plane: bytes(encode(plane[None], threads=1)), gray(picture), 1)


def _decode_tomoz(data: bytes) -> NDArray[Any]:
    decode = import_module("tomoz").decode
    return decode_planes(lambda plane: np.asarray(decode(plane, threads=1))[0], data)


_EFFORTS: tuple[tuple[int, Unit, bool], ...] = (
    (7, "mosaic", False),
    (7, "mosaics", False),
    (9, "mosaic", False),
    (9, "mosaics", False),
    (10, "mosaic", True),
    (7, "each", False),
    (9, "each", True),
)
"""For each effort of JPEG XL, the unit, and whether it is slow."""

_SMALL = 64
"""The rows or columns below which JPEG 2000 is better without wavelets."""


def jpeg_peers() -> list[Peer]:
    """The JPEG codecs of this build of imagecodecs. Raises ImportError if there are none."""
    imagecodecs: Any = import_module("imagecodecs")

    def version(library: str) -> str:
        return f"imagecodecs {imagecodecs.__version__}, {library}"

    found = []
    if imagecodecs.JPEGXL.available:
        jpegxl = version(imagecodecs.jpegxl_version())
        found += [
            Peer(f"JPEG XL e{effort}", unit, partial(encode_jpegxl, effort=effort), _decode_jpegxl,
                 version=jpegxl, slow=slow)
            for effort, unit, slow in _EFFORTS
        ]  # fmt: skip
    if imagecodecs.JPEGLS.available:
        jpegls = version(imagecodecs.jpegls_version())
        found += [
            Peer("JPEG-LS", "mosaic", _encode_jpegls, _decode_jpegls, version=jpegls),
            Peer("JPEG-LS", "each", _encode_jpegls, _decode_jpegls, version=jpegls),
        ]
    if imagecodecs.JPEG2K.available:
        jpeg2k = version(imagecodecs.jpeg2k_version())
        found += [
            Peer("JPEG 2000", "mosaic", _encode_jpeg2k, _decode_jpeg2k, version=jpeg2k),
            Peer("JPEG 2000", "each", _encode_jpeg2k_each, _decode_jpeg2k, version=jpeg2k),
        ]
    return found


def encode_jpegxl(picture: Picture, effort: int) -> bytes:
    """More than four planes are coded in threes, which takes fewer bytes than extra channels."""

    def encode(planes: Picture) -> bytes:
        return bytes(
            import_module("imagecodecs").jpegxl_encode(
                planes, lossless=True, effort=effort, numthreads=1, bitspersample=_bits(planes)
            )
        )

    return encode_planes(encode, gray(picture), 4)


def _decode_jpegxl(data: bytes) -> NDArray[Any]:
    return decode_planes(partial(import_module("imagecodecs").jpegxl_decode, numthreads=1), data)


def _encode_jpegls(picture: Picture) -> bytes:
    """Each plane is coded separately, since JPEG-LS has no colour transform."""
    return encode_planes(_encode_jpegls_plane, gray(picture), 1)


def _encode_jpegls_plane(plane: Picture) -> bytes:
    return bytes(import_module("imagecodecs").jpegls_encode(plane))


def _decode_jpegls(data: bytes) -> NDArray[Any]:
    return decode_planes(import_module("imagecodecs").jpegls_decode, data)


def _encode_jpeg2k(picture: Picture, wavelets: bool = False) -> bytes:
    """Without wavelets (one resolution): they make mosaics larger, by a third for digits."""

    def encode(planes: Picture) -> bytes:
        settings = {} if wavelets else {"resolutions": 1}
        return bytes(
            import_module("imagecodecs").jpeg2k_encode(
                planes, level=0, reversible=True, codecformat="j2k", numthreads=1,
                bitspersample=_bits(planes), **settings,
            )
        )  # fmt: skip

    return encode_planes(encode, gray(picture), 3)


def _encode_jpeg2k_each(picture: Picture) -> bytes:
    return _encode_jpeg2k(picture, wavelets=min(picture.shape[:2]) >= _SMALL)


def _decode_jpeg2k(data: bytes) -> NDArray[Any]:
    return decode_planes(partial(import_module("imagecodecs").jpeg2k_decode, numthreads=1), data)


def _bits(picture: Picture) -> int | None:
    """The bits that 16-bit pictures need, for example 12 for most medical ones."""
    return None if picture.itemsize == 1 else max(9, int(picture.max()).bit_length())
