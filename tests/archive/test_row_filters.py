"""The core's row filters are those of PNG, checked by a NumPy reference and by Pillow's decoder."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from bitsback import _core

shapes = st.tuples(*[st.integers(1, 5)] * 2, st.integers(4, 9))
pixels = st.sampled_from(["u1", "u2"]).flatmap(lambda dtype: arrays(dtype, shapes))


def filtered(picture: NDArray[Any], filters: NDArray[np.uint8], stride: int) -> NDArray[Any]:
    """picture: [rows, width]. Filters all rows by each filter and takes one for each row."""
    x = np.pad(picture.astype(np.int64), ((1, 0), (stride, 0)))
    a, b, c = x[1:, :-stride], x[:-1, stride:], x[:-1, :-stride]
    distances = abs(a + b - c - np.stack([a, b, c]))
    paeth = np.choose(distances.argmin(0), [a, b, c])
    predicted = np.stack([0 * a, a, b, (a + b) // 2, paeth])
    left = picture - predicted[filters, np.arange(len(picture))]
    return (left % 256**picture.itemsize).astype(picture.dtype)


@given(pixels, st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_they_are_the_reference(x: NDArray[Any], stride: int, seed: int) -> None:
    filters = np.random.default_rng(seed).integers(0, 5, x.shape[:2], np.uint8)
    left = _core.filter_rows(x, filters, stride)
    for picture, some, found in zip(x, filters, left, strict=True):
        assert np.array_equal(found, filtered(picture, some, stride))
    assert np.array_equal(_core.unfilter_rows(left, filters, stride), x)


@given(pixels, st.integers(1, 4))
def test_what_is_chosen_leaves_least(x: NDArray[Any], stride: int) -> None:
    signed = np.dtype(f"i{x.itemsize}")
    ways = [
        _core.filter_rows(x, np.full(x.shape[:2], filter_, np.uint8), stride).view(signed)
        for filter_ in range(5)
    ]
    sums = abs(np.stack(ways).astype(np.int64)).sum(-1)
    assert np.array_equal(_core.choose_filters(x, stride), sums.argmin(0))


@given(arrays("u1", (4, 7, 3)), arrays("u1", 4, elements=st.integers(0, 4)))
def test_png_is_read_as_it_was_filtered(x: NDArray[np.uint8], filters: NDArray[np.uint8]) -> None:
    left = _core.filter_rows(x.reshape(1, 4, 21), filters[np.newaxis], 3)[0]
    lines = b"".join(bytes([f]) + row.tobytes() for f, row in zip(filters, left, strict=True))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 4, 8, 2, 0, 0, 0))
    file = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    assert np.array_equal(np.asarray(Image.open(BytesIO(file))), x)


@pytest.mark.parametrize(
    ("shape", "filters", "stride"),
    [((2, 3), (2, 3), 1), ((2, 3, 4), (2, 2), 1), ((2, 3, 4), (2, 3), 5), ((2, 3, 4), (2, 3), 0)],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], filters: tuple[int, ...], stride: int
) -> None:
    x, kinds = np.zeros(shape, np.uint8), np.zeros(filters, np.uint8)
    for function in (_core.filter_rows, _core.unfilter_rows):
        with pytest.raises(ValueError, match=r"rows|axes|a row"):
            function(x, kinds, stride)
    with pytest.raises(ValueError, match="none, sub"):
        _core.unfilter_rows(np.zeros((1, 1, 4), np.uint8), np.array([[5]], np.uint8), 1)
