"""Archives of few bytes that claim much, and files that would take long: each command ends soon,
with memory for the actual bytes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import bitsback
import bombs
from bitsback.files.png import png_codec
from bitsback.format.array_part import ArrayPart
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import BLOCK, COLLECTION, HEAD, section
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.format.unnamed import pack_unnamed
from bitsback.wire import varint
from folders import assert_restored
from packing import index_of
from waiting import PATIENCE

from .conftest import assert_error_line

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs resource")

MEASURE = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "bitsback", *sys.argv[1:]]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime, code, used.ru_maxrss)
"""


class Cost(NamedTuple):
    """What a command takes: its exit code, peak memory in bytes, standard error and CPU seconds."""

    code: int
    memory: int
    said: str
    seconds: float


def cost(folder: Path, *arguments: str) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        capture_output=True,
        cwd=folder,
        timeout=PATIENCE,
    )
    seconds, code, kilobytes = done.stdout.splitlines()[-1].split()
    return Cost(int(code), int(kilobytes) * 1024, done.stderr.decode(), float(seconds))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory of a command that reads nothing, in bytes."""
    return cost(tmp_path_factory.mktemp("empty"), "info", "nothing.bb").memory


def archive_of_pixels(folder: Path, count: int, data: int) -> Path:
    """An archive of `count` pictures of one pixel, whose block has `data` bytes."""
    collection = FileCollection(FOLDER, (ArrayPart.of_items("|b1", (1, 1), count),))
    run = pack_runs([Run(count, np.dtype(bool), (1, 1), (b"\0", b"\1"))])
    block = section(BLOCK, varint(0) + run + b"\1" + bytes(data))
    start = HEAD + collection.pack()
    path = folder / "x.bb"
    archive = start + block + pack_unnamed()
    path.write_bytes(archive + index_of(archive, [count]))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "x.bb", "7000000", "-o", "d"],
        ["verify", "x.bb"],
        ["info", "x.bb"],
        ["list", "-l", "x.bb"],
    ],
)
def test_pictures_that_are_not_there(tmp_path: Path, usual: int, arguments: list[str]) -> None:
    archive_of_pixels(tmp_path, 50_000 if arguments[0] == "list" else 8_000_000, 2000)
    code, held, said, _ = cost(tmp_path, *arguments)
    assert code == (0 if arguments[0] in ("info", "list") else 2)
    assert held - usual < 40_000_000
    if code:
        assert_error_line(said, "x.bb", "block 0")
    assert [path.name for path in tmp_path.iterdir()] == ["x.bb"]


@pytest.mark.parametrize("command", ["info", "verify"])
def test_blocks_that_are_not_there(tmp_path: Path, usual: int, command: str) -> None:
    start = HEAD + ArrayPart(np.dtype("u1"), (100_000, 0), 1).pack()
    blocks = [BlockInfo(n, n, 1, len(start) + 6 * n, 6) for n in range(100_000)]
    collection = Place(COLLECTION, len(HEAD), len(start) - len(HEAD))
    index = Index([collection], blocks).pack()
    (tmp_path / "x.bb").write_bytes(start + index)
    _, held, said, _ = cost(tmp_path, command, "x.bb")
    assert held - usual < 120 * (tmp_path / "x.bb").stat().st_size
    assert said.count("\n") < 5


Make = Callable[[], bytes]
SMALL: dict[str, Make] = {
    "frames.gif": partial(bombs.gif_of_frames, 300),
    "more frames.gif": partial(bombs.gif_of_frames, 6000),
    "frames.png": partial(bombs.animated_png, 40),
    "more frames.png": partial(bombs.animated_png, 4000),
    "starts.bin": partial(bombs.zlib_starts, 5000),
    "costly starts.bin": partial(bombs.costly_starts, 2000),
    "zeros.zip": partial(bombs.zip_of_zeros, 10, 1_000_000),
    "small zeros.zip": partial(bombs.zip_of_zeros, 300, 64_000),
    "texts.png": partial(bombs.png_of_texts, 100),
    "more texts.png": partial(bombs.png_of_texts, 5000),
    "parts.png": partial(bombs.png_of_parts, 100),
    "more parts.png": partial(bombs.png_of_parts, 5000),
    "interlaced.png": partial(bombs.interlaced_png, 31),
}
REPETITIVE = "small zeros.zip"
"""LZMA takes half of its time, for the file and for its plaintexts."""
LARGE: dict[str, Make] = {
    "frames.gif": partial(bombs.gif_of_frames, 40_000),
    "frames.png": partial(bombs.animated_png, 200_000),
    "starts.bin": partial(bombs.zlib_starts, 16_000_000),
    "costly starts.bin": partial(bombs.costly_starts, 700_000),
    "zeros.zip": partial(bombs.zip_of_zeros, 500, 60_000_000),
    "small zeros.zip": partial(bombs.zip_of_zeros, 30_000, 64_000),
    "texts.png": partial(bombs.png_of_texts, 1_000_000),
    "parts.png": partial(bombs.png_of_parts, 1_000_000),
    "interlaced.png": partial(bombs.interlaced_png, 13_000),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_bombs_come_back(tmp_path: Path, name: str) -> None:
    assert_restored(tmp_path, {name: SMALL[name]()})


@pytest.mark.parametrize(
    ("name", "parts"),
    [("more frames.gif", "frames"), ("more frames.png", "chunks"), ("more texts.png", "chunks")],
)
def test_the_summary_says_that_there_are_too_many_parts(
    tmp_path: Path, name: str, parts: str
) -> None:
    (tmp_path / name).write_bytes(SMALL[name]())
    (reason,) = bitsback.compress(tmp_path / name, tmp_path / "x.bb").stored
    assert reason.endswith(f"with too many {parts} for its size")


FORGED: dict[str, Make] = {
    "texts.png": partial(bombs.png_of_texts, 50_000),
    "parts.png": partial(bombs.png_of_parts, 100_000),
    "frames.png": partial(bombs.animated_png, 8000),
}


@pytest.mark.parametrize("name", FORGED)
def test_restoring_takes_memory_for_the_bytes_of_a_file(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an archive that `compress` would not make."""
    monkeypatch.setattr(png_codec, "most_parts", lambda size: size)
    data = FORGED[name]()
    (tmp_path / name).write_bytes(data)
    assert not bitsback.compress(tmp_path / name, tmp_path / "x.bb").stored
    assert (tmp_path / "x.bb").stat().st_size < len(data) // 100
    usual = cost(tmp_path, "info", "x.bb").memory
    restored = cost(tmp_path, "decompress", "x.bb", "-o", "out")
    assert restored.code == 0
    assert restored.memory - usual < 10e6 + 16 * len(data)
    assert (tmp_path / "out" / name).read_bytes() == data


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_bombs_take_little_time_and_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    data = LARGE[name]()
    (tmp_path / "in" / name).write_bytes(data)
    packed = cost(tmp_path, "compress", "in", "-o", "x.bb")
    restored = cost(tmp_path, "decompress", "x.bb", "-o", "out")
    assert (packed.code, restored.code) == (0, 0)
    times = 2 if name == REPETITIVE else 1
    assert packed.seconds < times * min(2 + 0.5 * len(data) / 1e6, 20)
    assert restored.seconds < 5
    assert packed.memory < 60e6 + times * (64e6 + 8 * len(data))
    assert restored.memory < 60e6 + 8 * len(data)
    assert (tmp_path / "out" / name).read_bytes() == data


@pytest.mark.slow
@pytest.mark.parametrize("make", [bombs.gif_of_frames, bombs.animated_png])
@pytest.mark.parametrize("frames", [2000, 50_000])
def test_twice_the_frames_take_twice_the_time(
    tmp_path: Path, make: Callable[[int], bytes], frames: int
) -> None:
    seconds = list[float]()
    for count in (frames, 2 * frames):
        (tmp_path / "in").write_bytes(make(count))
        seconds.append(cost(tmp_path, "compress", "in", "-o", "x.bb", "--force").seconds)
    assert seconds[1] < 2.2 * seconds[0]
