"""Lossless WebP files come back with the same pixels and chunks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.files import webp
from bitsback.files.drawing import Split
from bitsback.files.picture_files import alike, file_of, split
from bitsback.summary import NO_PICTURE, NOT_REPRODUCIBLE
from broken_metadata import assert_both_refuse
from reference.container_metadata import restore

STEPS = np.add.outer(np.arange(40), np.arange(50)).astype("u1")
COLOURS = np.stack([STEPS, STEPS[::-1], 255 - STEPS, STEPS // 40 * 127], -1)
"""Red, green, blue, and alpha, which is 0 somewhere."""


def webp_file(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    options = {"lossless": True, "exact": True, "method": 0, **options}
    Image.fromarray(pixels).save(out, "WEBP", **options)
    return out.getvalue()


def with_alpha_denied(data: bytes) -> bytes:
    """The file, whose header says that it has no alpha."""
    at = data.index(b"VP8L") + 8 + 4
    return data[:at] + bytes([data[at] & ~16]) + data[at + 1 :]


FILES = {
    "colours": webp_file(COLOURS[..., :3]),
    "alpha": webp_file(COLOURS),
    "alpha of 255 throughout": webp_file(COLOURS | np.array([0, 0, 0, 255], "u1")),
    "one pixel": webp_file(COLOURS[:1, :1, :3]),
    "metadata": webp_file(COLOURS, exif=b"Exif\0\0II*\0", icc_profile=bytes(129), xmp=b"<x/>"),
    "an unknown chunk": webp_file(COLOURS, xmp=b"<x/>").replace(b"XMP ", b"WHAT"),
}


def split_file(data: bytes) -> Split:
    found = split(io.BytesIO(data), exact=False)
    assert found is not None and not found.exact and not found.indexed
    return found


@pytest.mark.parametrize("name", FILES)
def test_pixels_and_chunks_come_back(name: str) -> None:
    data = FILES[name]
    found = split_file(data)
    pixels = found.pixels.whole()
    made = file_of(pixels, found.metadata)
    assert alike(io.BytesIO(data), io.BytesIO(made))
    for other in (webp_file(255 - pixels), webp_file(pixels, exif=b"Exif\0\0MM\0*")):
        assert not alike(io.BytesIO(data), io.BytesIO(other))
    with Image.open(io.BytesIO(data)) as one, Image.open(io.BytesIO(made)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other)) and one.mode == other.mode
        assert one.info == other.info
    assert restore(pixels, found.metadata) is None
    assert split(io.BytesIO(data), exact=True) is None


def test_what_is_not_read_or_lossy_or_animated_stays_as_it_is() -> None:
    frames = [Image.fromarray(COLOURS + np.uint8(n)) for n in range(2)]
    animated = io.BytesIO()
    frames[0].save(animated, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    for data in (
        with_alpha_denied(webp_file(COLOURS)),
        FILES["colours"] + b"more",
        webp_file(COLOURS, icc_profile=bytes(600), lossless=False),
        animated.getvalue(),
    ):
        assert webp.split(io.BytesIO(data), exact=False) is None


def test_a_file_that_is_cut_off_is_damaged() -> None:
    data = FILES["colours"]
    with pytest.raises((OSError, ValueError, SyntaxError)):
        split(io.BytesIO(data[: len(data) // 2]), exact=False)


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    grain = np.random.default_rng(0).integers(0, 4, (90, 80, 1), np.uint8)
    for number in range(4):
        picture = np.kron(COLOURS[:30, :20], np.ones((3, 4, 1), "u1")) + grain
        data = webp_file(picture + np.uint8(number), xmp=b"<x/>")
        (tmp_path / "in" / f"{number}.webp").write_bytes(data)
    lossy = webp_file(COLOURS[..., :3], lossless=False)
    (tmp_path / "in" / "lossy.webp").write_bytes(lossy)
    lossy = webp_file(COLOURS, lossless=False, exif=b"Exif\0\0II*\0")
    (tmp_path / "in" / "lossy-and-exif.webp").write_bytes(lossy)
    (tmp_path / "in" / "empty").touch()
    exact = bitsback.compress(tmp_path / "in", tmp_path / "b.bb", model="fast")
    assert (
        exact.stored[f"{NOT_REPRODUCIBLE}: an unknown encoder of lossless WebP"].files
        == exact.saving.files
        == 4
        and exact.inexact == []
    )
    summary = bitsback.compress(
        tmp_path / "in", tmp_path / "a.bb", model="fast", hashes="sha256", files="pixels"
    )
    stored = {reason: held.files for reason, held in summary.stored.items()}
    assert stored == {"lossy or animated WebP": 2, NO_PICTURE: 1}
    assert summary.inexact == ["0.webp", "1.webp", "2.webp", "3.webp"]
    assert summary.saving.files == 0
    saved = exact.bytes_out - summary.bytes_out
    assert 0.5 * saved < exact.saving.bytes < 2 * saved
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for file in (tmp_path / "in").iterdir():
        one, other = file.read_bytes(), (tmp_path / "out" / file.name).read_bytes()
        assert one == other or alike(io.BytesIO(one), io.BytesIO(other))


BAD = {
    "a chunk of pixels": b"\1VP8L\0\0",
    "a frame": b"\0\1ANMF\0",
    "a chunk that is cut off": b"\0\1ABCD\5abcd",
    "bytes behind them": b"\0\0\0",
    "grey pixels": b"\0\0",
}


@pytest.mark.parametrize("name", BAD)
def test_metadata_that_break_a_rule_are_refused(name: str) -> None:
    pixels, metadata = COLOURS, b"\7" + BAD[name]
    if name == "grey pixels":
        pixels = COLOURS[..., 0]
    assert_both_refuse(pixels, metadata)
