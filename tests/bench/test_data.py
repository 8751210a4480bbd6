"""Which data can be compared, and which is refused, in words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import InputError
from bitsback_lab.bench import subject
from bitsback_lab.bench.subject import read, read_bundled

GREY = np.arange(7 * 5 * 6, dtype=np.uint8).reshape(7, 5, 6)


def saved(array: NDArray[Any], name: str = "some.npy") -> str:
    np.save(name, array)
    return name


def test_grey_images_stay_what_they_are() -> None:
    found = read(saved(GREY), "some")
    assert (found.name, found.total, found.levels) == ("some", 7, 256)
    assert np.array_equal(found.images, GREY)


@pytest.mark.parametrize("pair", [(0, 255), (0, 1), (3, 9)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", ">u2", "float32"])
def test_two_values_are_bilevel(pair: tuple[int, int], dtype: str) -> None:
    ones = GREY % 3 == 0
    found = read(saved(np.where(ones, *pair[::-1]).astype(dtype)), "some")
    assert found.images.dtype == np.bool_
    assert np.array_equal(found.images, ones)


def test_axes_of_size_one_do_not_count() -> None:
    assert np.array_equal(read(saved(GREY[..., np.newaxis]), "some").images, GREY)


def test_pictures_in_a_folder(folder: Path) -> None:
    (folder / "scans").mkdir()
    for i, image in enumerate(GREY):
        Image.fromarray(image).save(folder / "scans" / f"{i}.png")
    assert np.array_equal(read("scans", "scans").images, GREY)
    assert np.array_equal(read([f"scans/{i}.png" for i in (0, 1)], "2 files").images, GREY[:2])


def test_a_stream() -> None:
    stream = io.BytesIO(Path(saved(GREY)).read_bytes())
    assert np.array_equal(read(stream, "-").images, GREY)


@pytest.mark.parametrize("sample", [1, 2, 3, 7, 100])
def test_a_sample_is_evenly_spaced(sample: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_PIECE", 2 * 5 * 6)  # read by twos
    found = read(saved(GREY), "some", sample)
    wanted = [i * 7 // min(sample, 7) for i in range(min(sample, 7))]
    assert np.array_equal(found.images, GREY[wanted])
    assert found.total == 7


def test_the_test_set_that_ships() -> None:
    assert read_bundled("mnist").images.shape == (10_000, 28, 28)
    few = read_bundled("mnist-binary", 10)
    assert (few.images.shape, few.images.dtype, few.total) == ((10, 28, 28), np.bool_, 10_000)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 5, 6, 3), np.uint8), "shape is (4, 5, 6, 3)"),
        (np.zeros((4, 30), np.uint8), "shape is (4, 30)"),
        (np.zeros((0, 5, 6), np.uint8), "shape is (0, 5, 6)"),
        (np.zeros((4, 0, 6), np.uint8), "shape is (4, 0, 6)"),
        (np.zeros((), np.uint8), "shape is ()"),
        (np.arange(120, dtype=np.uint16).reshape(4, 5, 6), "uint16 of more than two values"),
        (np.linspace(0, 1, 120).reshape(4, 5, 6), "float64 of more than two values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_grey_or_bilevel_is_refused(array: NDArray[Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read(saved(array), "some.npy")
    assert str(raised.value).startswith("some.npy: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_several_shapes_are_refused(folder: Path) -> None:
    (folder / "scans").mkdir()
    for i, size in enumerate(((4, 5), (6, 7))):
        Image.new("L", size).save(folder / "scans" / f"{i}.png")
    with pytest.raises(
        InputError, match=r"scans: .*of one shape.*holds 2 \(\(5, 4\) uint8, \(7, 6\) uint8\)"
    ):
        read("scans", "scans")


def test_too_much_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="--sample, at most 3"):
        read(saved(GREY), "some.npy")
    assert len(read(saved(GREY), "some.npy", 3).images) == 3
