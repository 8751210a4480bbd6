"""Arrays come back from an archive with dtype, byte order, shape and every bit."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import DTYPES
from in_memory import Pipe, pack, unpack

from .conftest import assert_same

SHAPES = [
    (0, 28, 28), (1, 28, 28), (7, 28, 28), (7, 784), (7, 28, 28, 1), (7, 1, 28, 28), (28, 28),
    (5, 0), (0,), (1,), (13,), (), (3, 5, 7), (2, 3, 4, 5), (1, 1, 1), (3, 0, 5),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_dtype_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(shape))
    for array in (
        np.asarray(rng.integers(0, 2, shape)).astype(dtype),
        np.asarray(rng.integers(0, 2, shape).astype(dtype) * np.array(100, dtype)),
        np.frombuffer(rng.bytes(np.dtype(dtype).itemsize * int(np.prod(shape))), dtype).reshape(
            shape
        ),
    ):
        assert_same(unpack(pack(array)), array)


@given(
    hnp.arrays(
        st.sampled_from(sorted(DTYPES)).map(np.dtype),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    ),
    st.integers(1, 4),
)
def test_any_array_in_any_blocks(array: NDArray[Any], block: int) -> None:
    archive = pack(array, block=block, threads=1)
    assert_same(unpack(archive, threads=1), array)
    assert_same(bitsback.decompress(Pipe(archive), threads=1), array)
    assert len(archive) <= array.nbytes + 80 + 40 * max(len(array) if array.ndim else 1, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 100, 299])
@pytest.mark.parametrize("block", [None, 1, 2, 64])
def test_digits_in_any_number_and_blocks(
    digits: NDArray[np.bool_], count: int, block: int | None
) -> None:
    if block == 1 and count > 20:
        count = 20
    assert_same(unpack(pack(digits[:count], block=block)), digits[:count])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.view(np.uint8),
        lambda x: x.view(np.uint8) * np.uint8(255),
        lambda x: x.astype(">f4"),
        lambda x: np.where(x, np.float64(np.nan), -0.0),
        lambda x: np.where(x, 1, -1).astype("<i2"),
        lambda x: np.where(x, -(2**63), 2**63 - 1),
        lambda x: ~x,
        lambda x: x.reshape(-1, 784),
        lambda x: x[:, np.newaxis, :, :, np.newaxis],
    ],
)
def test_two_valued_digits_of_any_kind_are_coded_with_a_model(
    digits: NDArray[np.bool_], make: Any
) -> None:
    array = make(digits[:100])
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream)
    assert summary.methods["model"] == sum(summary.methods.values()) == 1
    assert summary.bytes_out < 0.2 * array.size / 8 + 300
    assert_same(unpack(stream.getvalue()), array)


def test_blocks_of_one_value_among_others(digits: NDArray[np.bool_]) -> None:
    array = digits.view(np.uint8) * np.uint8(255)
    array[20:40] = 0
    array[40:60] = 255
    array[60:80] = 7
    array[80:100, 0, 0] = 3
    assert_same(unpack(pack(array, block=20)), array)


def test_items_that_are_scattered_in_memory(digits: NDArray[np.bool_]) -> None:
    for array in (
        digits[::-3],
        digits[:90].T,
        np.asfortranarray(digits[:90]),
        np.broadcast_to(digits[0], (5, 28, 28)),
    ):
        assert_same(unpack(pack(array)), array)


def test_the_same_bytes_for_any_number_of_threads(digits: NDArray[np.bool_]) -> None:
    archives = {pack(digits, block=16, threads=threads) for threads in (1, 2, 3, None)}
    assert len(archives) == 1
    for threads in (1, 2, 3):
        assert_same(unpack(archives.copy().pop(), threads=threads), digits)


def test_from_file_to_file(tmp_path: Path, digits: NDArray[np.bool_]) -> None:
    source, archive, restored = (tmp_path / name for name in ("x.npy", "x.bb", "y.npy"))
    np.save(source, digits)
    summary = bitsback.compress(source, archive)
    assert (summary.items, summary.elements, summary.blocks) == (300, digits.size, 1)
    assert (summary.bytes_in, summary.bytes_out) == (digits.nbytes, archive.stat().st_size)
    assert archive.read_bytes() == pack(digits)
    back = bitsback.decompress(str(archive), restored)
    assert (back.bytes_in, back.bytes_out) == (archive.stat().st_size, restored.stat().st_size)
    assert restored.read_bytes() == source.read_bytes()


def test_through_pipes(digits: NDArray[np.bool_]) -> None:
    npy = io.BytesIO()
    np.save(npy, digits)
    first, second = Pipe(npy.getvalue()), Pipe()
    bitsback.compress(first, second, block=100)
    assert second.written == pack(digits, block=100)
    third, fourth = Pipe(bytes(second.written)), Pipe()
    bitsback.decompress(third, fourth)
    assert fourth.written == npy.getvalue()


def test_progress_counts_elements(digits: NDArray[np.bool_]) -> None:
    seen: list[tuple[int, int]] = []
    archive = pack(digits, block=100, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2 * 784 * items, 2 * 784 * 300) for items in (100, 200, 300)]
    seen.clear()
    unpack(archive, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2 * 784 * items, 2 * 784 * 300) for items in (100, 200, 300)]


def test_incompressible_items_are_stored() -> None:
    array = np.random.default_rng(0).integers(0, 256, (50, 1000), np.uint8)
    assert len(pack(array)) < array.nbytes + 100
    bits = array > 127
    assert len(pack(bits)) < bits.size / 8 + 100
    noise = np.random.default_rng(0).random((500, 28, 28)) < 0.5
    assert len(pack(noise)) < noise.size / 8 + 100


def test_memory_does_not_grow_with_the_number_of_blocks(digits: NDArray[np.bool_]) -> None:
    import tracemalloc

    peaks = []
    for repeat in (1, 8):
        npy = io.BytesIO()
        np.save(npy, np.tile(digits, (repeat, 1, 1)))
        source, archive = Pipe(npy.getvalue()), io.BytesIO()
        restored: Any = Count()
        del npy
        tracemalloc.start()
        bitsback.compress(source, archive, block=100, threads=2)
        bitsback.decompress(archive, restored, threads=2)
        peaks.append(tracemalloc.get_traced_memory()[1] - len(archive.getvalue()))
        tracemalloc.stop()
        assert restored.size > 100 * 784 * repeat
    assert peaks[1] < peaks[0] + 1_000_000


class Count(io.RawIOBase):
    """Counts what is written to it."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.size += len(data)
        return len(data)
