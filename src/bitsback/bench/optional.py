"""Peers from packages (`bitsback[bench]`) and programs that are not everywhere."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.bench.peers import Images, Peer, Unit, gray

JPEGXL_EFFORTS: tuple[tuple[int, Unit], ...] = ((7, "mosaic"), (9, "mosaic"), (10, "mosaic"), (9, "each"))


def peers() -> tuple[list[Peer], list[str]]:
    """The peers that are installed, and for each one that is not, a line that says so."""
    found: list[Peer] = []
    missing: list[str] = []
    for names, make in (
        ("brotli", _brotli),
        ("zstandard", _zstandard),
        ("imagecodecs", _imagecodecs),
    ):
        try:
            found += make(import_module(names))
        except ImportError:
            missing.append(f"{names} is not installed; pip install 'bitsback[bench]'")
    if shutil.which("jbig2") and shutil.which("jbig2dec"):
        found.append(Peer("JBIG2 generic", "mosaic", _encode_jbig2, _decode_jbig2, two_levels_only=True))
    else:
        missing.append("JBIG2 needs the programs jbig2 (jbig2enc) and jbig2dec")
    return found, missing


def _brotli(brotli: Any) -> list[Peer]:
    return [Peer("brotli 11", "stream", lambda data: brotli.compress(data, quality=11, lgwin=24), brotli.decompress)]


def _zstandard(zstandard: Any) -> list[Peer]:
    return [
        Peer(
            "zstd -22",
            "stream",
            lambda data: zstandard.ZstdCompressor(level=22).compress(data),
            lambda data: zstandard.ZstdDecompressor().decompress(data),
        )
    ]


def _imagecodecs(imagecodecs: Any) -> list[Peer]:
    def encode_jpegxl(effort: int) -> Callable[[Images], bytes]:
        return lambda picture: bytes(imagecodecs.jpegxl_encode(gray(picture), lossless=True, effort=effort))

    def encode_jpegls(picture: Images) -> bytes:
        return bytes(imagecodecs.jpegls_encode(gray(picture)))

    found = []
    if imagecodecs.JPEGXL.available:
        for effort, unit in JPEGXL_EFFORTS:
            found.append(Peer(f"JPEG XL e{effort}", unit, encode_jpegxl(effort), imagecodecs.jpegxl_decode))
    if imagecodecs.JPEGLS.available:
        found.append(Peer("JPEG-LS", "mosaic", encode_jpegls, imagecodecs.jpegls_decode))
    return found


def _encode_jbig2(picture: Images) -> bytes:
    if picture.dtype != np.bool_:
        raise ValueError("JBIG2 codes two levels only")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.pbm")
        path.write_bytes(_pbm(picture))
        return subprocess.run(["jbig2", str(path)], check=True, capture_output=True).stdout


def _decode_jbig2(data: bytes) -> NDArray[np.bool_]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "picture.jb2"), Path(folder, "picture.pbm")
        source.write_bytes(data)
        subprocess.run(["jbig2dec", "-t", "pbm", "-o", str(target), str(source)], check=True, capture_output=True)
        return _from_pbm(target.read_bytes())


def _pbm(picture: Images) -> bytes:
    height, width = picture.shape
    return b"P4\n%d %d\n" % (width, height) + np.packbits(picture, axis=1).tobytes()


def _from_pbm(data: bytes) -> NDArray[np.bool_]:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(data)) as image:
        return ~np.asarray(image, np.bool_)  # Pillow shows the ones of a PBM as black
