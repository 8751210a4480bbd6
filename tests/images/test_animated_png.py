"""Animated PNG files come back with all frames and chunks, or bit for bit."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import bitsback
from bitsback.files.deflated import Deflated
from bitsback.files.drawing import Split
from bitsback.files.picture_files import alike, file_of, samples_of, split, unpack
from broken_metadata import assert_both_refuse
from reference.container_metadata import restore
from zoo.animated_files import ANEW, DAMAGED, ODD, OF_APPLE, SOUND, animated
from zoo.animated_files import alike as frames_alike
from zoo.compared import difference, png_chunks


def split_file(data: bytes, exact: bool) -> Split:
    found = split(io.BytesIO(data), exact)
    assert found is not None and found.exact == exact
    return found


@pytest.mark.parametrize("name", SOUND | ANEW)
def test_frames_and_chunks_come_back(name: str) -> None:
    data = (SOUND | ANEW)[name]
    found = split_file(data, exact=False)
    pixels = found.pixels.whole()
    made = file_of(pixels, found.metadata)
    assert difference("a.png", data, made) is None
    assert alike(io.BytesIO(data), io.BytesIO(made))
    assert restore(pixels, found.metadata) is None
    again = samples_of(io.BytesIO(data))
    assert again is not None and np.array_equal(again.whole(), pixels)
    metadata = unpack(found.metadata)
    assert bytes([metadata.kind]) + metadata.pack() == found.metadata


@pytest.mark.parametrize("name", SOUND)
def test_it_comes_back_bit_for_bit(name: str) -> None:
    data = SOUND[name]
    found = split_file(data, exact=True)
    pixels = found.pixels.whole()
    assert file_of(pixels, found.metadata) == data == restore(pixels, found.metadata)
    made = file_of(pixels, found.metadata, exact=False)
    assert difference("a.png", data, made) is None
    metadata = unpack(found.metadata)
    assert bytes([metadata.kind]) + metadata.pack() == found.metadata


@pytest.mark.parametrize("name", ODD)
def test_what_readers_may_take_for_different_things_stays_as_it_is(name: str) -> None:
    for exact in (False, True):
        assert split(io.BytesIO(ODD[name]), exact) is None


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_frame_is_an_error(name: str) -> None:
    with pytest.raises((OSError, ValueError)):
        split(io.BytesIO(DAMAGED[name]), exact=False)


def test_chunks_about_the_bytes_are_kept_with_these_alone() -> None:
    for exact in (False, True):
        found = split(io.BytesIO(OF_APPLE), exact)
        assert found is not None and found.exact
        for asked in (False, True):
            assert file_of(found.pixels.whole(), found.metadata, asked) == OF_APPLE


def test_files_with_other_frames_or_chunks_are_not_alike() -> None:
    frames = frames_alike(3)
    data = animated(frames)
    for other in (
        animated([frames[1], frames[0], frames[2]]),
        animated(frames, plays=1),
        animated(frames, apart=True),
        animated(frames[:2]),
        frames[0].png.file(),
    ):
        assert not alike(io.BytesIO(data), io.BytesIO(other))
        assert not alike(io.BytesIO(other), io.BytesIO(data))


def test_files_of_pillow_come_back() -> None:
    steps = np.add.outer(np.arange(30), np.arange(40)).astype("u1")
    for pixels in (steps, steps > 30, np.stack([steps, 255 - steps, steps // 2], -1)):
        images = [Image.fromarray(np.roll(pixels, 3 * number, 0)) for number in range(4)]
        for options in ({"loop": 3}, {"default_image": True}, {"duration": [9, 90, 900, 10]}):
            stream = io.BytesIO()
            images[0].save(stream, "PNG", save_all=True, append_images=images[1:], **options)
            for exact in (False, True):
                found = split_file(stream.getvalue(), exact)
                made = file_of(found.pixels.whole(), found.metadata)
                assert difference("a.png", stream.getvalue(), made) is None


def moving(number: int) -> bytes:
    """An animation of a slope with noise that stays, and of noise that changes."""
    rng = np.random.default_rng(number)
    slope = np.add.outer(np.arange(60), np.arange(50))[..., np.newaxis].astype("u1")
    still = slope + rng.integers(0, 32, (60, 50, 3), np.uint8)
    frames = [still + rng.integers(0, 3, still.shape, np.uint8) for _ in range(6)]
    stream = io.BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(stream, "PNG", save_all=True, append_images=images[1:])
    return stream.getvalue()


@pytest.mark.parametrize("files", ["pixels", "exact"])
def test_a_folder_of_files(tmp_path: Path, files: str) -> None:
    (tmp_path / "in").mkdir()
    for number, data in enumerate([*SOUND.values(), *ANEW.values(), *ODD.values()]):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(data)
    for number in range(2):
        (tmp_path / "in" / f"moving{number}.apng").write_bytes(moving(number))
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb", model="fast", files=files)
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for file in (tmp_path / "in").iterdir():
        one, other = file.read_bytes(), (tmp_path / "out" / file.name).read_bytes()
        assert one == other or (files == "pixels" and difference("a.png", one, other) is None)
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive["moving1.apng"].shape == (6, 60, 50, 3)
        with Image.open(archive.open("moving1.apng")) as image:
            assert len(list(ImageSequence.Iterator(image))) == 6


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


SIZE = b"\0\0\0\5\0\0\0\4"
TWO = b"\x08\0\5\4\2\0\1fcTL\x08" + SIZE + b"\0"
GOOD = {"one frame": b"\x08\0\5\x08\1\0\0", "two frames": TWO}
BAD = {
    "no such samples": b"\x08\1" + TWO[2:],
    "other samples": b"\x10\0" + TWO[2:],
    "no columns": b"\x08\0\0\4" + TWO[4:],
    "too many rows": b"\x08\0\5\x80\x80\x80\x80\x08" + TWO[4:],
    "no frames": b"\x08\0\5\x08\0\0",
    "more frames than bytes": b"\x08\0\5\4\x40\0\0",
    "a frame without a size": b"\x08\0\5\4\2\0\0\0",
    "a frame with two sizes": b"\x08\0\5\4\2\0\2" + 2 * (b"fcTL\x08" + SIZE) + b"\0",
    "half a size": b"\x08\0\5\4\2\0\1fcTL\7" + SIZE[:7] + b"\0",
    "a frame without columns": b"\x08\0\5\4\2\0\1fcTL\x08" + bytes(4) + SIZE[4:] + b"\0",
    "a frame of too many rows": b"\x08\0\5\4\2\0\1fcTL\x08" + SIZE[:4] + b"\x80\0\0\0\0",
    "another sheet": b"\x08\0\4\4\2\0\1fcTL\x08" + SIZE[:3] + b"\4" + SIZE[4:] + b"\0",
    "a lower sheet": b"\x08\0\5\3" + TWO[4:],
    "a higher sheet": b"\x08\0\5\5" + TWO[4:],
    "pixels in a list": b"\x08\0\5\4\2\1IDAT\0\1fcTL\x08" + SIZE + b"\0",
    "pixels of a frame in a list": b"\x08\0\5\x08\1\0\1fdAT\0",
    "a chunk that is cut off": b"\x08\0\5\x08\1\0\1tEXt\5abcd",
    "bytes behind them": TWO + b"\0",
}
PIXELS = (np.arange(40, dtype=np.uint8) % 4).reshape(8, 5)
_ROWS = zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS))
_TOKENS = Deflated.find([(_ROWS, 48)])
assert _TOKENS is not None
STREAM = _TOKENS.pack()
CUT = bytes([1, len(_ROWS)])
EXACT = {
    "no check": GOOD["one frame"],
    "another check": GOOD["one frame"] + b"????" + STREAM + CUT + b"\x08" + bytes(8),
    "no tokens": GOOD["one frame"] + b"????\0" + CUT + b"\x08" + bytes(8),
    "no such level": GOOD["one frame"] + b"????\1\x78\x9c\0" + CUT + b"\x08" + bytes(8),
    "too few filters": GOOD["one frame"] + b"????" + STREAM + CUT + b"\7" + bytes(7),
    "no such filter": GOOD["one frame"] + b"????" + STREAM + CUT + b"\x08" + bytes(7) + b"\5",
    "no stream for a frame": GOOD["one frame"] + b"????",
}


@pytest.mark.parametrize("name", GOOD)
def test_the_least_metadata(name: str) -> None:
    metadata = b"\x08" + GOOD[name]
    restore(PIXELS, metadata)
    kinds = [kind for kind, _ in png_chunks(file_of(PIXELS, metadata))]
    assert kinds == [b"IHDR", *[b"fcTL"] * (name == "two frames"), b"IEND"]


@pytest.mark.parametrize(
    "metadata",
    [
        *(pytest.param(b"\x08" + data, id=name) for name, data in BAD.items()),
        *(pytest.param(b"\x09" + data, id=name) for name, data in EXACT.items()),
    ],
)
def test_metadata_that_break_a_rule_are_refused(metadata: bytes) -> None:
    assert_both_refuse(PIXELS, metadata)


def test_a_sheet_that_is_too_large_is_refused() -> None:
    metadata = unpack(b"\x08\x08\0" + b"\x80\x80\1\x81\x80\1" + b"\1\0\0")
    assert not metadata.fits(np.dtype("u1"), (1 << 14, (1 << 14) + 1))
