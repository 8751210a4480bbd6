"""Reading .npy files and streams item by item, without trusting their claims."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.files.npy import open_items, write_header
from in_memory import Pipe


def saved(array: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def read_all(source: Any, step: int = 2) -> NDArray[Any]:
    with open_items(source) as items:
        axes = min(len(items.shape), 1)
        count = items.shape[0] if axes else 1
        parts = [items.read(min(step, count - at), axes) for at in range(0, count, step)]
        items.finish()
        assert all(part.flags.c_contiguous for part in parts)
        joined = b"".join(part.tobytes() for part in parts)
        return np.frombuffer(joined, items.dtype).reshape(items.shape)


ARRAYS = [
    np.arange(60).reshape(5, 3, 4),
    np.arange(60, dtype=">f4").reshape(5, 12),
    np.asfortranarray(np.arange(60, dtype="<u2").reshape(5, 3, 4)),
    np.arange(7) > 3,
    np.zeros((0, 3)),
    np.asfortranarray(np.zeros((3, 0, 2))),
    np.zeros((4, 0)),
    np.array(5, np.int8),
]


@pytest.mark.parametrize("array", ARRAYS)
def test_every_source_gives_the_same(tmp_path: Path, array: NDArray[Any]) -> None:
    data = saved(array)
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    (tmp_path / "x.npy.gz").write_bytes(gzip.compress(data))
    with gzip.open(f"{path}.gz") as unzipped:
        results = [
            read_all(source)
            for source in (array, path, str(path), io.BytesIO(data), Pipe(data, 7), unzipped)
        ]
    for restored in results:
        assert restored.dtype.str == array.dtype.str and restored.shape == array.shape
        np.testing.assert_array_equal(restored, array)
    with path.open("rb") as file:
        np.testing.assert_array_equal(read_all(file), array)


def test_headers_of_every_version() -> None:
    array = np.arange(6).reshape(2, 3)
    for version in ((1, 0), (2, 0), (3, 0)):
        file = io.BytesIO()
        np.lib.format.write_array(file, array, version=version)
        np.testing.assert_array_equal(read_all(io.BytesIO(file.getvalue())), array)


@pytest.mark.parametrize("array", ARRAYS)
def test_what_is_written_numpy_reads(array: NDArray[Any]) -> None:
    file = io.BytesIO()
    write_header(file.write, array.dtype, array.shape)
    file.write(array.tobytes())
    assert file.getvalue() == saved(np.array(array, order="C"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_data_that_is_too_short_or_too_long(tmp_path: Path, order: Any) -> None:
    data = saved(np.array(np.arange(60).reshape(5, 12), order=order))
    path = tmp_path / "x.npy"
    for wrong in (data[:-1], data[:-100], data[:128], data + b"\0"):
        path.write_bytes(wrong)
        for source in (path, Pipe(wrong, 7)):
            name = r"x\.npy" if source is path else "the input"
            with pytest.raises(InputError, match=f"{name}: .*(bytes|early|longer)"):
                read_all(source)


def test_what_is_no_npy_file(tmp_path: Path) -> None:
    for data in (b"", b"\x93NUM", b"hello world, this is text", b"\x93NUMPY\x09\x00" + bytes(100)):
        with pytest.raises(InputError, match=r"the input: .*(no \.npy file|version)"):
            read_all(io.BytesIO(data))
    for path in (tmp_path, tmp_path / "none.npy"):
        with pytest.raises(InputError, match="cannot be read"):
            read_all(path)
    with pytest.raises(InputError, match="not int"):
        read_all(5)


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        (np.array([{}, None]), ["object", "astype"]),
        (np.zeros(3, [("r", "u1"), ("g", "u1")]), ["fields r, g", "save each"]),
        (np.zeros(3, complex), ["complex128", ".real"]),
        (np.zeros(3, "U5"), ["<U5", "astype"]),
        (np.zeros(3, "S5"), ["S5", "astype"]),
        (np.zeros(3, "M8[s]"), ["datetime64", "i8"]),
        (np.zeros(3, "m8[s]"), ["timedelta64", "i8"]),
        (np.zeros(3, "V3"), ["V3", "astype"]),
    ],
)
def test_dtypes_that_are_refused(tmp_path: Path, array: NDArray[Any], parts: list[str]) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(saved(array, allow_pickle=True))
    for source in (path, array):
        with pytest.raises(InputError) as raised:
            read_all(source)
        for part in (*parts, "x.npy" if source is path else "the array"):
            assert part in str(raised.value)


def header(shape: str, descr: str = "'|u1'", fortran: bool = False) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "shape", ["(1 << 40,)", "(-1,)", "(1.5,)", "[3]", "'a'", "(True, 3)", "(3", "(10**30,)"]
)
def test_headers_that_are_none(shape: str) -> None:
    with pytest.raises(InputError, match="the input: "):
        read_all(io.BytesIO(header(shape) + bytes(10)))


@pytest.mark.parametrize("fortran", [False, True])
def test_a_size_beyond_all_claims_no_memory(tmp_path: Path, fortran: bool) -> None:
    data = header(f"({1 << 29}, {1 << 29})", fortran=fortran) + bytes(1000)
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    tracemalloc.start()
    sources: list[Any] = [path, Pipe(data, 7)]
    for source in sources:
        with (
            pytest.raises(InputError, match=r"bytes of data|too early"),
            open_items(source) as items,
        ):
            items.read(1 << 28, 1)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_header_beyond_all() -> None:
    with pytest.raises(InputError, match="4294967295 bytes"):
        read_all(io.BytesIO(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100)))


def test_a_named_pipe(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path)
    array = np.arange(1000)
    writer = threading.Thread(target=lambda: path.write_bytes(saved(array)))
    writer.start()
    np.testing.assert_array_equal(read_all(path, 300), array)
    writer.join()
