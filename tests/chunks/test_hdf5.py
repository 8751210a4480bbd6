"""The filter of HDF5, by way of h5py."""

from __future__ import annotations

import io
import multiprocessing
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import bitsback
from bitsback.hdf5 import FILTER, Bitsback
from bitsback.models import known


def written(array: NDArray[Any], chunks: tuple[int, ...], **options: Any) -> h5py.Dataset:
    """A dataset whose chunks are in the file, and not in HDF5's memory."""
    file = h5py.File(io.BytesIO(), "w")
    file.create_dataset("x", data=array, chunks=chunks, **({**Bitsback()} | options))
    return again(file["x"])


def again(data: h5py.Dataset) -> h5py.Dataset:
    """The dataset, closed and opened again."""
    file, name = data.file, data.name
    data.id._close()
    return file[name]


def chunks_of(data: h5py.Dataset) -> list[bytes]:
    return [
        data.id.read_direct_chunk(data.id.get_chunk_info(number).chunk_offset)[1]
        for number in range(data.id.get_num_chunks())
    ]


@pytest.mark.parametrize("options", [{}, {"axes": "zyx"}, {"model": ["universal", "bilevel"]}])
def test_volumes_come_back(options: Any, volume: NDArray[np.uint16]) -> None:
    """Volumes come back, also with chunks that reach over the edge."""
    data = written(volume[:5], (2, 24, 20), **Bitsback(**options))
    assert (data[...] == volume[:5]).all()
    assert (data[1:4, 7, ::3] == volume[1:4, 7, ::3]).all()
    assert data.id.get_num_chunks() == 6
    assert data.id.get_storage_size() < 0.8 * volume.nbytes


def test_the_mapping_is_what_h5py_takes(volume: NDArray[np.uint16]) -> None:
    file = h5py.File(io.BytesIO(), "w")
    whole = {**Bitsback(axes="yx")}
    assert whole == {"compression": FILTER, "compression_opts": (1, 1, 0)}
    for number, how in enumerate((whole, {"compression": Bitsback()}, {"compression": FILTER})):
        data = file.create_dataset(str(number), data=volume, chunks=(3, 24, 30), **how)
        assert (data[...] == volume).all()


def test_numbers_of_another_dataset_may_be_given(volume: NDArray[np.uint16]) -> None:
    """The properties of a dataset that is copied include those of its chunks."""
    data = written(volume, (3, 24, 30), **Bitsback(axes="zyx"))
    properties = data.id.get_create_plist()
    properties.set_chunk((2, 9, 30))
    space, kind = h5py.h5s.create_simple((4, 9, 30)), h5py.h5t.STD_I32BE
    copied = h5py.Dataset(h5py.h5d.create(data.file.id, b"y", kind, space, properties))
    copied[...] = volume[:4, :9]
    copied = again(copied)
    assert (copied[...] == volume[:4, :9]).all()
    (first, _) = map(bitsback.decode, chunks_of(copied))
    assert first.shape == (2, 9, 30) and first.dtype.str == ">i4"


@given(
    arrays.arrays(
        st.sampled_from(
            ["bool", "u1", "i1", "<i2", ">u2", ">u4", "<i8", "f2", ">f4", "f8", "c8", ">c16", "S3"]
        ).map(np.dtype),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=9),
    ),
    st.data(),
)
def test_any_dtype_and_shape_of_chunks(array: NDArray[Any], data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.integers((size + 1) // 2, size)) for size in array.shape)
    found = written(array, chunks, fletcher32=data.draw(st.booleans()))
    assert found.dtype == array.dtype
    assert found[...].tobytes() == array.tobytes()
    for chunk in chunks_of(found):
        assert len(chunk) <= np.prod(chunks) * array.itemsize + 40


@pytest.mark.parametrize(
    "array",
    [
        np.array([(1, 2.5), (3, 4.5)], "i4,f8"),
        np.array([(1, 2, 3), (3, 4, 5)], np.dtype(("u1", 3))),
        np.array([0, 1, 1], h5py.enum_dtype({"no": 0, "yes": 1})),
        np.arange(3).astype(np.longdouble),
        np.array(["ab", "c", "ç"], h5py.string_dtype()),
    ],
    ids=["records", "arrays", "choices", "long", "texts"],
)
def test_dtypes_that_are_no_numbers_come_back(array: NDArray[Any]) -> None:
    data = written(array, (2, *array.shape[1:]))
    assert (data.asstr()[...] == array if array.dtype == object else data[...] == array).all()


def test_a_dataset_grows_and_is_changed(volume: NDArray[np.uint16]) -> None:
    data = written(volume[:3], (2, 24, 20), maxshape=(None, 24, 30), fillvalue=7)
    data.resize(8, axis=0)
    data[5:] = volume[:3]
    data[0, 3, 5] = 9
    data = again(data)
    assert (data[5:] == volume[:3]).all() and (data[3:5] == 7).all()
    assert data[0, 3, 5] == 9 and (data[1:3] == volume[1:3]).all()


def test_a_chunk_is_a_block_alone(volume: NDArray[np.uint16]) -> None:
    """So it can be read and written without HDF5's lock."""
    data = written(volume, (3, 24, 30))
    assert (bitsback.decode(chunks_of(data)[1]) == volume[3:]).all()
    data.id.write_direct_chunk((0, 0, 0), bitsback.encode(volume[3:]))
    assert (data[:3] == volume[3:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shuffle": True}, "bitsback has to be the first filter"),
        ({"compression_opts": (9, 9)}, "numbers .9, 9., which this bitsback does not know"),
        ({**Bitsback(axes="zyxc")}, "axes='zyxc'.* has too few axes"),
        ({**Bitsback("mnist")}, "no model of this array codes chunks"),
    ],
)
def test_what_cannot_be_coded_is_refused(
    options: Any, message: str, volume: NDArray[np.uint16]
) -> None:
    with pytest.raises(ValueError, match=message):
        written(volume, (3, 24, 30), **options)
    with pytest.raises(bitsback.InputError, match="axes='tyx': it must be one of"):
        Bitsback(axes="tyx")  # type: ignore[arg-type]


def test_models_of_ones_own(
    drawn: NDArray[np.uint8], own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Datasets name them, and readers must know them."""
    data = written(drawn, (100, 12, 12), **Bitsback(own_file))
    assert (data[...] == drawn).all()
    identity = bitsback.load_model(own_file).identity
    assert all(identity[:16] in chunk for chunk in chunks_of(data))
    monkeypatch.setattr(known, "_models", {})
    with pytest.raises(OSError, match=r"model .* does not ship .*BITSBACK_MODELS"):
        data[...]
    monkeypatch.setenv("BITSBACK_MODELS", str(own_file.parent))
    assert (data[...] == drawn).all()


def test_a_chunk_that_cannot_be_coded_is_kept_as_it_is(
    volume: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> bytes:
        raise bitsback.ModelError("no model today")

    with monkeypatch.context() as patch:
        patch.setattr("bitsback.chunks.ChunkCoding.encode", broken)
        data = written(volume, (3, 24, 30))
    assert "stays uncompressed: no model today" in caplog.text
    assert (data[...] == volume).all() and data.id.get_storage_size() == volume.nbytes


def test_damage_is_an_error(volume: NDArray[np.uint16]) -> None:
    data = written(volume, (6, 24, 30))
    (whole,) = chunks_of(data)
    for at in (0, 1, 5, 60, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 1
        data.id.write_direct_chunk((0, 0, 0), bytes(changed))
        with pytest.raises(OSError, match=r"\(a block of bitsback|\(a chunk has"):
            data[...]
    for size in (1, 2, 11, 100, len(whole) - 1):
        data.id.write_direct_chunk((0, 0, 0), whole[:size])
        with pytest.raises(OSError, match=r"\(a block of bitsback"):
            data[...]
    data.id.write_direct_chunk((0, 0, 0), whole)
    assert (data[...] == volume).all()


def test_a_chunk_cannot_claim_more_than_the_dataset(volume: NDArray[np.uint16]) -> None:
    data = written(volume, (6, 24, 30))
    claims = bitsback.encode(volume)[:2] + b"|u1\x01\x80\x80\x80\x80\x04\x00\x00"  # 1 GB
    for chunk in (claims + bytes(20_000), bitsback.encode(volume[:5])):
        data.id.write_direct_chunk((0, 0, 0), chunk)
        with pytest.raises(OSError, match=r"a chunk has \d+ bytes, and chunks of its dataset 8640"):
            data[...]


NUMBERS = np.array([1, 0, 0, 30012, 2, 6, 24, 30], "<u4")


@pytest.fixture(scope="module")
def numbered() -> bytes:
    """A file with a dataset of these numbers."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        zeros = np.zeros((6, 24, 30), "<u2")
        made.create_dataset("x", data=zeros, chunks=(6, 24, 30), **Bitsback())
    assert file.getvalue().count(NUMBERS.tobytes()) == 1
    return file.getvalue()


@given(at=st.integers(0, 7), value=st.integers(0, 2**32 - 1) | st.integers(0, 300))
def test_damaged_numbers_of_a_dataset_are_an_error(numbered: bytes, at: int, value: int) -> None:
    changed = NUMBERS.copy()
    changed[at] = value
    data = numbered.replace(NUMBERS.tobytes(), changed.tobytes())
    with h5py.File(io.BytesIO(data)) as file:
        try:
            assert not file["x"][...].any()
        except OSError as error:
            assert re.search("the filter|a chunk has|does not ship", str(error))


def test_many_threads_read_and_write_at_once(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w", rdcc_nbytes=0) as file:
        data = file.create_dataset("x", (48, 24, 30), "u2", chunks=(2, 24, 30), **Bitsback())

        def work(number: int) -> bool:
            part = slice(6 * number, 6 * number + 6)
            data[part] = volume + np.uint16(number)
            return bool((data[part] == volume + np.uint16(number)).all())

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(work, range(8)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_processes_read(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=volume, chunks=(2, 24, 30), **Bitsback())
    with h5py.File(tmp_path / "x.h5") as file:
        assert (file["x"][:2] == volume[:2]).all()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for number, found in enumerate(pool.starmap(_slice, [(tmp_path, n) for n in range(6)])):
            assert (found == volume[number]).all()


def _slice(folder: Path, number: int) -> NDArray[Any]:
    with h5py.File(folder / "x.h5") as file:
        found: NDArray[Any] = file["x"][number]
        return found


def test_a_file_that_is_open_at_the_end_is_written(tmp_path: Path) -> None:
    code = (
        "import h5py, numpy, bitsback.hdf5 as b\n"
        "file = h5py.File('x.h5', 'w')\n"
        "a = numpy.arange(900).reshape(30, 30)\n"
        "data = file.create_dataset('x', data=a, chunks=(9, 9), **b.Bitsback())"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr, run.stderr
    with h5py.File(tmp_path / "x.h5") as file:
        assert (file["x"][...].ravel() == np.arange(900)).all()
