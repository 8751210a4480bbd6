"""Animated PNG files by hand and of Pillow, and stacks of frames."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

import bitsback
from bitsback.files.deflated import Deflated
from bitsback.files.picture_files import file_of, split, unpack
from folders import contents_of, write_files
from images.rows import Forged, Restored, Rows, Verbatim
from reference.container_metadata import restore
from zoo.animated_files import DAMAGED, ODD, OF_APPLE, SOUND, alike, animated
from zoo.compared import difference, png_chunks

PIXELS = (np.arange(40, dtype=np.uint8) % 4).reshape(8, 5)
ONE = b"\x08\x08\0\5\x08\1\0\0"
SIZE = b"\0\0\0\5\0\0\0\4"
TWO = b"\x08\x08\0\5\4\2\0\1fcTL\x08" + SIZE + b"\0"
"""Metadata of one frame and of two frames that break no rule."""
_FORGED = {
    "no such samples": b"\x08\x08\1" + TWO[3:],
    "other samples": b"\x08\x10\0" + TWO[3:],
    "no columns": b"\x08\x08\0\0\4" + TWO[5:],
    "too many rows": b"\x08\x08\0\5\x80\x80\x80\x80\x08" + TWO[5:],
    "no frames": b"\x08\x08\0\5\x08\0\0",
    "more frames than bytes": b"\x08\x08\0\5\4\x40\0\0",
    "a frame without a size": b"\x08\x08\0\5\4\2\0\0\0",
    "a frame with two sizes": b"\x08\x08\0\5\4\2\0\2" + 2 * (b"fcTL\x08" + SIZE) + b"\0",
    "half a size": b"\x08\x08\0\5\4\2\0\1fcTL\7" + SIZE[:7] + b"\0",
    "a frame without columns": b"\x08\x08\0\5\4\2\0\1fcTL\x08" + bytes(4) + SIZE[4:] + b"\0",
    "a frame of too many rows": b"\x08\x08\0\5\4\2\0\1fcTL\x08" + SIZE[:4] + b"\x80\0\0\0\0",
    "another sheet": b"\x08\x08\0\4\4\2\0\1fcTL\x08" + SIZE[:3] + b"\4" + SIZE[4:] + b"\0",
    "a lower sheet": b"\x08\x08\0\5\3" + TWO[5:],
    "a higher sheet": b"\x08\x08\0\5\5" + TWO[5:],
    "pixels in a list": b"\x08\x08\0\5\4\2\1IDAT\0\1fcTL\x08" + SIZE + b"\0",
    "pixels of a frame in a list": b"\x08\x08\0\5\x08\1\0\1fdAT\0",
    "a chunk that is cut off": b"\x08\x08\0\5\x08\1\0\1tEXt\5abcd",
    "bytes behind them": TWO + b"\0",
}
_STREAM = zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS))
_FOUND = Deflated.find([(_STREAM, 48)])
assert _FOUND is not None
_TOKENS = _FOUND.pack()
_CUT = bytes([1, len(_STREAM)])
_EXACT = b"\x09" + ONE[1:]
_FORGED |= {
    "no check": _EXACT,
    "another check": _EXACT + b"????" + _TOKENS + _CUT + b"\x08" + bytes(8),
    "no tokens": _EXACT + b"????\0" + _CUT + b"\x08" + bytes(8),
    "no such level": _EXACT + b"????\1\x78\x9c\0" + _CUT + b"\x08" + bytes(8),
    "too few filters": _EXACT + b"????" + _TOKENS + _CUT + b"\7" + bytes(7),
    "no such filter": _EXACT + b"????" + _TOKENS + _CUT + b"\x08" + bytes(7) + b"\5",
    "no stream for a frame": _EXACT + b"????",
}


def _others() -> tuple[bytes, ...]:
    """Files that differ from three frames by `alike` in their frames or chunks."""
    frames = alike(3)
    return (
        animated([frames[1], frames[0], frames[2]]),
        animated(frames, plays=1),
        animated(frames, apart=True),
        animated(frames[:2]),
        frames[0].png.file(),
    )


ROWS = Rows(
    "png",
    restored={
        name: Restored(data, anew=True, indexed=name == "palette") for name, data in SOUND.items()
    }
    | {
        "three frames": Restored(animated(alike(3)), anew=True, unlike=_others()),
        "a chunk about its bytes": Restored(OF_APPLE),
    },
    verbatim={name: Verbatim(data) for name, data in ODD.items()}
    | {name: Verbatim(data, damaged=True) for name, data in DAMAGED.items()},
    forged={name: Forged(data, PIXELS) for name, data in _FORGED.items()},
)


STEPS = np.add.outer(np.arange(30), np.arange(40)).astype("u1")


def animation(frames: list[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(stream, "PNG", save_all=True, append_images=images[1:], **options)
    return stream.getvalue()


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "options", [{"loop": 3}, {"default_image": True}, {"duration": [9, 90, 900, 10]}]
)
@pytest.mark.parametrize(
    "pixels", [STEPS, STEPS > 30, np.stack([STEPS, 255 - STEPS, STEPS // 2], -1)]
)
def test_files_of_pillow_come_back(pixels: Any, options: dict[str, Any], exact: bool) -> None:
    data = animation([np.roll(pixels, 3 * number, 0) for number in range(4)], **options)
    found = split(io.BytesIO(data), exact)
    assert found is not None and found.exact == exact
    assert difference("a.png", data, file_of(found.pixels.whole(), found.metadata)) is None


def moving(number: int) -> bytes:
    """An animation of a slope with noise that stays, and of noise that changes."""
    rng = np.random.default_rng(number)
    slope = np.add.outer(np.arange(60), np.arange(50))[..., np.newaxis].astype("u1")
    still = slope + rng.integers(0, 32, (60, 50, 3), np.uint8)
    return animation([still + rng.integers(0, 3, still.shape, np.uint8) for _ in range(6)])


def test_frames_that_are_like_those_before_them_are_a_stack(tmp_path: Path) -> None:
    (tmp_path / "a.apng").write_bytes(moving(0))
    sizes = []
    for stack in (False, None):
        made = bitsback.compress(
            tmp_path / "a.apng", tmp_path / "a.bb", model="fast", stack=stack, force=True
        )
        sizes.append(made.bytes_out)
    assert sizes[1] < 0.7 * sizes[0]
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    again = (tmp_path / "out" / "a.apng").read_bytes()
    assert difference("a.png", moving(0), again) is None


@pytest.mark.parametrize("files", ["pixels", "exact"])
def test_a_folder_of_animations(tmp_path: Path, files: Any) -> None:
    write_files(tmp_path / "in", {f"{number}.apng": moving(number) for number in range(2)})
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="fast", files=files)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for name, data in contents_of(tmp_path / "out").items():
        assert data == moving(int(name[0])) or files == "pixels"
        assert difference("a.png", moving(int(name[0])), data) is None
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive["1.apng"].shape == (6, 60, 50, 3)
        with Image.open(archive.open("1.apng")) as image:
            assert len(list(ImageSequence.Iterator(image))) == 6


@pytest.mark.parametrize(("metadata", "controls"), [(ONE, 0), (TWO, 1)])
def test_the_least_metadata(metadata: bytes, controls: int) -> None:
    restore(PIXELS, metadata)
    kinds = [kind for kind, _ in png_chunks(file_of(PIXELS, metadata))]
    assert kinds == [b"IHDR", *[b"fcTL"] * controls, b"IEND"]


def test_a_sheet_that_is_too_large_is_refused() -> None:
    metadata = unpack(b"\x08\x08\0" + b"\x80\x80\1\x81\x80\1" + b"\1\0\0")
    assert not metadata.fits(np.dtype("u1"), (1 << 14, (1 << 14) + 1))
