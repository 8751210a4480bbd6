"""Lossless WebP files, whose pixels are compressed anew."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.files import webp
from bitsback.summary import NO_PICTURE, NOT_REPRODUCIBLE
from folders import contents_of, write_files
from images.rows import Forged, Restored, Rows, Verbatim
from zoo.compared import difference

STEPS = np.add.outer(np.arange(40), np.arange(50)).astype("u1")
COLOURS = np.stack([STEPS, STEPS[::-1], 255 - STEPS, STEPS // 40 * 127], -1)
"""Red, green, blue, and alpha, which is 0 somewhere."""


def webp_file(pixels: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    options = {"lossless": True, "exact": True, "method": 0, **options}
    Image.fromarray(pixels).save(out, "WEBP", **options)
    return out.getvalue()


def _animated() -> bytes:
    frames, out = [Image.fromarray(COLOURS + np.uint8(n)) for n in range(2)], io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return out.getvalue()


def _with_alpha_denied(data: bytes) -> bytes:
    """The file, whose header says that it has no alpha."""
    at = data.index(b"VP8L") + 8 + 4
    return data[:at] + bytes([data[at] & ~16]) + data[at + 1 :]


def _restored(data: bytes, pixels: NDArray[Any]) -> Restored:
    unlike = webp_file(255 - pixels), webp_file(pixels, exif=b"Exif\0\0MM\0*")
    return Restored(data, exact=False, anew=True, pixels=pixels, unlike=unlike)


_EXIF = b"Exif\0\0II*\0\x08\0\0\0" + bytes(6)
_CHUNKS = webp_file(COLOURS, exif=_EXIF, icc_profile=bytes(129), xmp=b"<x/>")
_UNKNOWN = webp_file(COLOURS, xmp=b"<x/>").replace(b"XMP ", b"WHAT")
_OPAQUE = webp_file(COLOURS | np.array([0, 0, 0, 255], "u1"))
_PLAIN = webp_file(COLOURS[..., :3])

ROWS = Rows(
    "webp",
    restored={
        "colours": _restored(_PLAIN, COLOURS[..., :3]),
        "alpha": _restored(webp_file(COLOURS), COLOURS),
        "alpha of 255 throughout": _restored(_OPAQUE, COLOURS[..., :3]),
        "one pixel": _restored(webp_file(COLOURS[:1, :1, :3]), COLOURS[:1, :1, :3]),
        "metadata": _restored(_CHUNKS, COLOURS),
        "an unknown chunk": _restored(_UNKNOWN, COLOURS),
    },
    verbatim={
        "alpha that is denied": Verbatim(_with_alpha_denied(webp_file(COLOURS))),
        "bytes behind its end": Verbatim(_PLAIN + b"more"),
        "lossy": Verbatim(webp_file(COLOURS, icc_profile=bytes(600), lossless=False)),
        "animated": Verbatim(_animated()),
        "cut off": Verbatim(_PLAIN[: len(_PLAIN) // 2], damaged=True),
    },
    forged={
        "a chunk of pixels": Forged(b"\7\1VP8L\0\0", COLOURS),
        "a frame": Forged(b"\7\0\1ANMF\0", COLOURS),
        "a chunk that is cut off": Forged(b"\7\0\1ABCD\5abcd", COLOURS),
        "bytes behind them": Forged(b"\7\0\0\0", COLOURS),
        "grey pixels": Forged(b"\7\0\0", COLOURS[..., 0]),
    },
)


@pytest.mark.parametrize("name", ROWS.verbatim)
def test_its_codec_does_not_split_other_files(name: str) -> None:
    with suppress(OSError):
        assert webp.split(io.BytesIO(ROWS.verbatim[name].data), exact=False) is None


def test_a_folder_of_files(tmp_path: Path) -> None:
    grain = np.random.default_rng(0).integers(0, 4, (90, 80, 1), np.uint8)
    picture = np.kron(COLOURS[:30, :20], np.ones((3, 4, 1), "u1")) + grain
    files = {f"{n}.webp": webp_file(picture + np.uint8(n), xmp=b"<x/>") for n in range(4)}
    files |= {
        "empty": b"",
        "lossy.webp": webp_file(COLOURS[..., :3], lossless=False),
        "lossy-and-exif.webp": webp_file(COLOURS, lossless=False, exif=b"Exif\0\0II*\0"),
    }
    write_files(tmp_path / "in", files)
    exact = bitsback.compress(tmp_path / "in", tmp_path / "b.bb", model="fast")
    reason = f"{NOT_REPRODUCIBLE}: an unknown encoder of lossless WebP"
    assert exact.stored[reason].files == exact.saving.files == 4
    assert exact.inexact == []
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
    after = contents_of(tmp_path / "out")
    assert after.keys() == files.keys()
    for name, data in after.items():
        assert difference(name, files[name], data) is None
