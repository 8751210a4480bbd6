"""Reading files at URLs: only the needed parts, in few requests, and correctly."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.io.remote.ranges import Ranges
from waiting import exit_code, forked

from .conftest import BLOCK, COUNT, Web

TAIL = 1 << 16


def test_opening_fetches_both_ends_and_no_more(web: Web, packed: bytes) -> None:
    with bitsback.open(web.url("x.bb")) as archive:
        assert archive.shape == (COUNT, 45, 25)
    assert sorted(web.spans) == [(0, 4096), (len(packed) - TAIL, len(packed))]


def test_a_small_archive_is_one_request(web: Web) -> None:
    bitsback.compress(np.arange(100), "memory://small.bb")
    web.files["small.bb"] = fsspec.filesystem("memory").cat("/small.bb")
    with bitsback.open(web.url("small.bb")) as archive:
        assert np.array_equal(archive[:], np.arange(100))
    assert web.spans == [(0, len(web.files["small.bb"]))]


def test_an_item_is_a_request_for_its_block(web: Web, noise: NDArray[np.int64]) -> None:
    with bitsback.open(web.url("x.bb")) as archive:
        for number in (7, 130, 131):
            block = archive.reader.blocks[number // BLOCK]
            web.spans.clear()
            assert np.array_equal(archive[number], noise[number])
            expected = [] if number == 131 else [(block.offset, block.offset + block.size)]
            assert web.spans == expected, "the block of the last item is still there"


def test_all_of_it_is_fetched_once_and_many_blocks_at_a_time(
    web: Web, noise: NDArray[np.int64], packed: bytes
) -> None:
    assert np.array_equal(bitsback.decompress(web.url("x.bb")), noise)
    assert len(web.spans) <= 2 + len(packed) // (1 << 23) + 1
    assert web.fetched <= len(packed) + TAIL + 4096
    web.spans.clear()
    with bitsback.open(web.url("x.bb")) as archive:
        assert archive.verify() == []
    assert len(web.spans) <= 2 + len(packed) // (1 << 23) + 1


def test_info_fetches_the_headers_of_blocks(web: Web) -> None:
    with bitsback.open(web.url("x.bb")) as archive:
        assert archive.info()["methods"]["raw"] == COUNT // BLOCK
    assert web.fetched < 200_000


def test_a_copy_is_read_from_the_block_of_its_original(web: Web, tmp_path: Path) -> None:
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 32, (400, 500), np.uint8)
        Image.fromarray(noise + np.arange(500, dtype=np.uint8) // 4).save(
            tmp_path / f"{number}.bmp"
        )
    shutil.copy(tmp_path / "1.bmp", tmp_path / "copy.bmp")
    bitsback.compress(tmp_path, "memory://copies.bb", block=1)
    web.files["copies.bb"] = fsspec.filesystem("memory").cat("/copies.bb")
    with bitsback.open(web.url("copies.bb")) as archive:
        web.spans.clear()
        assert archive.open("copy.bmp").getvalue() == (tmp_path / "1.bmp").read_bytes()
        assert web.fetched < 0.4 * len(web.files["copies.bb"])


def test_threads(web: Web, noise: NDArray[np.int64]) -> None:
    with bitsback.open(web.url("x.bb")) as archive, ThreadPoolExecutor(4) as pool:
        order = np.random.default_rng(0).integers(0, COUNT, 100)
        found = pool.map(lambda item: np.array_equal(archive[int(item)], noise[item]), order)
        assert all(found)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_forked_processes_connect_anew(web: Web, noise: NDArray[np.int64]) -> None:
    with bitsback.open(web.url("x.bb")) as archive:

        def read(seed: int) -> bool:
            order = np.random.default_rng(seed).integers(0, COUNT, 20)
            return all((archive[int(n)] == noise[n]).all() for n in order)

        children = [forked(partial(read, seed)) for seed in range(3)]
        assert [exit_code(child) for child in children] == [0] * 3
        assert np.array_equal(archive[5], noise[5])


def test_s3(s3: dict[str, Any], packed: bytes, noise: NDArray[np.int64]) -> None:
    fsspec.filesystem("s3", **s3).pipe("bucket/x.bb", packed)
    with bitsback.open("s3://bucket/x.bb", storage_options=s3) as archive:
        assert np.array_equal(archive[33], noise[33])
        with pickle.loads(pickle.dumps(archive)) as again:
            assert np.array_equal(again[34], noise[34])
    assert np.array_equal(bitsback.decompress("s3://bucket/x.bb", storage_options=s3), noise)


def test_memory_files_and_chains(
    memory: Any, tmp_path: Any, packed: bytes, noise: NDArray[np.int64]
) -> None:
    memory.pipe("/folder/x.bb", packed)
    (tmp_path / "x.bb").write_bytes(packed)
    for url in (
        "memory://folder/x.bb",
        f"file://{tmp_path}/x.bb",
        f"simplecache::file://{tmp_path}/x.bb",
        "simplecache::memory://folder/x.bb",
    ):
        with bitsback.open(url) as archive:
            assert np.array_equal(archive[33], noise[33])


def test_what_was_written_again_is_read_anew(s3: dict[str, Any], packed: bytes) -> None:
    fs = fsspec.filesystem("s3", **s3)
    fs.pipe("bucket/x.bb", b"something else")
    assert [each["size"] for each in fs.ls("bucket", detail=True)] == [14]
    bitsback.compress(np.arange(50), "s3://bucket/x.bb", force=True, storage_options=s3)
    assert len(bitsback.decompress("s3://bucket/x.bb", storage_options=s3)) == 50


def test_a_server_that_cannot_send_parts_is_told_of(web: Web, noise: NDArray[np.int64]) -> None:
    web.ranges = False
    with pytest.raises(bitsback.InputError, match=r"cannot send a part.*simplecache::http://127"):
        bitsback.open(web.url("x.bb"))
    with bitsback.open("simplecache::" + web.url("x.bb")) as archive:
        assert np.array_equal(archive[33], noise[33])


def test_closed_is_closed(web: Web) -> None:
    archive = bitsback.open(web.url("x.bb"))
    archive.close()
    with pytest.raises(ValueError, match="closed"):
        archive[200]


def test_damage_is_found(web: Web, packed: bytes) -> None:
    data = bytearray(packed)
    data[500_000] ^= 1
    web.files["x.bb"] = bytes(data)
    with pytest.raises(bitsback.ArchiveError, match=r"x\.bb: block 2 \(items 40 to 59\)"):
        bitsback.decompress(web.url("x.bb"))
    web.files["x.bb"] = packed[:-1000]
    with bitsback.open(web.url("x.bb")) as archive:
        assert len(archive.problems) > 0
        assert archive[33].shape == (45, 25)


INDEXES: dict[str, Any] = {
    "numbers in any order": [399, 5, 130, 5, 250, 251, 20],
    "a mask": np.arange(COUNT) % 37 == 0,
    "a slice with steps": slice(None, None, 50),
    "backwards": slice(390, 3, -60),
    "rows of some": ([399, 5, 130], slice(3, 9), 4),
    "a slice": slice(30, 290),
    "all": slice(None),
}


@pytest.mark.parametrize("name", INDEXES)
def test_the_blocks_of_an_index_are_fetched_together(
    web: Web, packed: bytes, noise: NDArray[np.int64], name: str
) -> None:
    """Blocks are fetched concurrently, each once, and neighbouring ones in one request."""
    key = INDEXES[name]
    with bitsback.open(web.url("x.bb")) as archive, counted(web) as calls:
        assert np.array_equal(archive[key], noise[key])
        first = key[0] if isinstance(key, tuple) else key
        wanted = {archive.reader.blocks.with_tile(int(item)) for item in np.arange(COUNT)[first]}
    sizes = sum(block.size for block in wanted)
    assert web.fetched <= sizes + (1 << 16) * len(wanted)
    assert calls == [len(web.spans)], "all at the same time"
    assert len(web.spans) <= len(wanted)


@contextmanager
def counted(web: Web) -> Iterator[list[int]]:
    """Records the number of concurrent requests at each request."""
    calls: list[int] = []
    fetch = Ranges._fetch

    def fetching(self: Ranges, spans: list[tuple[int, int]]) -> dict[int, bytes]:
        calls.append(len(spans))
        return fetch(self, spans)

    web.spans.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ranges, "_fetch", fetching)
        yield calls


def test_the_blocks_of_a_loop_are_fetched_together(web: Web, noise: NDArray[np.int64]) -> None:
    with bitsback.open(web.url("x.bb")) as archive, counted(web) as calls:
        assert all(map(np.array_equal, archive, noise))
    assert calls == [1] and len(web.spans) == 1


def test_the_blocks_of_an_array_in_parts_are_fetched_together(
    web: Web, memory: Any, noise: NDArray[np.int64]
) -> None:
    for number, start in enumerate(range(0, COUNT, 100)):
        stack = number % 2 == 0
        bitsback.compress(
            noise[start : start + 100], f"memory://{number}.bb", block=10, model="fast", stack=stack
        )
    bitsback.merge([f"memory://{number}.bb" for number in range(4)], "memory://all.bb")
    web.files["all.bb"] = memory.cat("/all.bb")
    with bitsback.open(web.url("all.bb")) as archive, counted(web) as calls:
        for key in ([399, 3, 350, 120], slice(50, 320, 90)):
            calls.clear()
            assert np.array_equal(archive[key], noise[key])
            assert len(calls) == 1


def test_the_blocks_of_files_are_fetched_together(web: Web, memory: Any, tmp_path: Path) -> None:
    """Pictures with their container metadata, and files that are stored verbatim."""
    (tmp_path / "in").mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (200, 300), np.uint8)
        image = Image.fromarray(pixels // 2 if number % 4 else pixels)
        image.save(tmp_path / "in" / f"{number:02}.{'png' if number % 2 else 'jpg'}")
    bitsback.compress(tmp_path / "in", "memory://files.bb", model="fast", block=1)
    web.files["files.bb"] = memory.cat("/files.bb")
    with bitsback.open(web.url("files.bb")) as archive:
        names = archive.names
        with counted(web) as calls:
            archive.extract([33, 2, 5, 38, 11], tmp_path / "out")
        assert len(calls) <= 2, "no request for each file"
    for number in (33, 2, 5, 38, 11):
        assert pixels_of(tmp_path / "out" / names[number]) == pixels_of(
            tmp_path / "in" / names[number]
        )


def pixels_of(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()
