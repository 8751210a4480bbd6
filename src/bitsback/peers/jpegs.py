"""JPEG XL, JPEG-LS and JPEG 2000, by the package imagecodecs, on one thread each."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from bitsback.peers.measure import Peer
from bitsback.peers.planes import decode_planes, encode_planes
from bitsback.peers.units import Picture, Unit, gray

_EFFORTS: tuple[tuple[int, Unit, bool], ...] = (
    (7, "mosaic", False),
    (7, "mosaics", False),
    (9, "mosaic", False),
    (9, "mosaics", False),
    (10, "mosaic", True),
    (7, "each", False),
    (9, "each", True),
)
"""Of JPEG XL, the unit, and whether that is slow."""

_SMALL = 64
"""Rows or columns; JPEG 2000 does better without wavelets on pictures of fewer."""


def peers() -> list[Peer]:
    """Those that this build of imagecodecs has. Raises ImportError if there is none at all."""
    imagecodecs: Any = import_module("imagecodecs")

    def version(library: str) -> str:
        return f"imagecodecs {imagecodecs.__version__}, {library}"

    found = []
    if imagecodecs.JPEGXL.available:
        jpegxl = version(imagecodecs.jpegxl_version())
        found += [
            Peer(f"JPEG XL e{effort}", unit, partial(_encode_jpegxl, effort=effort), _decode_jpegxl,
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


def _encode_jpegxl(picture: Picture, effort: int) -> bytes:
    """More than four planes go by threes, which makes them smaller than as extra channels."""

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
    """Each plane on its own: it knows no transformation of colours."""
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
    """Of 16-bit pictures as few as they need: 12 of most medical ones, say."""
    return None if picture.itemsize == 1 else max(9, int(picture.max()).bit_length())
