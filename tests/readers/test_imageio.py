"""imageio reads archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
import bitsback.imageio  # registers it


def test_images_of_an_array(made: Path, volume: NDArray[np.uint8], decoded: list[int]) -> None:
    path = made / "volume.bb"
    told = iio.improps(path)
    assert (told.shape, told.dtype) == (volume.shape, volume.dtype)
    assert (told.n_images, told.is_batch) == (12, True)
    assert iio.improps(path, index=3).shape == volume.shape[1:]
    assert not decoded
    assert np.array_equal(iio.imread(path, index=-1), volume[-1])
    assert decoded == [8]
    for read in (iio.imread(path), iio.imread(path, index=...), list(iio.imiter(path))):
        assert np.array_equal(read, volume)
    assert iio.immeta(path) == {"kind": "npy"}
    with pytest.raises(IndexError):
        iio.imread(path, index=12)


def test_pictures_of_a_folder(made: Path, pictures: dict[str, NDArray[Any]]) -> None:
    path = made / "folder.bb"
    for number, (name, pixels) in enumerate(pictures.items()):
        assert np.array_equal(iio.imread(path, index=number), pixels)
        assert iio.improps(path, index=number).shape == pixels.shape
        assert iio.immeta(path, index=number) == {"kind": "folder", "name": name}
    assert [image.shape for image in iio.imiter(path)] == [p.shape for p in pictures.values()]
    with pytest.raises(bitsback.InputError, match="2 shapes"):
        iio.imread(path)


def test_a_single_picture(made: Path, pictures: dict[str, NDArray[Any]]) -> None:
    path, expected = made / "scan.bb", pictures["c.png"]
    assert np.array_equal(iio.imread(path), expected)
    assert np.array_equal(iio.imread(path, index=...), expected[np.newaxis])
    assert iio.improps(path).n_images is None
    assert iio.improps(path, index=...).shape == (1, *expected.shape)
    assert iio.immeta(path)["name"] == "c.png"


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 3)])
def test_an_array_that_is_one_image(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    bitsback.compress(array, tmp_path / "x.bb")
    assert np.array_equal(iio.imread(tmp_path / "x.bb"), array)
    assert np.array_equal(iio.imread(tmp_path / "x.bb", index=...), array[np.newaxis])
    assert [image.shape for image in iio.imiter(tmp_path / "x.bb")] == [shape]


def test_arrays_of_an_npz_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.eye(3), b=np.zeros(5))
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    assert np.array_equal(iio.imread(tmp_path / "x.bb", index=0), np.eye(3))
    assert iio.immeta(tmp_path / "x.bb", index=1)["name"] == "b"


def test_bytes_of_an_archive(made: Path, volume: NDArray[np.uint8]) -> None:
    assert np.array_equal(iio.imread((made / "volume.bb").read_bytes(), extension=".bb"), volume)


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.bb").write_bytes(b"none")
    with pytest.raises(OSError, match="can not handle"):
        iio.imread(tmp_path / "x.bb", plugin="bitsback")
    with pytest.raises(OSError, match="can not handle"):
        iio.imwrite(tmp_path / "y.bb", np.eye(3), plugin="bitsback")
