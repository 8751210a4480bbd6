"""The specification decodes what bitsback writes: every method, dtype and shape that the writer can choose."""

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import Message
from bitsback.models import bundled
from reference import archive as spec
from reference.model import Model as SpecModel

NAME = bundled.names()[0]


@cache
def spec_models() -> tuple[SpecModel, ...]:
    return tuple(SpecModel.from_bytes(bundled.load(name).to_bytes()) for name in bundled.names())


def digits(count: int) -> NDArray[np.uint8]:
    """Items that the default model thinks likely: what it decodes from random bits."""
    model = bundled.load(NAME)
    words = np.random.default_rng(count).integers(0, 2**32, 20_000, np.uint32)
    message = Message([2**40], words, 0)
    z = model.prior(count).pop(message)
    return model.likelihood(z).pop(message).reshape(count, *model.item_shape)


def compress(array: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    bitsback.compress(array, out, **options)
    return out.getvalue()


def check(array: NDArray[Any], **options: Any) -> list[int]:
    """The methods of the blocks, once the specification has given the array back bit for bit."""
    data = compress(array, **options)
    decoded = spec.decode(data, spec_models())
    assert decoded.dtype == array.dtype
    assert decoded.shape == array.shape
    assert decoded.tobytes() == array.tobytes()
    payloads = (section.payload for section in spec.read_sections(data) if section.kind == "B")
    return [method_of(payload) for payload in payloads]


def method_of(payload: bytes) -> int:
    reader = spec.Reader(payload)
    reader.varint()
    list(spec.read_runs(reader))
    return reader.byte()


@pytest.mark.parametrize("count", [1, 2, 13, 170])
def test_a_chain(count: int) -> None:
    """The last has two lanes, the others one."""
    assert check(digits(count), model=NAME) == [spec.CHAIN]


@pytest.mark.parametrize("dtype", ["|b1", "|u1", "|i1", "<u2", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8"])
def test_two_values_of_any_dtype(dtype: str) -> None:
    """Coded by the model, whatever the values are; and a few pixels of them packed."""
    low, high = (False, True) if dtype == "|b1" else (-3, 7) if np.dtype(dtype).kind in "if" else (0, 255 % 251)
    x = digits(3)
    array = np.where(x == 1, np.array(high, dtype), np.array(low, dtype)).astype(dtype)
    assert check(array, model=NAME) == [spec.CHAIN]
    assert check(array[:, :5, :3].copy()) == [spec.PACKED]


def test_ink_may_be_the_lesser_value() -> None:
    """White paper: the symbol 1 stands for the smaller of the levels, or the model would find it unlikely."""
    assert check((1 - digits(3)) * np.uint8(255), model=NAME) == [spec.CHAIN]


def test_blocks() -> None:
    assert check(digits(7), model=NAME, block=3) == [spec.CHAIN] * 3
    assert len(check(np.arange(1000).reshape(10, 100), block=3)) == 4


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 28, 28), np.uint8),
        np.zeros((3, 0), np.float32),
        np.zeros((), np.int16),
        np.zeros((5, 28, 28), np.uint8),
        np.arange(7, dtype=">i2"),
        np.array([0.0, -0.0, np.nan, np.inf]),
        np.array([[np.nan, -0.0]] * 30),
        np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8),
        np.random.default_rng(0).integers(0, 2, (4, 28, 28), np.uint8),
    ],
    ids=["no items", "no elements", "no axes", "zeros", "numbers", "odd floats", "two odd floats", "bytes", "noise"],
)
def test_arrays_that_no_model_fits(array: NDArray[Any]) -> None:
    assert spec.CHAIN not in check(array) or not array.any()


def test_the_specification_refuses_what_is_damaged() -> None:
    """One changed byte anywhere: the CRC of a section, the magic, the footer."""
    data = compress(digits(2), model=NAME)
    assert spec.decode(data, spec_models()).shape == (2, 28, 28)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(spec.ArchiveError):
            spec.decode(bytes(damaged), spec_models())
    for end in range(len(data)):
        with pytest.raises(spec.ArchiveError):
            spec.decode(data[:end], spec_models())
