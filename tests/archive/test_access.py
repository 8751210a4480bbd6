"""Reading items by number and by range reads only the parts of the file that hold them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from in_memory import pack

from .conftest import assert_same


class Watched(io.BytesIO):
    """Remembers which bytes were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.spans: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.spans.append((start, start + len(data)))
        return data


@pytest.fixture(scope="module")
def archive(digits: NDArray[np.bool_]) -> bytes:
    return pack(digits, block=25)


def test_items_and_ranges(digits: NDArray[np.bool_], archive: bytes) -> None:
    opened = bitsback.open(io.BytesIO(archive))
    assert len(opened) == 300
    assert opened.shape == (300, 28, 28)
    assert opened.dtype == np.bool_
    for where in (24, -300, np.s_[20:30], np.s_[25:50], np.s_[250:20:-9]):
        assert_same(opened[where], np.ascontiguousarray(digits[where]))
    assert_same(opened.reader.array_source.entries(20, 60, verify=False), digits[20:60])
    assert [len(stack) for stack in opened.reader.array_source.stacks(20, 60)] == [5, 25, 10]
    for number in (300, -301):
        with pytest.raises(IndexError):
            opened[number]


def test_items_are_copies(digits: NDArray[np.bool_], archive: bytes) -> None:
    opened = bitsback.open(io.BytesIO(archive))
    for where in (3, np.s_[2:6], np.s_[0:25]):
        opened[where][:] ^= True
        assert_same(opened[where], digits[where])


def test_items_are_extracted(digits: NDArray[np.bool_], archive: bytes, tmp_path: Path) -> None:
    """One number is the item itself, and all else an array of items."""
    opened, path = bitsback.open(io.BytesIO(archive)), tmp_path / "some.npy"
    wanted: list[tuple[Any, Any]] = [(3, 3), ([3], [3]), ([-1, np.s_[4:6]], [299, 4, 5])]
    for items, numbers in [*wanted, (np.s_[90:20:-9], np.s_[90:20:-9])]:
        count = opened.extract(items, path, force=True)
        expected = np.ascontiguousarray(digits[numbers])
        assert_same(np.load(path), expected)
        assert count == (1 if items == 3 else len(expected))
    with pytest.raises(bitsback.InputError, match="exists already"):
        opened.extract(3, path)
    with pytest.raises(IndexError):
        opened.extract(300, path, force=True)


def test_an_item_needs_only_the_bytes_of_its_block(archive: bytes) -> None:
    file = Watched(archive)
    opened = bitsback.open(file)
    assert sum(b - a for a, b in file.spans) < 1300, "opening reads header and index"
    for number in (0, 130, 299):
        file.spans.clear()
        opened[number]
        (block,) = (
            block
            for block in opened.reader.blocks
            if block.first <= number < block.first + block.items
        )
        assert file.spans == [(block.offset, block.offset + block.size)]
    file.spans.clear()
    opened[299], opened[298], opened[-5:]
    assert not file.spans, "the last block is still there"


def test_a_part_of_a_block_can_be_had_without_the_rest(digits: NDArray[np.bool_]) -> None:
    opened = bitsback.open(io.BytesIO(pack(digits)))
    for stop in (1, 2, 50, 299, 300):
        assert_same(opened.reader.array_source.entries(0, stop, verify=False), digits[:stop])
    assert_same(opened.reader.array_source.entries(40, 50, verify=False), digits[40:50])


def test_what_is_in_it(digits: NDArray[np.bool_], tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    array = digits.copy()
    bitsback.compress(array, path, block=100, model="mnist-binary")
    with bitsback.open(path) as opened:
        info: dict[str, Any] = json.loads(json.dumps(opened.info()))
        assert opened.verify() == []
        blocks = opened.reader.blocks
    assert info["bytes"] == path.stat().st_size
    assert (info["dtype"], info["shape"]) == ("|b1", [300, 28, 28])
    assert (info["items"], info["blocks"]) == (300, 3)
    assert info["methods"]["model"] == sum(info["methods"].values()) == 3
    (model,) = info["models"]
    assert (model["name"], model["blocks"]) == ("mnist-binary", 3)
    assert model["identity"] == bitsback.load_model("mnist-binary").identity.hex()
    assert info["problems"] == []
    numbers = [(block.number, block.first, block.items) for block in blocks]
    assert numbers == [(0, 0, 100), (1, 100, 100), (2, 200, 100)]
    assert info["block_bytes"] == sum(block.size for block in blocks)


def test_a_closed_archive_lets_go_of_its_file(tmp_path: Path, archive: bytes) -> None:
    path = tmp_path / "x.bb"
    path.write_bytes(archive)
    with bitsback.open(path) as opened:
        opened[0]
    path.unlink()
    with pytest.raises(ValueError, match="closed"):
        opened[200]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(bitsback.InputError, match=r"none\.bb: cannot be read"):
        bitsback.open(tmp_path / "none.bb")
    with pytest.raises(bitsback.InputError, match="cannot be read"):
        bitsback.decompress(tmp_path)
