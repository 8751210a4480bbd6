"""Datasets of xarray, written and read with the codecs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from numpy.typing import NDArray

from bitsback.numcodecs import Bitsback
from bitsback.zarr import BitsbackCodec


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_dataset_comes_back(zarr_format: Any, volume: NDArray[np.uint16], tmp_path: Path) -> None:
    dataset = xarray.Dataset(
        {
            "volume": (("z", "y", "x"), volume),
            "mask": (("z", "y", "x"), volume > 900),
            "height": (("y", "x"), volume[0] / 7),
        },
        coords={"z": np.arange(6) * 0.5},
        attrs={"about": "slices"},
    )
    codec = (
        {"serializer": BitsbackCodec(), "compressors": None}
        if zarr_format == 3
        else {"compressors": Bitsback()}
    )
    path = tmp_path / "data.zarr"
    encoding = {name: {**codec, "chunks": dataset[name].shape} for name in dataset}
    dataset.to_zarr(path, encoding=encoding, zarr_format=zarr_format, consolidated=False)
    found = xarray.open_zarr(path, consolidated=False, chunks=None)
    xarray.testing.assert_identical(found.load(), dataset)
    # Data that were read are written again with the same encoding.
    found.to_zarr(tmp_path / "again.zarr", zarr_format=zarr_format, consolidated=False)
    again = xarray.open_zarr(tmp_path / "again.zarr", consolidated=False, chunks=None)
    xarray.testing.assert_identical(again.load(), dataset)
    assert (
        again["volume"].encoding["filters" if zarr_format == 2 else "serializer"]
        == (found["volume"].encoding["filters" if zarr_format == 2 else "serializer"])
    )
