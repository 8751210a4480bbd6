"""Restoring the undamaged parts of a damaged archive of an array: only whole items, or rows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import CRC_SIZE
from in_memory import Pipe, pack

from .conftest import assert_same
from .test_damage import damaged, sections, some

COUNT, BLOCK = 18, 4


def rescued(data: bytes, **options: Any) -> tuple[NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    file = io.BytesIO()
    summary = bitsback.decompress(data, file, keep_going=True, threads=1, **options)
    array = np.load(io.BytesIO(file.getvalue()))
    assert summary.shape == array.shape
    return array, summary.lost, summary.problems


def lost_rows(lost: tuple[str, ...]) -> list[int]:
    rows = list[int]()
    for text in lost:
        start, _, stop = text.partition(":")
        rows += range(int(start), int(stop) if stop else int(start) + 1)
    return rows


def check_rescued(data: bytes, array: NDArray[Any], least: int = 0) -> None:
    """Checks that exactly the reported parts come back, unchanged."""
    found, lost, problems = rescued(data)
    rows = lost_rows(lost)
    assert problems and len(array) - len(rows) >= least
    assert_same(found, np.delete(array, rows, axis=0))
    filled, again, _ = rescued(data, fill=1)
    assert again == lost and filled.shape == array.shape
    assert_same(np.delete(filled, rows, axis=0), found)
    assert (filled[rows] == 1).all()


@pytest.mark.parametrize("step", [19, pytest.param(7, marks=pytest.mark.slow)])
def test_damage_of_any_byte(digits: NDArray[np.bool_], step: int) -> None:
    array = digits[:COUNT]
    archive = pack(array, block=BLOCK)
    whole = sections(archive)
    for at in range(0, len(archive), step):
        for data in some(damaged(archive, at), at, 1):
            try:
                bitsback.open(data)
            except bitsback.ArchiveError:  # it looks like a newer archive
                continue
            left = sum(section in data for section in whole)
            check_rescued(data, array, least=3 * left)


def test_every_cut_behind_the_first_block(digits: NDArray[np.bool_]) -> None:
    array = digits[:COUNT]
    archive = pack(array, block=BLOCK)
    with bitsback.open(archive) as opened:
        blocks = opened.reader.blocks
    for block in blocks:
        end = block.offset + block.size
        for cut in (end, end + 1):
            check_rescued(archive[:cut], array, least=block.first + block.items)
        check_rescued(archive[: end - 1], array, least=block.first) if block.first else None
    with pytest.raises(bitsback.ArchiveError, match="nothing in it is undamaged"):
        rescued(archive[: blocks[0].offset + 2])


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((70, 90), {"tile": 16}),  # a picture, whose rows come back
        ((100, 20, 30), {"stack": True, "tile": 16}),  # slices of a stack
        ((5, 70, 90), {"stack": False, "tile": 32}),  # items, of which each has several tiles
        ((5000,), {"block": 1000}),
    ],
)
def test_arrays_in_tiles(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    array = np.random.default_rng(0).integers(0, 200, shape, np.uint8)
    archive = pack(array, **{"block": 3, "model": "fast"} | options)
    with bitsback.open(archive) as opened:
        blocks = opened.reader.blocks
    assert len(blocks) > 3
    for block in blocks:
        at = block.offset + block.size - CRC_SIZE
        data = archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]
        check_rescued(data, array)
    check_rescued(archive[: blocks[-1].offset], array)


def test_an_array_in_parts(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 200, (12, 20, 30), np.uint8)
    for number in range(3):
        some_items = array[4 * number : 4 * number + 4]
        bitsback.compress(some_items, tmp_path / f"{number}.bb", stack=number != 1, block=1)
    places = [tmp_path / f"{number}.bb" for number in range(3)]
    bitsback.merge(places, tmp_path / "all.bb")
    archive = (tmp_path / "all.bb").read_bytes()
    with bitsback.open(archive) as opened:
        for block in opened.reader.blocks:
            at = block.offset + block.size - 1
            check_rescued(archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :], array)


def test_an_array_without_damage(digits: NDArray[np.bool_]) -> None:
    found, lost, problems = rescued(pack(digits, block=20))
    assert_same(found, digits)
    assert lost == problems == ()


def test_an_index_that_is_lost_loses_nothing(digits: NDArray[np.bool_]) -> None:
    found, lost, problems = rescued(pack(digits, block=20)[:-3])
    assert_same(found, digits)
    assert lost == () and problems


def test_what_is_refused(digits: NDArray[np.bool_], tmp_path: Path) -> None:
    archive = pack(digits, block=20)
    with pytest.raises(bitsback.InputError, match="needs an output"):
        bitsback.decompress(archive, keep_going=True)
    with pytest.raises(bitsback.InputError, match="save it as a file"):
        bitsback.decompress(Pipe(archive), tmp_path / "x.npy", keep_going=True)
    with pytest.raises(bitsback.InputError, match="fill"):
        bitsback.decompress(archive, tmp_path / "x.npy", fill=1)
    for fill in (2, -1, 0.5, float("nan")):
        with pytest.raises(bitsback.InputError, match="is not a value of the dtype bool"):
            rescued(archive, fill=fill)


@pytest.mark.parametrize(
    ("dtype", "fill", "good"),
    [
        ("u1", 255, True), ("u1", 256, False), ("i2", -1, True), ("i2", 0.5, False),
        ("f4", float("nan"), True), ("f4", 0.1, True), ("f2", 1e9, False),
    ],
)  # fmt: skip
def test_values_to_fill_with(dtype: str, fill: float, good: bool) -> None:
    array = np.arange(300).astype(dtype) % 100
    archive = pack(array, block=100)
    cut = archive[: len(archive) * 9 // 10 - 20]
    if not good:
        with pytest.raises(bitsback.InputError, match="is not a value of the dtype"):
            rescued(cut, fill=fill)
        return
    found, lost, _ = rescued(cut, fill=fill)
    rows = lost_rows(lost)
    assert np.array_equal(found[rows], np.full(len(rows), fill, dtype), equal_nan=True) and rows
