"""JPEG streams in files, coded by their coefficients, come back byte for byte."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback import _core, tables
from bitsback.coding.streams import decode_streams, encode_streams
from bitsback.errors import ArchiveError


def picture(mode: str = "RGB", size: tuple[int, int] = (75, 53), seed: int = 0) -> Image.Image:
    """A smooth picture with some noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[1], : size[0]]
    waves = [
        128 + 90 * np.sin(rows / (5 + 3 * c)) * np.cos(columns / (7 + 2 * c)) for c in range(4)
    ]
    pixels = np.stack(waves, -1) + rng.normal(0, 6, (*rows.shape, 4))
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    bytes_of = pixels[..., :channels].clip(0, 255).astype(np.uint8)
    return Image.fromarray(bytes_of[..., 0] if mode == "L" else bytes_of, mode)


def jpeg(
    mode: str = "RGB", size: tuple[int, int] = (75, 53), seed: int = 0, **options: Any
) -> bytes:
    stream = io.BytesIO()
    picture(mode, size, seed).save(stream, "JPEG", **options)
    return stream.getvalue()


STREAMS: dict[str, Callable[[], bytes]] = {
    "4:2:0": lambda: jpeg(quality=80),
    "4:2:2": lambda: jpeg(quality=80, subsampling=1),
    "4:4:4": lambda: jpeg(quality=95, subsampling=0),
    "least": lambda: jpeg(size=(1, 1)),
    "coarse": lambda: jpeg(quality=2),
    "fine": lambda: jpeg(quality=100),
    "grey": lambda: jpeg("L", quality=70),
    "CMYK": lambda: jpeg("CMYK", quality=85),
    "optimised": lambda: jpeg(quality=80, optimize=True),
    "progressive": lambda: jpeg(quality=80, progressive=True),
    "progressive grey": lambda: jpeg("L", quality=90, progressive=True, size=(200, 90)),
    "restarts": lambda: jpeg(quality=80, restart_marker_blocks=3),
    "progressive with restarts": lambda: jpeg(quality=80, progressive=True, restart_marker_rows=1),
    "cut": lambda: jpeg(quality=90)[:-700],
    "progressive, cut": lambda: jpeg(quality=90, progressive=True)[:-700],
    "with a comment": lambda: jpeg(quality=80, comment=b"a comment " * 20),
    "with a preview": lambda: jpeg(quality=80, exif=_with_preview()),
    "with bytes behind it": lambda: jpeg(quality=80) + bytes(range(256)),
    "two, and bytes between": lambda: (
        b"before" + jpeg(quality=80) + b"between" * 9 + jpeg(quality=60, seed=1) + b"behind"
    ),
    "Exif and ICC": lambda: jpeg(quality=80, icc_profile=bytes(range(256)) * 12),
}


def _with_preview() -> bytes:
    return b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0" + jpeg(size=(40, 30), seed=2)


def array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_back(name: str) -> None:
    content = STREAMS[name]()
    data = encode_streams(array(content))
    assert data is not None
    assert decode_streams(memoryview(data), len(content)) == content
    if len(content) > 3000:
        assert len(data) < 0.9 * len(content)


def test_a_preview_is_coded_too() -> None:
    content = STREAMS["with a preview"]()
    rounds, _, _, _ = _core.pack_jpeg_streams(
        array(content), tables.stretch(), tables.logistic_cdf()
    )
    assert rounds == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (jpeg()[:150], "without a scan"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc9"), "arithmetic"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc3"), "lossless"),
        (
            jpeg().replace(
                b"\xff\xc0\0\x11\x08\0\x35\0\x4b", b"\xff\xc0\0\x11\x08\xff\xff\xff\xff"
            ),
            "many scans",
        ),
    ],
)
def test_what_cannot_be_made_again_is_left(content: bytes, reason: str) -> None:
    rounds, rest, coded, why = _core.pack_jpeg_streams(
        array(content), tables.stretch(), tables.logistic_cdf()
    )
    assert rounds == 0 and rest == content and coded == b"" and reason in why


def test_damaged_streams_come_back() -> None:
    """Bits that are wrong are what an encoder could have chosen, or bytes behind the last unit."""
    rng = np.random.default_rng(7)
    whole = [jpeg(quality=85), jpeg(quality=85, progressive=True, restart_marker_blocks=5)]
    for number in range(150):
        content = bytearray(whole[number % 2])
        for at in rng.integers(2, len(content), rng.integers(1, 4)):
            content[at] ^= 1 << int(rng.integers(8))
        data = encode_streams(array(bytes(content)))
        if data is not None:
            assert decode_streams(memoryview(data), len(content)) == content


def test_damaged_data_are_refused() -> None:
    """Neither a crash nor other bytes of another size."""
    rng = np.random.default_rng(8)
    content = STREAMS["with a preview"]()
    data = encode_streams(array(content))
    assert data is not None
    for _ in range(200):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            damaged[at] ^= 1 << int(rng.integers(8))
        with suppress(ArchiveError):
            assert len(decode_streams(memoryview(bytes(damaged)), len(content))) == len(content)
    for size in (len(content) - 1, len(content) + 1, 0):
        with pytest.raises(ArchiveError):
            decode_streams(memoryview(data), size)
    with pytest.raises(ArchiveError):
        decode_streams(memoryview(data[:-3]), len(content))


def test_a_folder_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, (name, make) in enumerate(STREAMS.items()):
        ending = "bin" if "two" in name else "jpg"
        (folder / f"{number:02}.{ending}").write_bytes(make())
    (folder / "notes.txt").write_text("of no picture")
    summary = bitsback.compress(folder, tmp_path / "x.bb")
    assert summary.methods["streams"] == 1
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert summary.bytes_out < 0.85 * size
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    for file in folder.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
    with bitsback.Archive(tmp_path / "x.bb") as archive:
        assert archive["00.jpg"].read() == STREAMS["4:2:0"]()


def test_many_files_are_several_parts(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    large = jpeg(quality=100, size=(700, 900))
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(large + bytes([number]))
    summary = bitsback.compress(folder, tmp_path / "x.bb")
    assert summary.methods["streams"] > 1
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    for number in range(5):
        assert (tmp_path / "out" / f"{number}.jpg").read_bytes() == large + bytes([number])
