"""Images for training: accepted kinds and levels, and no image serves two purposes."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import InputError
from bitsback_train.job.image_set import ImageSet
from bitsback_train.job.one_shape import MOST_IMAGES, one_shape, read_one_shape


def parts(images: ImageSet) -> dict[str, NDArray[np.uint8]]:
    """Symbols [n, rows, columns] by purpose."""
    of = {"train": images.train, "validation": images.validation, "held_out": images.held_out}
    return {name: array[..., 0] for name, (array,) in of.items()}


def whole(images: ImageSet) -> NDArray[np.uint8]:
    assert images.whole is not None
    return images.whole[..., 0]


def grey(count: int, top: int, side: int = 8) -> NDArray[np.uint8]:
    made = np.random.default_rng(1).integers(0, top + 1, (count, side, side), dtype=np.uint8)
    made[0, 0, 0] = top
    return made


@pytest.mark.parametrize(
    ("top", "levels"), [(1, 2), (2, 3), (16, 17), (127, 128), (128, 256), (255, 256)]
)
def test_levels_follow_from_the_greatest_value(top: int, levels: int) -> None:
    assert one_shape(grey(100, top), "x", 1).levels == levels


@pytest.mark.parametrize(
    "array", [grey(100, 1) * 255, grey(100, 1) > 0, grey(100, 1).astype(np.int32) - 5]
)
def test_two_values_of_any_kind_are_bilevel(array: NDArray[np.generic]) -> None:
    images = one_shape(array, "x", 1)
    assert images.levels == 2 and whole(images).dtype == np.uint8
    np.testing.assert_array_equal(whole(images), grey(100, 1))


def test_no_image_serves_two_ends() -> None:
    images = np.zeros((1000, 8, 8), np.uint8)
    images[:, 0, :2] = np.stack(np.divmod(np.arange(1000), 250), 1)
    made = list(parts(one_shape(images, "x", 3)).values())
    assert [len(part) for part in made] == [800, 100, 100]
    together = np.concatenate(made)
    assert len(np.unique(together[:, 0, :2], axis=0)) == 1000


def test_of_tiles_that_follow_one_another_few_trained_on_are_neighbours_of_those_held_out() -> None:
    """An array may hold tiles of pictures in sequence: here 20 pictures of 50 tiles."""
    images = np.zeros((1000, 8, 8), np.uint8)
    images[:, 0, 0] = np.arange(1000) // 50
    images[:, 0, 1] = np.arange(1000) % 50
    numbers = {}
    for name, part in parts(one_shape(images, "x", 3)).items():
        numbers[name] = set((part[:, 0, 0].astype(int) * 50 + part[:, 0, 1]).tolist())
    beside = {n for n in numbers["held_out"] if {n - 1, n + 1} & numbers["train"]}
    assert len(beside) <= 0.2 * len(numbers["held_out"])


@pytest.mark.parametrize("seed", [1, 2])
def test_arrays_of_an_npz_file_are_held_out_whole(tmp_path: Path, seed: int) -> None:
    pictures = {f"p{i}": grey(10 + i % 3, 200) // 2 + i for i in range(50)}
    for i, tiles in enumerate(pictures.values()):
        tiles[:, 0, 0] = i
    np.savez(tmp_path / "x.npz", **pictures)
    images = read_one_shape(str(tmp_path / "x.npz"), seed)
    assert images.count == sum(map(len, pictures.values()))
    made = parts(images)
    seen = [set(part[:, 0, 0].tolist()) for part in made.values()]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 50


def test_one_large_array_among_many_is_not_held_out_whole() -> None:
    """Holding out the large array would leave nothing to train on."""
    starts = (0, *range(950, 1000))
    for seed in range(20):
        made = parts(one_shape(grey(1000, 255), "x", seed, starts=starts))
        assert [len(part) for part in made.values()] == [800, 100, 100]


def test_arrays_of_two_kinds_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=grey(100, 9), b=grey(100, 9, side=9))
    with pytest.raises(InputError, match="2 kinds"):
        read_one_shape(str(tmp_path / "x.npz"), 1)


def test_a_test_set_is_what_is_held_out() -> None:
    images, test = grey(300, 255), grey(40, 200)
    made = parts(one_shape(images, "x", 3, test))
    np.testing.assert_array_equal(made["held_out"], test)
    assert len(made["train"]) + len(made["validation"]) == 300


def test_large_sets_hold_out_no_more_than_can_be_measured_soon() -> None:
    made = parts(one_shape(grey(50_000, 3), "x", 3))
    assert len(made["held_out"]) == len(made["validation"]) == MOST_IMAGES


def test_a_folder_of_pictures_is_read(tmp_path: Path) -> None:
    images = grey(120, 255)
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number:03}.png")
    np.testing.assert_array_equal(whole(read_one_shape(str(tmp_path), 1)), images)


def test_an_axis_of_one_channel_may_be_there(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", grey(120, 255)[..., None])
    np.testing.assert_array_equal(whole(read_one_shape(str(tmp_path / "x.npy"), 1)), grey(120, 255))
