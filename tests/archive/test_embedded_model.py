"""A model embedded in an archive stays the same and is smaller than by any general compressor."""

from __future__ import annotations

import lzma
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bitsback
from bitsback import lzma2
from bitsback.models import embed
from bitsback.models.embed import pack_model, read_description, unpack_model
from bitsback.wire import Cursor, varint
from random_models import random_context_model, random_model
from reference.embedded import read_head, read_model, read_tensor
from reference.fields import Reader


@pytest.mark.parametrize("name", ["mnist-binary-paper", "universal-fast", "graphics", "series"])
def test_bundled_models(name: str) -> None:
    model = bitsback.load_model(name)
    packed = pack_model(model, [])
    assert packed == pack_model(model, [])
    restored = unpack_model(packed)
    assert restored.identity == model.identity
    assert restored.description == model.description == read_description(packed)
    data = model.to_bytes()
    assert len(packed) < 0.97 * len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    assert len(packed) < 0.97 * len(zlib.compress(data, 9))


@pytest.mark.parametrize("seed", range(6))
def test_random_models(seed: int) -> None:
    shapes = ((3, 5), (1,), (2, 3, 4), (40, 30), (7, 1), (1, 7))
    model = bitsback.Model.build(
        *random_model(seed, shape=shapes[seed], bits=8 + seed % 3, latents=1 + seed)
    )
    packed = pack_model(model)
    assert unpack_model(packed).identity == read_model(packed).identity == model.identity


@pytest.mark.parametrize("seed", range(3))
def test_random_models_of_pixels_in_context(seed: int) -> None:
    codecs = (("bernoulli", 2, 16), ("exponential", 19, 20), ("mixture", 256, 24))
    codec, levels, precision = codecs[seed]
    model = bitsback.Model.build(
        *random_context_model(seed, codec=codec, levels=levels, precision=precision)
    )
    packed = pack_model(model)
    assert unpack_model(packed).identity == read_model(packed).identity == model.identity


@pytest.fixture(scope="module")
def packed(tiny: bitsback.Model) -> bytes:
    return pack_model(tiny)


def refused(content: bytes, match: str | None = None) -> None:
    with pytest.raises((bitsback.ArchiveError, bitsback.ModelError), match=match):
        unpack_model(bytes(16) + lzma2.compress(content))


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
    with pytest.raises(bitsback.ArchiveError):
        unpack_model(packed + b"\0")


def test_damaged_content_is_an_error_of_its_kind(packed: bytes) -> None:
    content, whole = lzma2.decompress(packed[16:], 1 << 20)
    assert whole
    refused(content + b"\0", "follows")
    for at in [*range(0, 60, 3), *range(60, len(content), 97)]:
        refused(content[:at])
        refused(content[:at] + bytes([content[at] ^ 20]) + content[at + 1 :])
        refused(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])


@settings(max_examples=200)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises((bitsback.ArchiveError, bitsback.ModelError)):
        unpack_model(bytes(16) + data)
    refused(data)
    refused(b"\2{}\0\1\1a" + data)


def test_claims_of_many_elements() -> None:
    for shape in ((1 << 40,), (1 << 20, 1 << 20), (1 << 63, 1 << 63)):
        sizes = bytes([len(shape)]) + b"".join(map(varint, shape))
        for method in (b"\0", b"\1", b"\2\1\1", b"\2\1" + varint(1 << 63), b"\3"):
            refused(b"\2{}\0\1\1a\0" + sizes + method + bytes(100), "cut short")


def test_claims_of_much_content() -> None:
    refused(b"\2{}\0\1\1a\0\1" + varint(1 << 22) + b"\0" + bytes(1 << 22), "any writer")


def test_heads_that_do_not_exist() -> None:
    for head, match in (
        (b"\6\1\1\0", "dtype"),
        (b"\0\0\0", "dimensions"),
        (b"\0\5\1\1\1\1\1\0", "dimensions"),
        (b"\0\1\0\0", "method"),
        (b"\0\1\1\4", "method"),
        (b"\0\1\1\2\0\1", "predicted"),
        (b"\0\1\1\2\1\2", "predicted"),
        (b"\0\1\1\3", "base"),
    ):
        refused(b"\2{}\0\1\1a" + head + b"\0", match)
    refused(b"\2{}\0\2" + 2 * b"\1a\0\1\1\0" + b"\0\0", "in order")
    refused(b"\2{}\3abc\0", "does not ship")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_tensors_by_every_method(dtype: str) -> None:
    """Also the least and the greatest numbers, as the reader and the specification read them."""
    info = np.iinfo(dtype)
    random = np.random.default_rng(0)
    values = random.integers(info.min, info.max, (6, 2, 5), dtype, endpoint=True)
    values.flat[:8] = [info.min, info.max, 0, 1, info.max, info.min, info.max // 2 + 1, 2]
    old = random.permutation(values)
    codings = (
        (embed._Head("a", values.dtype, values.shape, 0), values),
        (embed._Head("a", values.dtype, values.shape, 1), values.reshape(6, -1).T),
        *(
            (
                embed._Head("a", values.dtype, values.shape, 2, distances),
                values - embed._predict(values, *distances),
            )
            for distances in ((1, 5), (10, 60), (7, 3))
        ),
        (embed._Head("a", values.dtype, values.shape, 3), values - old),
    )
    for head, coded in codings:
        data = head.pack() + embed._planes(coded)
        cursor = Cursor(data)
        restored = embed._read_tensor(cursor, embed._read_head(cursor), {"a": old})
        cursor.done()
        assert restored.dtype == values.dtype
        np.testing.assert_array_equal(restored, values)
        reader = Reader(data)
        specified = read_tensor(reader, read_head(reader), {"a": old})
        reader.done()
        np.testing.assert_array_equal(specified, values)
