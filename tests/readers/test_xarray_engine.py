"""xarray opens archives lazily."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import tifffile
import xarray
from numpy.typing import NDArray

import bitsback
from bitsback.xarray import BitsbackBackend


def opened(path: Path, **options: Any) -> xarray.Dataset:
    return xarray.open_dataset(path, engine=BitsbackBackend, **options)


def test_an_array_is_decoded_where_it_is_indexed(
    made: Path, volume: NDArray[np.uint8], decoded: list[int]
) -> None:
    with opened(made / "volume.bb", dims="zyx") as dataset:
        array = dataset["array"]
        assert (array.dims, array.shape, array.dtype) == (tuple("zyx"), volume.shape, np.uint8)
        assert not decoded
        assert np.array_equal(array[5:8, ::-2], volume[5:8, ::-2])
        assert decoded == [4]
        assert dataset.attrs == {"kind": "npy"}


@pytest.mark.parametrize(
    "key",
    [
        (3,),
        (slice(10, 2, -3), 4),
        ([7, 1, 7], slice(None), [3, 0, 8]),
        ([7, -1], [2, 2, 1, -3], [3, 0, 8]),
        (3, [2, 2, 1], [3, 0, 8]),
        (2, [5, 5, 1], slice(1, None, 2)),
        (slice(None), slice(0), 1),
        (slice(None), [], [0]),
        (np.arange(12) % 3 == 0, -1, -2),
    ],
)
def test_indexes(made: Path, volume: NDArray[np.uint8], key: tuple[Any, ...]) -> None:
    """As those of an array in memory, which xarray indexes along each axis."""
    there = xarray.DataArray(volume)
    with opened(made / "volume.bb") as dataset:
        assert np.array_equal(dataset["array"][key], there[key])
        points = {axis: ("point", [0, 3, 2]) for axis in there.dims}
        assert np.array_equal(dataset["array"].isel(points), there.isel(points))


def test_blocks_are_the_chunks_of_dask(made: Path, volume: NDArray[np.uint8]) -> None:
    with opened(made / "volume.bb", chunks={}) as dataset:
        assert dataset["array"].chunks == ((4, 4, 4), (10,), (9,))
        again = pickle.loads(pickle.dumps(dataset))
        with dask.config.set(scheduler="threads"):
            assert int(dataset["array"].sum()) == int(again["array"].sum()) == volume.sum()


def test_several_arrays(tmp_path: Path) -> None:
    given = {"images": np.arange(24).reshape(4, 3, 2), "labels": np.arange(4), "one": np.float32(3)}
    np.savez(tmp_path / "x.npz", **given)
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    with opened(tmp_path / "x.bb") as dataset:
        assert dict(dataset.sizes) == {"dim_0": 4, "dim_1": 3, "dim_2": 2}
        for name, array in given.items():
            assert np.array_equal(dataset[name], array) and dataset[name].dtype == array.dtype
    with opened(tmp_path / "x.bb", drop_variables="one", dims={"labels": ["item"]}) as dataset:
        assert set(dataset) == {"images", "labels"} and dataset["labels"].dims == ("item",)
    np.savez(tmp_path / "y.npz", a=np.zeros(3), b=np.zeros((4, 5)))
    bitsback.compress(tmp_path / "y.npz", tmp_path / "y.bb")
    with opened(tmp_path / "y.bb") as dataset:
        assert dataset["a"].dims == ("a_dim_0",) and dataset["b"].dims == ("b_dim_0", "b_dim_1")
    with pytest.raises(bitsback.InputError, match="2 axes, and 1 names"):
        opened(tmp_path / "y.bb", dims="x")


def test_pictures_of_one_shape_are_a_variable(
    made: Path, pictures: dict[str, NDArray[Any]], decoded: list[int]
) -> None:
    with opened(made / "folder.bb") as dataset:
        assert set(dataset) == {"pictures", "c.png"}
        stack = dataset["pictures"]
        assert stack.shape == (3, 7, 8) and not decoded
        names = dataset["pictures_name"]
        assert list(names.values) == ["a/1.png", "a/2.png", "b.png"]
        assert np.array_equal(stack[::-1][0, 2:], pictures["b.png"][2:])
        assert np.array_equal(dataset["c.png"], pictures["c.png"])
        assert np.array_equal(stack[[2, 0]], [pictures["b.png"], pictures["a/1.png"]])


def test_pages_of_a_tiff_file(tmp_path: Path) -> None:
    pages = np.arange(3 * 9 * 10, dtype=np.uint16).reshape(3, 9, 10)
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack")
    bitsback.compress(tmp_path / "x.tif", tmp_path / "x.bb")
    with opened(tmp_path / "x.bb") as dataset:
        assert np.array_equal(dataset["x.tif"], pages)
        assert np.array_equal(dataset["x.tif"][1, ::2], pages[1, ::2])


def test_the_engine_is_registered(made: Path) -> None:
    assert BitsbackBackend().guess_can_open(made / "volume.bb")
    assert not BitsbackBackend().guess_can_open("x.nc")
    assert "bitsback" in xarray.backends.list_engines()
    with xarray.open_dataarray(made / "volume.bb", engine="bitsback") as array:
        assert array.shape == (12, 10, 9)
