"""Restoring the rest of an archive in which some tiles are damaged."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import FOOTER_SIZE
from folders import save
from in_memory import Pipe, pack, unpack
from plane_models import ship


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch)


@pytest.fixture
def image() -> NDArray[np.uint8]:
    steps = np.random.default_rng(0).integers(-2, 3, (90, 120))
    return np.cumsum(steps, 1).astype(np.uint8)


def damaged(data: bytes, number: int) -> bytes:
    block = bitsback.open(io.BytesIO(data)).reader.blocks[number]
    changed = bytearray(data)
    changed[block.offset + block.size // 2] ^= 1
    return bytes(changed)


def test_regions_beside_a_damaged_tile_can_be_had(image: NDArray[np.uint8]) -> None:
    data = damaged(pack(image, tile=32, block=1), 5)
    opened = bitsback.open(io.BytesIO(data))
    named = r"block 5 \(\[30:60, 30:60\] of item 0\): its checksum"
    ((number, problem),) = opened.verify()
    assert number == 5 and named.replace("\\", "") in str(problem)
    assert np.array_equal(opened[60:, :], image[60:])
    assert np.array_equal(opened[:, 60:], image[:, 60:])
    for read in (
        lambda: opened[...],
        lambda: opened[59, 59],
        lambda: unpack(data),
    ):
        with pytest.raises(bitsback.ArchiveError, match=named):
            read()
    with pytest.raises(bitsback.ArchiveError, match="block 5: its checksum"):
        bitsback.decompress(Pipe(data))


def test_a_lost_index_and_lost_bytes(image: NDArray[np.uint8]) -> None:
    data = pack(image, tile=32, block=3)
    cut = data[: -FOOTER_SIZE - 3]
    opened = bitsback.open(io.BytesIO(cut))
    assert opened.problems and np.array_equal(opened[...], image)
    block = opened.reader.blocks[1]
    lost = data[: block.offset + 20] + data[block.offset + 21 :]
    opened = bitsback.open(io.BytesIO(lost))
    assert np.array_equal(opened[60:], image[60:])
    with pytest.raises(bitsback.ArchiveError, match=r"block 1 \(\[0:60, 0:120\] of item 0\)"):
        opened[0:60]
    short = bitsback.open(io.BytesIO(data[: block.offset]))
    assert np.array_equal(short[0:30, 0:90], image[0:30, 0:90])
    with pytest.raises(bitsback.ArchiveError, match="missing: the archive is cut off"):
        short[80, 100]


def test_a_picture_that_has_lost_a_tile_is_lost(tmp_path: Path, image: NDArray[np.uint8]) -> None:
    pictures: dict[str, Any] = {"a.png": image, "b.png": image[:20, :20], "c.png": image[::-1]}
    for name, picture in pictures.items():
        save(picture, tmp_path / "in" / name, compress_level=0)
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb", tile=32, block=1)
    (tmp_path / "x.bb").write_bytes(damaged((tmp_path / "x.bb").read_bytes(), 4))
    with pytest.raises(bitsback.ArchiveError, match="block 4"):
        bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with bitsback.open(tmp_path / "x.bb") as archive:
        assert [number for number, _ in archive.verify()] == [4]
        for name in ("b.png", "c.png"):
            assert np.array_equal(archive[name], pictures[name])
        with pytest.raises(bitsback.ArchiveError, match=r"block 4 \(\[0:30, 90:120\] of a\.png\)"):
            np.asarray(archive["a.png"])
        assert np.array_equal(archive["a.png"][40:], image[40:])
