"""Blocks alone, Zarr arrays and a file of HDF5 that must decode for ever, and their content; run
this file to write them again.

They pin the meaning of bytes. A change of them is a change of the format.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr
from numpy.typing import NDArray

import bitsback
import bitsback.hdf5
from bitsback.numcodecs import Bitsback
from bitsback.zarr import BitsbackCodec
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

FOLDER = Path(__file__).parent


def waves(*shape: int) -> NDArray[np.int64]:
    """Smooth in all directions, with a little noise, computed by integers alone."""
    places = np.meshgrid(*map(np.arange, shape), indexing="ij")
    smooth = sum((place * (number + 3)) ** 2 // 50 for number, place in enumerate(places)) % 500
    noise = bitsback._core.splitmix64(0, 0, int(np.prod(shape))).reshape(shape) % np.uint64(5)
    return np.asarray(smooth + noise.astype(np.int64))


BLOCKS: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "digits": (lambda: binarised_mnist_test_images()[:4], {"model": "mnist-binary"}),
    "inverted": (lambda: ~binarised_mnist_test_images()[:3], {"model": "mnist-binary"}),
    "grey": (lambda: mnist_test_images()[:2], {"model": "mnist"}),
    "stack": (lambda: (waves(4, 30, 31) - 250).astype(">i2"), {"axes": "zyx"}),
    "colour": (lambda: (waves(40, 41, 3) // 2).astype("u1"), {"axes": "yxc"}),
    "columns": (lambda: np.asfortranarray(waves(40, 45).astype("<u2")), {}),
    "floats": (lambda: waves(30, 9) / 8, {}),
    "noise": (lambda: np.frombuffer(bytes(range(9)), "u1"), {}),
    "nothing": (lambda: np.zeros((4, 0, 3), "<f4"), {}),
    "number": (lambda: np.array(-5, ">i8"), {}),
}

ZARRS: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "digits.zarr": (
        lambda: mnist_test_images()[:4],
        {"chunks": (2, 28, 28), "shards": (4, 28, 28), "serializer": BitsbackCodec(model="mnist")},
    ),
    "volume.zarr": (
        lambda: waves(4, 12, 15).astype("u2"),
        {"chunks": (4, 12, 15), "serializer": BitsbackCodec()},
    ),
    "volume-2.zarr": (
        lambda: waves(4, 12, 15).astype(">u2"),
        {"chunks": (4, 12, 15), "zarr_format": 2, "order": "F", "compressors": Bitsback()},
    ),
}

DATASETS: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "digits": (
        lambda: binarised_mnist_test_images()[:4],
        {"chunks": (3, 28, 28), **bitsback.hdf5.Bitsback(["mnist-binary", "universal"], "yx")},
    ),
    "volume": (
        lambda: waves(4, 12, 15).astype(">u2"),
        {"chunks": (4, 12, 15), "fletcher32": True, **bitsback.hdf5.Bitsback()},
    ),
}
"""Those of the file of HDF5."""

EXACT = ("digits", "inverted", "grey", "stack", "colour", "columns", "noise", "nothing", "number")
"""The chunks without a part by a general compressor, whose versions may differ in bytes."""


def make(name: str) -> bytes:
    array, options = BLOCKS[name]
    return bitsback.encode(array(), **options)


def make_zarr(name: str) -> None:
    array, options = ZARRS[name]
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    zarr.create_array(FOLDER / name, data=array(), **{"compressors": None} | options)


def make_hdf5() -> None:
    with h5py.File(FOLDER / "arrays.h5", "w") as file:
        for name, (array, options) in DATASETS.items():
            file.create_dataset(name, data=array(), **options)


if __name__ == "__main__":
    for name in BLOCKS:
        (FOLDER / f"{name}.block").write_bytes(make(name))
    for name in ZARRS:
        make_zarr(name)
    make_hdf5()
