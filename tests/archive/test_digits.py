"""Elements of many values are cut into digits of at most 16 bits, and models code the highest."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import bitsback
from bitsback.coding.block import DIGITS, Digits
from bitsback.coding.number_digits import Cut, cut_of, joined, read_exceptions
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.numbers import elements_of, numbers_of
from bundled_models import spec_models
from reference import alone, archive, blocks
from reference.fields import ArchiveError as SpecError
from reference.message import write_varint

DTYPES = [order + kind for order in "<>" for kind in ("u4", "i4", "u8", "i8", "f2", "f4", "f8")]


def measured(dtype: str, rows: int, columns: int) -> NDArray[Any]:
    """Smooth, with noise in all lower digits, and odd floats."""
    y, x = np.mgrid[:rows, :columns]
    noise = np.random.default_rng(0).normal(0, 0.01, x.shape)
    values = np.sin(x / 11) * np.cos(y / 9) + noise
    if np.dtype(dtype).kind != "f":
        values = (values + 1.5) * 2.0 ** (8 * np.dtype(dtype).itemsize - 4)
    array = values.astype(dtype)
    if array.dtype.kind == "f":
        array[3, 5:11] = [np.nan, -np.nan, -0.0, 0.0, np.inf, -np.inf]
        array[4, 5:7] = np.frombuffer(bytes(range(1, 1 + 2 * array.itemsize)), array.dtype)
    return array


@given(st.data())
def test_numbers_keep_order_and_bits(data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    size = dtype.itemsize
    raw = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=2, max_size=30))
    array = np.frombuffer(b"".join(raw), dtype)
    numbers = numbers_of(array)
    assert elements_of(numbers, dtype).tobytes() == array.tobytes()
    for number, element in zip(numbers.tolist(), raw, strict=True):
        assert blocks.element_of(number, dtype) == element
    with np.errstate(invalid="ignore"):
        smaller = array[:-1] < array[1:]
    assert (numbers[:-1] < numbers[1:])[smaller].all()
    if len(set(raw)) > 1:
        cut, digits = cut_of(array)
        assert all(int(digit.max()) < 1 << n for n, digit in zip(cut.bits, digits, strict=True))
        exceptions = read_exceptions(memoryview(cut.exceptions), dtype, array.size)
        assert joined(cut, digits, exceptions, dtype).tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["<f4", ">f8", ">i4", "<u8"])
def test_the_specification_reads_digits(dtype: str) -> None:
    array = measured(dtype, 14, 16)
    data = bitsback.encode(array)
    assert data[8] % 8 in (DIGITS, 3) and bitsback.decode(data).tobytes() == array.tobytes()
    assert alone.decode(data, spec_models(data)).tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["<f4", ">f8", ">i4"])
def test_archives_of_digits(dtype: str) -> None:
    array = measured(dtype, 90, 100)
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream, tile=60)
    assert summary.methods["digits"] == summary.blocks and summary.model
    assert len(stream.getvalue()) < 0.9 * array.nbytes
    with bitsback.open(io.BytesIO(stream.getvalue())) as opened:
        assert opened.verify() == []
        assert np.asarray(opened).tobytes() == array.tobytes()
        assert opened[5].tobytes() == array[5].tobytes()


def test_tiles_of_several_shapes_as_the_specification_reads_them() -> None:
    array, stream = measured("<f4", 30, 26), io.BytesIO()
    summary = bitsback.compress(array, stream, tile=20)
    assert summary.methods["digits"] == 1
    data = stream.getvalue()
    assert archive.decode(data, spec_models(data)).tobytes() == array.tobytes()


def test_an_archive_of_digits_needs_no_bundled_model_once_it_is_embedded(tmp_path: Any) -> None:
    array = measured("<f4", 60, 70)
    for embed in ("always", "never"):
        bitsback.compress(array, tmp_path / f"{embed}.bb", embed=embed)
    bitsback.embed(tmp_path / "never.bb")
    models = []
    for embed in ("always", "never"):
        sections = archive.read_sections((tmp_path / f"{embed}.bb").read_bytes())
        models.append(sum(section.kind == "M" for section in sections))
        assert np.array_equal(bitsback.decompress(tmp_path / f"{embed}.bb"), array, equal_nan=True)
    assert models[0] >= models[1] > 0  # "always" embeds those that were planned


def head(dtype: str, *digits: tuple[int, bytes, int], shift: int = 0, count: int = 0) -> bytes:
    start = bytes(np.dtype(dtype).itemsize) + bytes([shift]) + write_varint(count or len(digits))
    return start + b"".join(bytes([bits]) + way + write_varint(n) for bits, way, n in digits)


RAW = b"\0\0"
BAD = {
    "no digit": ("<f4", head("<f4")),
    "nine digits": ("<f8", head("<f8", *[(7, RAW, 2)] * 9) + bytes(18)),
    "no bits": ("<f4", head("<f4", (0, RAW, 2)) + bytes(2)),
    "seventeen bits": ("<f4", head("<f4", (17, RAW, 4)) + bytes(4)),
    "more bits than the dtype": ("<f4", head("<f4", *[(16, RAW, 4)] * 2, shift=1) + bytes(8)),
    "of bytes": ("|u1", head("|u1", (8, RAW, 2)) + bytes(2)),
    "a digit of more bits": ("<f4", head("<f4", (7, RAW, 2)) + b"\0\x80"),
    "fewer bytes": ("<f4", head("<f4", (8, RAW, 2)) + b"\0"),
    "more bytes": ("<f4", head("<f4", (8, RAW, 2)) + bytes(3)),
    "an exception behind the end": (
        "<f4",
        head("<f4", (8, RAW, 2)) + bytes(2) + b"\1" + bytes(4) + b"\0" + bytes(4),
    ),
    "a list": ("<f4", head("<f4", (8, b"\6\2\1\0\0", 2)) + bytes(2)),
    "colours of JPEG": ("<f4", head("<f4", (8, b"\5\0", 2)) + bytes(2)),
    "a value map that raw has not": ("<f4", head("<f4", (8, b"\1\3\5\0", 2)) + bytes(2)),
    "adaptive": ("<f4", head("<f4", (8, b"\0\4", 2)) + bytes(2)),
    "digits of digits": ("<f4", head("<f4", (16, b"\0\5", 2)) + bytes(2)),
    "a layout of raw": ("<f4", head("<f4", (8, b"\0\x08", 2)) + bytes(2)),
    "a multiset": ("<f4", head("<f4", (8, b"\0\x22" + bytes(16), 2)) + bytes(2)),
    "a missing model": ("<f4", head("<f4", (8, b"\0\2" + bytes(16), 2)) + bytes(2)),
}


def block_of(dtype: str, data: bytes) -> bytes:
    """A block alone of two elements, of the method digits."""
    body = b"\xbb\7" + np.dtype(dtype).str.encode() + b"\1\2" + bytes([DIGITS + 32]) + b"\0" + data
    return body + archive.crc32c(body).to_bytes(4, "little")


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_block_of_digits_is_refused(what: str) -> None:
    data = block_of(*BAD[what])
    with pytest.raises((ArchiveError, bitsback.ModelError)):
        bitsback.decode(data)
    with pytest.raises(SpecError):
        alone.decode(data)


def test_the_least_digits() -> None:
    data = block_of("<f4", head("<f4", (8, RAW, 2), shift=20) + b"\0\xff")
    assert alone.decode(data).tobytes() == bitsback.decode(data).tobytes()
    cut = Cut(0, 20, (8,))
    digits = Digits.read(Cursor(memoryview(head("<f4", (8, RAW, 2), shift=20))), np.dtype("<f4"))
    assert digits.cut == cut and digits.pack(np.dtype("<f4")) == head("<f4", (8, RAW, 2), shift=20)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i4"])
def test_few_special_values_cost_little(dtype: str) -> None:
    """They are exceptions, wherever they stand, and all decoders have them."""
    field = measured(dtype, 60, 70)
    special = field.copy()
    values: list[Any] = [np.nan, -0.0, np.inf, -np.inf]
    if dtype[1] == "i":
        values = [np.iinfo(dtype).min, np.iinfo(dtype).max]
    for place, value in zip((0, 1, 2000, 4199), values, strict=False):
        special.reshape(-1)[place] = value
    plain, data = bitsback.encode(field), bitsback.encode(special)
    assert len(data) < len(plain) + 60
    assert bitsback.decode(data).tobytes() == special.tobytes()
    assert alone.decode(data, spec_models(data)).tobytes() == special.tobytes()


def test_slices_of_a_volume_of_floats_are_a_stack_where_a_trial_says_so() -> None:
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 1, (64, 60))
    alike = (texture + rng.normal(0, 0.1, (12, 64, 60)) + 5).astype("<f4")
    other = (rng.normal(0, 1, (12, 64, 60)) + 5).astype("<f4")
    for array, stacked in ((alike, True), (other, False)):
        stream = io.BytesIO()
        summary = bitsback.compress(array, stream)
        opened = bitsback.open(io.BytesIO(stream.getvalue()))
        assert opened.info()["stack"] == stacked == bool(summary.methods["digits"])
        assert opened[3:5].tobytes() == array[3:5].tobytes()
        assert bitsback.decompress(io.BytesIO(stream.getvalue())).tobytes() == array.tobytes()
