"""The split of images into training, validation and held-out ones: no image serves two purposes."""

import math
from collections.abc import Iterable

import numpy as np
import pytest

from bitsback.errors import InputError
from bitsback_train.job.image_set import ImageSet, Values, fill
from bitsback_train.job.splits import HELD_OUT, TRAIN, VALIDATION, Shape, Splits, assign_splits


def filled(tiles: Iterable[Values], splits: Splits, seed: int) -> ImageSet:
    images = ImageSet("x")
    fill(images, tiles, splits, seed)
    return images


def numbers(shapes: list[Shape]) -> list[np.ndarray]:
    """Tiles whose elements all have different values."""
    ends = np.cumsum([0, *map(math.prod, shapes)])
    return [
        np.arange(start, start + math.prod(shape)).astype(np.uint16).reshape(shape)
        for start, shape in zip(ends, shapes, strict=False)
    ]


@pytest.mark.parametrize(
    "tiles",
    [
        [(n, (1, 8, 9, 1)) for n in range(200)],
        [(n, (1, 8 + n % 3, 9, 3)) for n in range(30)],
        [(0, (1, 20, 20, 1)) for _ in range(25)],
        [(0, (40, 6, 6, 1))],
        [(0, (1, 200, 30, 1)), (1, (1, 50, 20, 1))],
    ],
    ids=["images", "mixed sizes", "tiles", "a stack", "two images"],
)
def test_no_pixel_serves_two_ends(tiles: list[tuple[int, Shape]]) -> None:
    splits = assign_splits(tiles, 3, "x")
    images = filled(numbers([shape for _, shape in tiles]), splits, 3)
    parts = [
        np.concatenate([values.ravel() for values in of])
        for of in (images.train, images.validation, images.held_out)
    ]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything) == sum(math.prod(s) for _, s in tiles)
    train, validation, held_out = map(len, parts)
    assert train > len(everything) // 2 and min(validation, held_out) >= len(everything) // 25
    assert images.part_held_out == held_out / len(everything)


def test_whole_images_are_held_out_of_many(tmp_path: object) -> None:
    tiles = [(n // 2, (1, 8, 9, 1)) for n in range(60)]  # two tiles each
    splits = assign_splits(tiles, 1, "x")
    of = [{use for use, _ in part} for part in splits]
    assert all(len(one) == 1 for one in of) and of[::2] == of[1::2]
    assert {TRAIN, VALIDATION, HELD_OUT} == set.union(*of)


def test_what_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="too small"):
        assign_splits([(0, (1, 20, 500, 1))], 1, "x")


def test_of_much_only_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitsback_train.job.image_set.MOST_BYTES", 200_000)
    tiles: list[tuple[int, Shape]] = [(n, (1, 160, 150, 1)) for n in range(40)]
    random = np.random.default_rng(0)
    splits = assign_splits(tiles, 1, "x")
    made = (random.integers(0, 99, (1, 160, 150, 1), dtype=np.uint8) for _ in tiles)
    images = filled(made, splits, 1)
    assert 100_000 < sum(values.nbytes for values in images.train) < 300_000
    assert all(values.shape == (1, 160, 150, 1) for values in images.held_out)


def test_images_of_one_value_teach_nothing() -> None:
    tiles: list[tuple[int, Shape]] = [(n, (1, 8, 8, 1)) for n in range(40)]
    splits = assign_splits(tiles, 1, "x")
    with pytest.raises(InputError, match="the same value"):
        filled((np.full((1, 8, 8, 1), 7, np.uint8) for _ in tiles), splits, 1)
