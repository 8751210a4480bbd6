"""Arrays of other libraries, and iterators of images, are compressed as they arrive."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import bitsback
from in_memory import pack
from plane_models import only_one_shape


def noise(*shape: int, dtype: str = "<u2") -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 1 << 16, shape).astype(dtype)


def restored(source: Any, **options: Any) -> NDArray[Any]:
    file = io.BytesIO()
    bitsback.compress(source, file, threads=1, model="fast", **options)
    array: NDArray[Any] = bitsback.decompress(file.getvalue())
    return array


def same(found: NDArray[Any], array: NDArray[Any]) -> bool:
    return (found.dtype, found.shape) == (array.dtype, array.shape) and (
        found.tobytes() == array.tobytes()
    )


class Counted:
    """A chunked array that counts how often each chunk is read."""

    def __init__(self, array: NDArray[Any], chunks: Any) -> None:
        self.array, self.chunks = array, chunks
        self.dtype, self.shape = array.dtype, array.shape
        self.asked: list[Any] = []

    def __array__(self) -> NDArray[Any]:
        raise AssertionError("all of it is never asked for")

    def __getitem__(self, key: Any) -> NDArray[Any]:
        self.asked.append(key)
        return self.array[key]


@given(length=st.integers(1, 60), chunk=st.integers(1, 70), block=st.integers(1, 25))
def test_each_chunk_is_asked_for_once(length: int, chunk: int, block: int) -> None:
    array = noise(length, 3, 5)
    source = Counted(array, (chunk, 3, 5))
    assert same(restored(source, block=block, stack=False), array)
    starts = [key[0].start for key in source.asked]
    ends = [key[0].stop for key in source.asked]
    assert starts == [0, *ends[:-1]] and ends[-1] == length
    assert all(end % chunk == 0 or end == length for end in ends)
    assert max(end - start for start, end in zip(starts, ends, strict=True)) < block + chunk


def test_large_items_are_read_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    only_one_shape(monkeypatch)  # a trial would read some more than once
    array = noise(2, 70, 40, 3)
    source = Counted(array, ((1, 1), (30, 40), (40,), (3,)))
    assert same(restored(source, tile=16), array)
    asked = [(item, rows.start, rows.stop) for item, rows in source.asked]
    assert asked == [(0, 0, 30), (0, 30, 70), (1, 0, 30), (1, 30, 70)]


@pytest.mark.parametrize("stack", [None, True, False])
def test_a_stack_in_chunks(stack: bool | None) -> None:
    array = noise(20, 33, 40) // 256
    source = da.from_array(array, chunks=(7, 20, 40))
    assert same(restored(source, stack=stack, tile=16), array)


def make_zarr(array: NDArray[Any]) -> Any:
    source = zarr.create(array.shape, dtype=array.dtype, chunks=(7, 2, 4), store={})
    source[...] = array
    return source


MAKERS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "zarr": make_zarr,
    "dask": lambda array: da.from_array(array, chunks=((5, 20, 5), 3, 2)),
    "torch": torch.from_numpy,
    "only __array__": lambda array: Lent(array),
    "list": list,
    "tuple": tuple,
    "archive": lambda array: bitsback.open(pack(array, block=4)),
}


class Lent:
    """An array with nothing but `__array__`."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self._array


@pytest.mark.parametrize("name", MAKERS)
def test_arrays_of_others(name: str) -> None:
    array = noise(30, 3, 4).astype("<i8")
    assert same(restored(MAKERS[name](array), block=4), array)


def test_a_picture_of_pillow() -> None:
    image = noise(30, 40, 3).astype(np.uint8)
    assert same(restored(Image.fromarray(image)), image)


@given(st.integers(0, 30), st.integers(1, 10), st.sampled_from(["<u2", ">u2", "|u1"]))
def test_images_one_after_another(count: int, block: int, dtype: str) -> None:
    array = noise(count, 3, 4, dtype=dtype)

    def images() -> Iterator[NDArray[Any]]:
        yield from array.astype(array.dtype.newbyteorder("="))  # only the order of bytes may differ

    assert same(restored(images(), dtype=dtype, shape=array.shape, block=block), array)


def test_slices_one_after_another() -> None:
    array = noise(20, 33, 40).astype(np.uint8)
    for stack in (True, False):
        found = restored(iter(array), dtype="u1", shape=array.shape, stack=stack, tile=16)
        assert same(found, array)


def test_no_more_images_are_held_than_needed(tmp_path: Path) -> None:
    held = 0

    class Held(np.ndarray[Any, Any]):
        def __del__(self) -> None:
            nonlocal held
            held -= 1

    def images() -> Iterator[Any]:
        nonlocal held
        for number in range(300):
            held += 1
            assert held <= 2
            yield np.full((4, 4), number % 256, np.uint8).view(Held)

    bitsback.compress(images(), tmp_path / "x.bb", dtype="u1", shape=(300, 4, 4), model="fast")


ONE = np.zeros((4, 5), np.uint8)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        (iter([ONE]), {}, "give dtype= and shape="),
        (iter([ONE]), {"dtype": "u1"}, "give dtype= and shape="),
        (iter([ONE]), {"dtype": "u1", "shape": (2, 4, 5)}, "only 1 came, and their shape says 2"),
        (iter([ONE] * 3), {"dtype": "u1", "shape": (2, 4, 5)}, "more come than the 2"),
        (iter([ONE]), {"dtype": "u2", "shape": (1, 4, 5)}, "number 0: is .* of uint8, and they"),
        ([ONE, ONE[1:]], {}, r"number 1: is \(3, 5\) of uint8.*several sizes"),
        ([ONE, "a.png"], {}, "number 1: is no array, but str"),
        ([[1], [1, 2]], {}, "number 0: is no array, but list; a list has paths only"),
        ([ONE], {"dtype": "u1", "shape": (1, -4, 5)}, "of all together"),
        ([ONE], {"dtype": "u1", "shape": 1}, "dtype='u1' and shape=1: "),
        ([ONE], {"dtype": "rubbish", "shape": (1, 4, 5)}, "dtype='rubbish' and"),
        (iter([ONE]), {"dtype": "c8", "shape": (1, 4, 5)}, "its dtype is complex64"),
        (ONE, {"dtype": "u1"}, "this input has its own"),
        (torch.zeros(3, 4), {"dtype": "u1"}, "the torch array: has a dtype and a shape of its own"),
        (torch.zeros(3, 4, requires_grad=True), {}, "the torch array: NumPy can make no array of"),
        (torch.zeros(3, 4, dtype=torch.complex64), {}, "its dtype is complex64"),
        (da.ma.masked_array(ONE, ONE > 0), {}, "a mask would be lost"),
        (da.from_array(ONE)[da.from_array(ONE[:, 0]) < 1], {}, "compute its shape"),
        (b"bytes", {}, "is needed, not bytes"),
        ({"a": ONE}, {}, "is needed, not dict"),
        (7, {}, "is needed, not int"),
        (None, {}, "is needed, not NoneType"),
    ],
)  # fmt: skip
def test_what_cannot_be_compressed(
    tmp_path: Path, source: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(bitsback.InputError, match=said):
        bitsback.compress(source, tmp_path / "x.bb", **options)
    assert not list(tmp_path.iterdir())


def test_decompressing_bytes() -> None:
    array = noise(30, 3, 4)
    data = pack(array, block=4)
    for source in (data, bytearray(data), memoryview(data)):
        assert same(bitsback.decompress(source), array)
        assert same(bitsback.open(source)[4:9], array[4:9])
    with pytest.raises(bitsback.ArchiveError, match="no bitsback archive"):
        bitsback.decompress(b"no archive")
