"""A model embedded in an archive stays the same and is smaller than by any general compressor."""

from __future__ import annotations

import lzma
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import bitsback
from bitsback.codecs import Categorical, Uniform
from bitsback.message import Message
from bitsback.models import tensor_code
from bitsback.models.embed import pack_model, unpack_model
from bitsback.wire import Cursor, varint
from random_models import random_context_model, random_model

DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4")


@pytest.mark.parametrize("name", ["mnist-binary", "mnist-binary-paper"])
def test_bundled_models(name: str) -> None:
    model = bitsback.load_model(name)
    packed = pack_model(model)
    restored = unpack_model(packed)
    assert restored.identity == model.identity
    assert restored.description == model.description
    data = model.to_bytes()
    assert len(packed) < 0.96 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    assert len(packed) < 0.90 * len(zlib.compress(data, 9))


@pytest.mark.parametrize("seed", range(6))
def test_random_models(seed: int) -> None:
    shapes = ((3, 5), (1,), (2, 3, 4), (40, 30), (7, 1), (1, 7))
    model = bitsback.Model.build(
        *random_model(seed, shape=shapes[seed], bits=8 + seed % 3, latents=1 + seed)
    )
    assert unpack_model(pack_model(model)).identity == model.identity


@pytest.mark.parametrize("seed", range(3))
def test_random_models_of_pixels_in_context(seed: int) -> None:
    codecs = (("bernoulli", 2, 16), ("exponential", 19, 20), ("mixture", 256, 24))
    codec, levels, precision = codecs[seed]
    model = bitsback.Model.build(
        *random_context_model(seed, codec=codec, levels=levels, precision=precision)
    )
    assert unpack_model(pack_model(model)).identity == model.identity


tensors = (
    st.sampled_from(DTYPES)
    .map(np.dtype)
    .flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=1, max_dims=4, max_side=7),
            elements=st.one_of(hnp.from_dtype(dtype), st.integers(0, 20)),
        )
    )
)


def steps_back(steps: list[tensor_code.Step]) -> tuple[Message, tensor_code.Pop]:
    message = Message(np.full(1, 1 << 32, np.uint64))
    for codec, symbols in reversed(steps):
        codec.push(message, symbols)

    def pop(codec: Uniform | Categorical) -> NDArray[np.uint32]:
        return codec.pop(message)

    return message, pop


@given(
    tensors,
    st.sampled_from([(), (1,), (1, 2), (1, 3, 4), (2, 5)]),
    st.booleans(),
    st.tuples(st.booleans(), st.booleans()),
)
def test_any_tensor_in_any_form(
    tensor: NDArray[Any], lags: tuple[int, ...], transposed: bool, by: tuple[bool, bool]
) -> None:
    form, steps = tensor_code.encode_tokens(tensor, lags, transposed, by)
    message, pop = steps_back(steps)
    start = Message(np.full(1, 1 << 32, np.uint64))
    assert abs(message.bits - start.bits - tensor_code.cost(steps)) < 0.1
    assert tensor_code.Form.unpack(Cursor(form.pack())) == form
    restored = tensor_code.decode_tokens(form, pop, tensor.dtype, tensor.shape)
    assert restored.dtype == tensor.dtype
    np.testing.assert_array_equal(restored, tensor)
    assert message == start

    message, pop = steps_back(tensor_code.encode_plain(tensor))
    np.testing.assert_array_equal(tensor_code.decode_plain(pop, tensor.dtype, tensor.shape), tensor)
    assert message == start


def test_extremes_of_every_dtype() -> None:
    for name in DTYPES:
        info = np.iinfo(name)
        tensor = np.array([info.min, info.max, 0, 1, info.max, info.min, info.max // 2 + 1], name)
        for lags in ((), (1,), (1, 2)):
            form, steps = tensor_code.encode_tokens(tensor, lags, False, (True, True))
            _, pop = steps_back(steps)
            restored = tensor_code.decode_tokens(form, pop, tensor.dtype, tensor.shape)
            np.testing.assert_array_equal(restored, tensor)


@pytest.fixture(scope="module")
def packed(tiny: bitsback.Model) -> bytes:
    return pack_model(tiny)


def test_damage_is_an_error_of_its_kind(packed: bytes) -> None:
    for at in [*range(0, 60, 3), *range(60, len(packed), 37)]:
        for data in (
            packed[:at],
            packed[:at] + bytes([packed[at] ^ 20]) + packed[at + 1 :],
            packed[:at] + b"\xff\xff\xff\xff" + packed[at + 4 :],
            packed[:at] + packed[at + 1 :],
        ):
            with pytest.raises((bitsback.ArchiveError, bitsback.ModelError)):
                unpack_model(data)


@settings(max_examples=200)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises((bitsback.ArchiveError, bitsback.ModelError)):
        unpack_model(bytes(16) + data)


def test_a_claim_of_many_elements() -> None:
    for shape in ((1 << 40,), (1 << 20, 1 << 20), (1 << 63, 1 << 63)):
        sizes = bytes([len(shape)]) + b"".join(map(varint, shape))
        for method in (b"\0", b"\1\0\0\1\1\0\1", b"\1\0\1\1\0\1\1\1\0\1"):
            data = (
                bytes(16)
                + b"\2{}"
                + b"\1"
                + b"\1a\0"
                + sizes
                + method
                + b"\1\0"
                + bytes(4)
                + b"\1\0\0\0"
            )
            with pytest.raises(bitsback.ArchiveError, match="claims"):
                unpack_model(data)
