"""`extract` takes items and ranges as Python does, and writes arrays and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback

from .conftest import COUNT, Run, assert_one_line_error


def test_one_item_is_the_item(run: Run, folder: Path, digits: NDArray[np.bool_]) -> None:
    assert run("extract", "digits.bb", "3", "-o", "out.npy").exit_code == 0
    assert np.array_equal(np.load("out.npy"), digits[3])


@pytest.mark.parametrize(
    ("items", "numbers"),
    [
        (["3", "10:13", "-1"], [3, 10, 11, 12, COUNT - 1]),
        (["18:22"], [18, 19, 20, 21]),
        (["5:6"], [5]),
        (["58:"], [58, 59]),
        ([":2"], [0, 1]),
        (["-2:"], [58, 59]),
        (["7", "7"], [7, 7]),
        (["59", "0"], [59, 0]),
        (["9:9"], []),
        (["58:1000"], [58, 59]),
    ],
)
def test_items_and_ranges(
    run: Run, folder: Path, digits: NDArray[np.bool_], items: list[str], numbers: list[int]
) -> None:
    result = run("extract", "digits.bb", *items, "-o", "out.npy")
    assert result.exit_code == 0, result.output
    out = np.load("out.npy")
    assert out.dtype == bool
    assert out.shape == (len(numbers), 28, 28)
    assert np.array_equal(out, digits[numbers])


def test_pictures(run: Run, folder: Path, digits: NDArray[np.bool_]) -> None:
    assert run("extract", "digits.bb", "3", "19:21", "--png", "pictures").exit_code == 0
    assert sorted(path.name for path in Path("pictures").iterdir()) == [
        "03.png",
        "19.png",
        "20.png",
    ]
    with Image.open("pictures/19.png") as image:
        assert np.array_equal(np.asarray(image), digits[19])


def test_pictures_of_zeros_and_ones_are_black_and_white(
    run: Run, folder: Path, digits: NDArray[np.bool_]
) -> None:
    for levels, expected in ((1, True), (255, 255)):
        bitsback.compress(digits[:2].astype(np.uint8) * levels, "a.bb", force=True)
        assert run("extract", "a.bb", "1", "--png", f"p{levels}").exit_code == 0
        with Image.open(f"p{levels}/1.png") as image:
            assert np.asarray(image).max() == expected


def test_refusals(run: Run, folder: Path) -> None:
    assert_one_line_error(run("extract", "digits.bb", "60", "-o", "o.npy"), "60")
    assert_one_line_error(run("extract", "digits.bb", "three", "-o", "o.npy"), "'three'", "10:20")
    assert_one_line_error(run("extract", "digits.bb", "1:2:3", "-o", "o.npy"), "'1:2:3'")
    assert_one_line_error(run("extract", "digits.bb", "3"), "-o FILE", "--png DIR")
    assert_one_line_error(run("extract", "digits.bb", "-o", "o.npy"), "ITEM")
    assert_one_line_error(run("extract", "digits.bb", "3", "--pgn", "d"), "--pgn")
    assert_one_line_error(
        run("extract", "digits.bb", "3", "-o", "digits.npy"), "digits.npy", "--force"
    )
    assert not Path("o.npy").exists()


def test_existing_pictures_stay(run: Run, folder: Path) -> None:
    run("extract", "digits.bb", "3", "--png", "p")
    Path("p/03.png").write_bytes(b"mine")
    assert_one_line_error(run("extract", "digits.bb", "3", "--png", "p"), "03.png")
    assert Path("p/03.png").read_bytes() == b"mine"
    assert run("extract", "digits.bb", "3", "--png", "p", "--force").exit_code == 0


def test_items_that_are_no_pictures(run: Run, folder: Path) -> None:
    bitsback.compress(np.zeros((3, 5), np.float32), "a.bb")
    assert_one_line_error(run("extract", "a.bb", "1", "--png", "p"), "float32", "-o FILE.npy")


def test_a_damaged_block_leaves_the_others_readable(
    run: Run, folder: Path, digits: NDArray[np.bool_]
) -> None:
    with bitsback.open("digits.bb") as archive:
        middle = archive.reader.blocks[1]
    data = bytearray(Path("digits.bb").read_bytes())
    data[middle.offset + middle.size // 2] ^= 1
    Path("digits.bb").write_bytes(data)
    assert_one_line_error(run("extract", "digits.bb", "25", "-o", "o.npy"), "digits.bb", "block 1")
    assert run("extract", "digits.bb", ":20", "40:", "-o", "rest.npy").exit_code == 0
    assert np.array_equal(np.load("rest.npy"), np.concatenate([digits[:20], digits[40:]]))
