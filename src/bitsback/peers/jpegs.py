"""JPEG XL, JPEG-LS and JPEG 2000, by the package imagecodecs, on one thread each."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from bitsback.peers.measure import Peer
from bitsback.peers.units import Images, Unit, gray

_EFFORTS: tuple[tuple[int, Unit, bool], ...] = (
    (7, "mosaic", False),
    (9, "mosaic", False),
    (10, "mosaic", True),
    (9, "each", True),
)
"""Of JPEG XL, the unit, and whether that is slow."""


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
        found.append(Peer("JPEG-LS", "mosaic", _encode_jpegls, _decode_jpegls, version=jpegls))
    if imagecodecs.JPEG2K.available:
        jpeg2k = version(imagecodecs.jpeg2k_version())
        found.append(Peer("JPEG 2000", "mosaic", _encode_jpeg2k, _decode_jpeg2k, version=jpeg2k))
    return found


def _encode_jpegxl(picture: Images, effort: int) -> bytes:
    return bytes(
        import_module("imagecodecs").jpegxl_encode(
            gray(picture), lossless=True, effort=effort, numthreads=1
        )
    )


def _decode_jpegxl(data: bytes) -> NDArray[Any]:
    picture: NDArray[Any] = import_module("imagecodecs").jpegxl_decode(data, numthreads=1)
    return picture


def _encode_jpegls(picture: Images) -> bytes:
    return bytes(import_module("imagecodecs").jpegls_encode(gray(picture)))


def _decode_jpegls(data: bytes) -> NDArray[Any]:
    picture: NDArray[Any] = import_module("imagecodecs").jpegls_decode(data)
    return picture


def _encode_jpeg2k(picture: Images) -> bytes:
    """Without wavelets (one resolution): they make mosaics larger, by a third for digits."""
    encode = import_module("imagecodecs").jpeg2k_encode
    return bytes(
        encode(
            gray(picture), level=0, reversible=True, resolutions=1, codecformat="j2k", numthreads=1
        )
    )


def _decode_jpeg2k(data: bytes) -> NDArray[Any]:
    picture: NDArray[Any] = import_module("imagecodecs").jpeg2k_decode(data, numthreads=1)
    return picture
