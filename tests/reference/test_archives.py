"""The specification decodes what bitsback writes: every method, dtype and shape that the writer can
choose.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback import Message
from bitsback.models import Model, bundled
from bundled_models import spec_models
from in_memory import drawn, in_order, pack
from plane_models import only_one_shape
from random_models import random_model
from reference import archive as spec
from reference import blocks as spec_blocks
from reference.fields import ArchiveError

NAME = bundled.names()[0]
GREY = "mnist"


def digits(count: int, name: str = NAME) -> NDArray[np.uint8]:
    return drawn(bundled.load(name), count, seed=count)


def check_restored(array: NDArray[Any], **options: Any) -> list[int]:
    """Checks that the specification restores the array bit for bit. Returns the methods of the
    blocks.
    """
    data = pack(array, **options)
    decoded = spec.decode(data, spec_models(data))
    assert decoded.dtype == array.dtype
    assert decoded.shape == array.shape
    assert decoded.tobytes() == array.tobytes()
    payloads = (section.payload for section in spec.read_sections(data) if section.kind == "B")
    return [method_of(payload) for payload in payloads]


def method_of(payload: bytes) -> int:
    reader = spec.Reader(payload)
    reader.varint()
    list(spec_blocks.read_runs(reader))
    return reader.byte()


@pytest.mark.parametrize("count", [1, 2, 13, 170])
def test_a_chain(count: int) -> None:
    """The last has two lanes, the others one."""
    assert check_restored(digits(count), model=NAME) == [spec_blocks.MODEL]


@pytest.mark.parametrize(("count", "block"), [(1, None), (3, 2), (22, None)])
def test_a_chain_of_bytes(count: int, block: int | None) -> None:
    assert set(check_restored(digits(count, GREY), model=GREY, block=block)) == {spec_blocks.MODEL}


LIKELIHOODS: dict[str, dict[str, Any]] = {
    "bernoulli": {"shape": (9, 9), "latents": 1},
    "exponential": {"shape": (5, 4), "likelihood": "exponential", "levels": 13,
        "likelihood_precision": 20},
    "beta-binomial": {"shape": (6, 7), "likelihood": "beta-binomial", "levels": 256,
        "likelihood_precision": 24},
}  # fmt: skip


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_model_that_the_archive_carries(name: str) -> None:
    """Items drawn from the model itself, which no general compressor codes as well."""
    model = Model.build(*random_model(**LIKELIHOODS[name], hidden=5))
    message = Message([2**40], np.random.default_rng(3).integers(0, 2**32, 20_000, np.uint32), 0)
    x = model.likelihood(model.prior(200).pop(message)).pop(message).reshape(200, *model.item_shape)
    data = pack(x, model=model, embed="always")
    sections = spec.read_sections(data)
    assert [section.kind for section in sections] == ["C", "M", "B", "I"]
    assert method_of(sections[2].payload) == spec_blocks.MODEL
    assert (spec.decode(data) == x).all()
    assert spec.embedded.read_model(sections[1].payload).identity == model.identity


@pytest.mark.parametrize(
    "dtype", ["|b1", "|u1", "|i1", "<u2", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8"]
)
def test_two_values_of_any_dtype(dtype: str) -> None:
    """The model codes any two values. A few pixels are packed, or go to the fallback if the values
    take more bytes than the pixels.
    """
    low, high = (
        (False, True)
        if dtype == "|b1"
        else (-3, 7)
        if np.dtype(dtype).kind in "if"
        else (0, 255 % 251)
    )
    x = digits(3)
    array = np.where(x == 1, np.array(high, dtype), np.array(low, dtype)).astype(dtype)
    assert check_restored(array, model=NAME) == [spec_blocks.MODEL]
    few = spec_blocks.PACKED if array.itemsize < 8 else spec_blocks.FALLBACK
    assert check_restored(array[:1, 10:13, :3].copy()) == [few]


@pytest.mark.parametrize("values", [("|u1", 0, 1), ("|u1", 255, 0), (">f4", -0.0, 1.5)])
def test_multisets(values: tuple[str, float, float]) -> None:
    """Multisets of 9 digits of two values, two of them equal, from one block and from two."""
    dtype, low, high = values
    array = np.where(digits(8) == 1, np.array(high, dtype), np.array(low, dtype)).astype(dtype)
    array = in_order(np.concatenate([array, array[:1]]))
    chain = spec_blocks.MULTISET + spec_blocks.MODEL
    assert check_restored(array, model=NAME, unordered=True) == [chain]
    assert check_restored(array, model=NAME, unordered=True, block=5) == [chain] * 2


def test_multisets_of_bytes_and_of_other_methods() -> None:
    chain = spec_blocks.MULTISET + spec_blocks.MODEL
    assert check_restored(in_order(digits(5, GREY)), model=GREY, unordered=True) == [chain]
    numbers = in_order(np.random.default_rng(0).integers(0, 9, (30, 3)))
    assert check_restored(numbers, unordered=True) == [spec_blocks.FALLBACK]


@pytest.mark.parametrize("bilevel", [False, True])
def test_multisets_of_planes(bilevel: bool) -> None:
    """Coded by the models that ship; of two levels two pictures are equal."""
    y, x = np.mgrid[:24, :30]
    noise = np.random.default_rng(0).normal(0, 2, (4, 24, 30)).round().astype(int)
    waves = np.sin(y / 5) * np.cos(x / 7) * 90
    pictures = np.stack([100 + (waves + x * n).astype(int) for n in range(4)]) + noise
    array = in_order(pictures.astype(np.uint8))
    planes = spec_blocks.MULTISET + spec_blocks.MODEL
    if bilevel:
        array = in_order(array[[0, 1, 1, 2, 3]] > 90)
    assert check_restored(array, model="universal", unordered=True) == [planes]


def test_blocks() -> None:
    assert check_restored(digits(7), model=NAME, block=3) == [spec_blocks.MODEL] * 3
    assert (
        len(check_restored(np.arange(900).reshape(10, 90, 1).repeat(6, 2), block=3, stack=False))
        == 4
    )


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
    ids=[
        "no items", "no elements", "no axes", "zeros", "numbers", "odd floats", "two odd floats",
        "bytes", "noise",
    ],
)  # fmt: skip
def test_arrays_that_no_model_fits(array: NDArray[Any]) -> None:
    assert spec_blocks.MODEL not in check_restored(array) or not array.any()


SMOOTH = np.add.outer(np.arange(40) ** 2, np.arange(50) * 3) // 8 % 199


@pytest.mark.parametrize("effort", ["fast", "best"])
@pytest.mark.parametrize("dtype", ["|b1", "|u1", "<u2", ">i4", "<f8"])
def test_what_general_compressors_make_smaller(
    dtype: str, effort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one_shape(monkeypatch)
    values = SMOOTH > 90 if dtype == "|b1" else SMOOTH * 321 if dtype != "|u1" else SMOOTH
    array = values.astype(dtype)
    assert check_restored(array, model=effort) == [spec_blocks.FALLBACK]
    assert check_restored(array[np.newaxis], model=effort) == [spec_blocks.FALLBACK]
    coloured = np.stack([array, array, array[::-1]], -1)[np.newaxis]
    assert check_restored(coloured, model=effort) == [spec_blocks.FALLBACK]


def test_the_specification_refuses_what_is_damaged() -> None:
    """One changed byte anywhere breaks the CRC of a section, the magic or the footer."""
    data = pack(digits(2), model=NAME)
    models = spec_models(data)
    assert spec.decode(data, models).shape == (2, 28, 28)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(ArchiveError):
            spec.decode(bytes(damaged), models)
    for end in range(len(data)):
        with pytest.raises(ArchiveError):
            spec.decode(data[:end], models)
