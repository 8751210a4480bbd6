"""Old blocks, Zarr arrays and datasets of HDF5 decode to the same arrays, by the program and by the
specification, and blocks are written with the same bytes.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import bitsback
from bundled_models import spec_model
from reference import alone as spec

from .golden.make import BLOCKS, DATASETS, EXACT, FOLDER, ZARRS, make


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.block").read_bytes()


def assert_same(found: NDArray[Any], array: NDArray[Any]) -> None:
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes("A") == array.tobytes("A")


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_decodes_to_its_array(name: str) -> None:
    assert_same(bitsback.decode(read(name)), BLOCKS[name][0]())


def test_nothing_is_compressed_while_a_block_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is of the bytes of a value map, and other versions of zlib make other ones."""
    blocks = [read(name) for name in BLOCKS]
    blocks += [bitsback.encode(np.sqrt(np.arange(3000.0)).reshape(50, 60))]
    monkeypatch.setattr("zlib.compressobj", None)
    monkeypatch.setattr("zlib.compress", None)
    for block in blocks:
        bitsback.decode(block)


SLOW = {"grey", "colour"}
"""The specification takes long to decode these."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in BLOCKS]
)
def test_the_specification_decodes_it_too(name: str) -> None:
    make_array, options = BLOCKS[name]
    given = options.get("model")
    names = [given] if given else ["universal", "universal-16", "universal-mixed"]
    models = [spec_model(name) for name in names]
    assert_same(spec.decode(read(name), models), make_array())


@pytest.mark.parametrize("name", EXACT)
def test_its_array_gives_the_same_bytes(name: str) -> None:
    assert make(name) == read(name)


@pytest.mark.parametrize("name", ZARRS)
def test_an_array_of_zarr_decodes(name: str) -> None:
    found, array = zarr.open_array(FOLDER / name, mode="r"), ZARRS[name][0]()
    assert (np.asarray(found[...]) == array).all()


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_of_hdf5_decodes(name: str) -> None:
    with h5py.File(FOLDER / "arrays.h5") as file:
        assert_same(file[name][...], DATASETS[name][0]())


def test_there_are_no_others() -> None:
    assert {path.name for path in FOLDER.glob("*.*") if path.suffix != ".py"} == {
        *(f"{name}.block" for name in BLOCKS),
        *ZARRS,
        "arrays.h5",
    }
