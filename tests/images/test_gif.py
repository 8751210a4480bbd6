"""GIF files, by an LZW encoder that is no part of the program, and its streams."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback import _core
from bitsback.files.picture_files import file_of, samples_of, split
from folders import assert_restored
from images.rows import Forged, Restored, Rows, Verbatim
from zoo.gif_files import Drawn, gif_file, noise, ramps

FILES = {
    "a palette of two": gif_file([Drawn(ramps(5, 9, 2), bits=2)]),
    "one pixel": gif_file([Drawn(ramps(1, 1, 2))]),
    "interlaced": gif_file([Drawn(ramps(21, 30), interlaced=True)]),
    "interlaced, of few rows": gif_file([Drawn(ramps(2, 30), interlaced=True)]),
    "codes of 12 bits": gif_file([Drawn(noise(90, 120))]),
    "codes that are never cleared": gif_file([Drawn(noise(90, 120), clears=(0,))]),
    "no clear code": gif_file([Drawn(ramps(9, 9), clears=())]),
    "clear codes at the end": gif_file([Drawn(ramps(1, 2), clears=(0, 2, 0))]),
    "clear codes anywhere": gif_file([Drawn(noise(20, 30), clears=(0, 0, 3, 254, 7))]),
    "no end code": gif_file([Drawn(ramps(9, 9), ended=False)]),
    "a byte too many": gif_file([Drawn(ramps(9, 9), zero=True)]),
    "a code for each pixel": gif_file([Drawn(ramps(30, 30), clears=(0, 254, 254), single=True)]),
    "blocks of 254 bytes": gif_file([Drawn(noise(30, 30), block=254)]),
    "pixels of 11 bits": gif_file([Drawn(ramps(30, 30), bits=11)]),
    "frames of one size": gif_file([Drawn(ramps(9, 12) + np.uint8(n)) for n in range(4)]),
    "frames of many sizes": gif_file([Drawn(ramps(3 + n % 4, 2 + 5 * n % 13)) for n in range(9)]),
    "extensions": gif_file([Drawn(ramps(5, 5)), Drawn(ramps(5, 5))], comment=b"a comment"),
    "bytes behind its end": gif_file([Drawn(ramps(5, 5))]) + b"more",
    "no end": gif_file([Drawn(ramps(5, 5))])[:-1],
}
ODD = {
    "a last byte without zeros": Drawn(ramps(30, 30), filled=False),
    "too few pixels": Drawn(ramps(9, 9), pixels=80),
}
"""Frames that cannot be made again."""
OTHERS = np.concatenate([ramps(5, 5), np.pad(ramps(6, 4), ((0, 0), (0, 1)))])
"""The sheet of the frames around an odd one."""
FORGED = {
    "no frames": b"\0",
    "a frame without columns": b"\1\0\0\4\2\2\xff\1\0",
    "a frame that is too wide": b"\1\0\x80\x80\4\1\2\2\xff\1\0",
    "no bits": b"\1\0\5\4\0\2\xff\1\0",
    "too many bits": b"\1\0\5\4\x0c\2\xff\1\0",
    "an unknown flag": b"\1\0\5\4\2\x10\xff\1\0",
    "blocks of no bytes": b"\1\0\5\4\2\2\0\0",
    "blocks of 256 bytes": b"\1\0\5\4\2\2\x80\2\0",
    "a pixel without a code": b"\1\0\5\4\1\2\xff\1\0",
    "clear codes behind the end": b"\1\0\5\4\2\2\xff\1\1\1\x14",
    "too many clear codes": b"\1\0\5\4\2\2\xff\1\1\x20\0",
    "too many codes before one": b"\1\0\5\4\2\2\xff\1\1\1\x15",
    "another sheet": b"\1\0\4\5\2\2\xff\1\0",
    "a lower sheet": b"\1\0\5\3\2\2\xff\1\0",
    "a gap without its bytes": b"\1\3\5\4\2\2\xff\1\0ab",
}
_PIXELS = (np.arange(20, dtype=np.uint8) % 4).reshape(4, 5)

ROWS = Rows(
    "gif",
    restored={
        name: Restored(data, indexed=True, unlike=(data[:-1] + b"?",))
        for name, data in FILES.items()
    }
    | {
        f"a frame with {name} between others": Restored(
            gif_file([Drawn(ramps(5, 5)), odd, Drawn(ramps(6, 4))]), indexed=True, pixels=OTHERS
        )
        for name, odd in ODD.items()
    },
    verbatim={f"a frame with {name}": Verbatim(gif_file([odd])) for name, odd in ODD.items()}
    | {
        f"cut off behind {size} bytes": Verbatim(
            gif_file([Drawn(noise(20, 20))])[:size], "truncated" if size == 8 else "damaged", True
        )
        for size in (8, 20, 45, 60)
    },
    forged={name: Forged(b"\6" + data, _PIXELS) for name, data in FORGED.items()},
)


@pytest.mark.parametrize(
    "name", ["interlaced", "codes of 12 bits", "codes that are never cleared", "no clear code"]
)
def test_its_pixels_are_those_that_pillow_shows(name: str) -> None:
    samples = samples_of(io.BytesIO(FILES[name]))
    with Image.open(io.BytesIO(FILES[name])) as image:
        assert samples is not None and np.array_equal(samples.whole(), np.asarray(image))


@pytest.mark.parametrize(
    "options", [{}, {"interlace": 0}, {"optimize": True, "comment": b"c", "loop": 2}]
)
def test_files_of_pillow_come_back(options: dict[str, object]) -> None:
    frames = [Image.fromarray(ramps(40, 50) + np.uint8(9 * n)) for n in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], **options)
    found = split(stream, exact=True)
    assert found is not None and found.exact and found.indexed
    assert file_of(found.pixels.whole(), found.metadata) == stream.getvalue()


def test_a_folder_of_large_files(tmp_path: Path) -> None:
    files = {"alone.gif": FILES["codes of 12 bits"]}
    for number in range(3):
        frames = [Drawn(ramps(90, 80) + np.uint8(n + number), single=True) for n in range(5)]
        files[f"frames{number}.gif"] = gif_file(frames)
    assert not assert_restored(tmp_path, files, model="fast").stored
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert archive["alone.gif"].shape == (90, 120)
        with Image.open(archive.open("frames1.gif")) as image:
            assert image.n_frames == 5


@st.composite
def streams(draw: st.DrawFn) -> tuple[NDArray[np.uint8], int, list[int]]:
    bits = draw(st.integers(1, 11))
    size = draw(st.integers(1, 300))
    pixels = draw(st.binary(min_size=size, max_size=size))
    values = np.frombuffer(pixels, np.uint8) & np.uint8(
        min((1 << draw(st.integers(1, bits))) - 1, 255)
    )
    return values, bits, draw(st.lists(st.integers(0, 40), max_size=4))


@given(streams())
def test_every_stream_gives_its_pixels_again(
    case: tuple[NDArray[np.uint8], int, list[int]],
) -> None:
    pixels, bits, clears = case
    for single in (False, True):
        try:
            made = _core.lzw_pack(pixels, bits, np.array(clears, np.uint32), True, single)
        except ValueError:
            continue
        found = _core.lzw_unpack(made, bits, len(pixels))
        assert found is not None
        assert np.array_equal(found[0], pixels) and found[1].tolist() == clears
        assert found[2] and found[3] == len(made)


@given(st.binary(max_size=60), st.integers(1, 11), st.integers(0, 200))
def test_any_bytes_are_read_or_refused(stream: bytes, bits: int, count: int) -> None:
    found = _core.lzw_unpack(stream, bits, count)
    assert found is None or len(found[0]) == count
