"""The numcodecs codec: the interface that numcodecs requires, and Zarr 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import bitsback
from bitsback.models import known
from bitsback.numcodecs import Bitsback

from . import codec_checks as checks

RNG = np.random.default_rng(0)
ARRAYS = [
    np.arange(1000, dtype="i4"),
    np.linspace(1000, 1001, 1000, dtype="f8"),
    RNG.normal(loc=1000, scale=1, size=(100, 10)),
    RNG.integers(0, 2, 1000).astype(bool).reshape(100, 10, order="F"),
    RNG.integers(0, 2**60, 200, dtype="u8").view("M8[ns]"),
    RNG.integers(0, 2**60, 200, dtype="u8").view("m8[m]"),
    np.array([b"foo", b"bar", b"baz"] * 30),
    np.asfortranarray(np.arange(600, dtype=">u2").reshape(20, 30)),
    np.arange(60, dtype="c8").reshape(3, 4, 5),
    np.arange(4 * 12 * 12, dtype="u1").reshape(4, 12, 12) % 50,
]
NUMBERS = [array for array in ARRAYS if array.dtype.kind in "iufb"]
CODECS = ["Bitsback(model='auto', axes='auto')", "Bitsback(model='universal', axes='yx')"]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.str)
def test_encode_decode(array: NDArray[Any]) -> None:
    checks.check_encode_decode(array, Bitsback())


@pytest.mark.parametrize("array", NUMBERS, ids=lambda array: array.dtype.str)
def test_encode_decode_array(array: NDArray[Any]) -> None:
    checks.check_arrays_stay_arrays(array, Bitsback())


@pytest.mark.parametrize("codec", CODECS)
def test_config_and_repr(codec: str) -> None:
    assert repr(eval(codec)) == codec
    checks.check_config(eval(codec))


def test_objects_are_refused() -> None:
    checks.check_objects_are_refused(Bitsback())


def test_it_is_found_by_its_name() -> None:
    assert numcodecs.get_codec({"id": "bitsback"}) == Bitsback()
    assert numcodecs.get_codec({"id": "bitsback", "axes": "zyx"}) == Bitsback(axes="zyx")
    assert Bitsback() != Bitsback("universal")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i2", "f4", "bool", "M8[s]"])
def test_arrays_of_zarr_2_come_back(order: Any, dtype: str, volume: NDArray[np.uint16]) -> None:
    array = (volume // 10).astype(dtype)
    store: dict[str, Any] = {}
    zarr.create_array(
        store, data=array, chunks=(4, 24, 20), order=order, zarr_format=2, compressors=Bitsback()
    )
    found = zarr.open_array(store, mode="r")
    assert found.dtype == array.dtype
    assert (np.asarray(found[...]) == array).all()


def test_it_may_be_a_filter_of_zarr_2(volume: NDArray[np.uint16]) -> None:
    store: dict[str, Any] = {}
    zarr.create_array(
        store,
        data=volume,
        chunks=(6, 24, 30),
        zarr_format=2,
        filters=[Bitsback("universal")],
        compressors=numcodecs.Zlib(),
    )
    assert (np.asarray(zarr.open_array(store)[...]) == volume).all()


def test_the_metadata_name_models_and_the_chunks_do_not(volume: NDArray[np.uint16]) -> None:
    store: dict[str, Any] = {}
    codec = Bitsback("universal")
    zarr.create_array(store, data=volume, chunks=(6, 24, 30), zarr_format=2, compressors=codec)
    compressor = json.loads(store[".zarray"].to_bytes())["compressor"]
    assert compressor == codec.get_config()
    (model,) = compressor["models"]
    assert bytes.fromhex(model["identity"])[:8] not in store["0.0.0"].to_bytes()
    assert len(store["0.0.0"].to_bytes()) < 0.65 * volume.nbytes


def test_a_model_of_ones_own(
    own_file: Path, drawn: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Bitsback(own_file).encode(drawn)
    carried = Bitsback(own_file, embed=True)
    missing = numcodecs.get_codec(Bitsback(own_file).get_config())
    monkeypatch.setattr(known, "_models", {})
    with pytest.raises(bitsback.ModelError, match="register_model"):
        missing.decode(data)
    config = json.loads(json.dumps(carried.get_config()))
    assert (numcodecs.get_codec(config).decode(data) == drawn).all()


def test_damage_is_an_error(volume: NDArray[np.uint16]) -> None:
    data = bytearray(Bitsback().encode(volume))
    data[40] ^= 1
    with pytest.raises(bitsback.ArchiveError, match="a block of bitsback"):
        Bitsback().decode(data)
    with pytest.raises(bitsback.ArchiveError):
        Bitsback().decode(b"")
