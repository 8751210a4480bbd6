"""Wide integers and floats of few values are coded by models, by ranges or lists of values."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding.alone import NOTHING, pack
from bitsback.coding.block import MODEL, Method
from bitsback.coding.block_coding import Coding
from bitsback.coding.block_plan import BlockPlan
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.numbers import numbers_of
from bitsback.format.runs import pack_value_map, read_value_map
from bitsback.format.tiles import Tiles
from bitsback.format.value_list import ValueList
from bitsback.format.value_range import ValueRange, find_value_range
from bitsback.models import bundled
from bundled_models import spec_models
from reference import alone, blocks
from reference import fields as spec_fields
from reference.message import write_varint

WIDE = ["u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def few_values(dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Values of all of the dtype, ascending, with the least and the greatest, and odd floats."""
    if dtype.kind == "f":
        bits = np.random.default_rng(0).integers(0, 256, (count - 6, dtype.itemsize), np.uint8)
        odd = np.array([np.inf, -np.inf, -0.0, 0.0, np.nan, -np.nan], dtype)
        return np.concatenate([bits.view(dtype).reshape(-1), odd])
    info = np.iinfo(dtype)
    middle = np.linspace(info.min / 2, info.max / 2, count - 2).astype(dtype)
    return np.concatenate([middle, np.array([info.min, info.max], dtype)])


def by_model(array: NDArray[Any]) -> bytes:
    """The array as a block alone, of the method model."""
    plan = BlockPlan.for_model(bundled.load("universal"), Tiles.stacked(array[np.newaxis]))
    assert plan is not None
    data = plan.encode(1, False)
    assert data is not None
    coding = Coding(Method(MODEL), plan.value_map, [data], plan.model)
    return pack(array.dtype, array.shape, array.ndim, coding, False, NOTHING)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", WIDE)
def test_few_values_of_any_size_and_sign_come_back(kind: str, order: str) -> None:
    dtype = np.dtype(order + kind)
    values = few_values(dtype, 260)
    y, x = np.mgrid[:12, :16]
    ranks = (x * 7 + y * 5) * 3 // 2 + np.random.default_rng(1).integers(0, 9, x.shape)
    ordered = values[np.argsort(numbers_of(values), kind="stable")]
    array = ordered[ranks]
    data = by_model(array)
    assert bitsback.decode(data).tobytes() == array.tobytes()
    assert alone.decode(data, spec_models(data)).tobytes() == array.tobytes()
    value_map = find_value_range(array.reshape(-1))
    assert isinstance(value_map, ValueList)
    assert value_map.from_symbols(value_map.to_symbols(array.reshape(-1))).tobytes() == (
        array.tobytes()
    )


@pytest.mark.parametrize("kind", ["u4", "i4", "u8", "i8"])
@pytest.mark.parametrize("order", "<>")
def test_values_near_each_other_are_a_range(kind: str, order: str) -> None:
    dtype = np.dtype(order + kind)
    info = np.iinfo(dtype)
    y, x = np.mgrid[:30, :40]
    for low in (info.min, info.max - 900, 0, -450 if info.min else 7):
        low_one = np.uint64(low % 2**64)
        array = ((x * 4 + y * 3).astype(np.uint64) + low_one).astype(f"u{dtype.itemsize}")
        array = array.view(kind).astype(dtype)
        value_map = find_value_range(array.reshape(-1))
        assert isinstance(value_map, ValueRange) and value_map.low == low
        symbols = value_map.to_symbols(array.reshape(-1))
        assert value_map.from_symbols(symbols).tobytes() == array.tobytes()
        packed = pack_value_map(value_map)
        reader = spec_fields.Reader(packed)
        values = blocks.read_value_map(reader, dtype, reader.byte())
        assert values[symbols].tobytes() == array.tobytes()
        assert read_value_map(Cursor(memoryview(packed)), dtype) == value_map


def test_many_values_have_no_list() -> None:
    assert find_value_range(np.arange(65537) * 3) is None
    assert find_value_range(np.arange(1 << 18) * 0.25) is None
    assert isinstance(find_value_range(np.arange(65536) * 3), ValueList)


def stream(dtype: str, *differences: int) -> bytes:
    size = np.dtype(dtype).itemsize
    whole = np.array(differences, f"<u{size}").view(np.uint8).reshape(-1, size)
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(whole.T.tobytes()) + packer.flush()


def listed(dtype: str, *differences: int, levels: int | None = None, more: bytes = b"") -> bytes:
    packed = stream(dtype, *differences) + more
    count = len(differences) if levels is None else levels
    return b"\6" + write_varint(count) + write_varint(len(packed)) + packed


BAD = {
    "one value": ("<u4", listed("<u4", 7)),
    "a value twice": ("<u4", listed("<u4", 7, 0)),
    "beyond the dtype": ("<u4", listed("<u4", 7, 2**32 - 7)),
    "fewer than told": ("<f8", listed("<f8", 7, 1, levels=3)),
    "more than told": ("<f8", listed("<f8", 7, 1, 1, levels=2)),
    "too many": ("<u4", listed("<u4", *[1] * 65537)),
    "bytes behind the stream": ("<u4", listed("<u4", 7, 1, more=b"\0")),
    "a cut stream": ("<u4", listed("<u4", 7, 1)[:-1]),
    "of bytes": ("|u1", listed("|u1", 7, 1)),
    "of 16 bits": ("<i2", listed("<i2", 7, 1)),
    "of bool": ("|b1", listed("|u1", 0, 1)),
    "a range too wide": ("<u4", b"\1" + np.array([5, 65541], "<u4").tobytes()),
    "a range of floats": ("<f4", b"\1" + np.array([5, 7], "<f4").tobytes()),
    "an unknown kind": ("<u4", b"\7"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_list_is_refused(what: str) -> None:
    dtype, data = BAD[what]
    with pytest.raises(ArchiveError):
        read_value_map(Cursor(memoryview(data)), np.dtype(dtype))
    with pytest.raises(spec_fields.ArchiveError):
        reader = spec_fields.Reader(data)
        blocks.read_value_map(reader, np.dtype(dtype), reader.byte())


def test_a_list_may_name_values_that_do_not_occur() -> None:
    for dtype, data in (("<u4", listed("<u4", 0, 2**32 - 1)), (">f8", listed("<f8", 3, 9, 1))):
        found = read_value_map(Cursor(memoryview(data)), np.dtype(dtype))
        assert isinstance(found, ValueList)
        reader = spec_fields.Reader(data)
        values = blocks.read_value_map(reader, np.dtype(dtype), reader.byte())
        assert found.from_symbols(np.arange(found.levels)).tobytes() == values.tobytes()


def test_a_series_of_decimals(tmp_path: Any) -> None:
    """Measured values of two decimals, as a table of floats has them."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.integers(-3, 4, (3000, 2)), 0)
    table = np.round(walk * 0.01 + 20, 2)
    bitsback.compress(table, tmp_path / "x.bb")
    assert np.array_equal(bitsback.decompress(tmp_path / "x.bb"), table)
    assert (tmp_path / "x.bb").stat().st_size < 0.06 * table.nbytes
