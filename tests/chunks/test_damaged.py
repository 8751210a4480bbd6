"""Damaged chunks of Zarr: each is refused by an error of one line, or gives the array that it held,
also where its checksum was computed again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import bitsback
from bitsback import _core
from bitsback.numcodecs import Bitsback
from bitsback.zarr import BitsbackCodec

ROWS, COLUMNS = np.mgrid[:48, :40]
NOISE = (ROWS * 7919 + COLUMNS * 104729) % 65537 % 251
ARRAYS: dict[str, NDArray[Any]] = {
    "grey": (ROWS + COLUMNS + NOISE % 3).astype("u1"),
    "deep": (ROWS * COLUMNS % 4000 + NOISE % 9).astype("<u2"),
    "bilevel": NOISE < 25,
    "floats": (NOISE / 7).astype("<f4"),
    "labels": (NOISE % 5).astype("<i8"),
    "complex": (NOISE / 7 + 1j).astype("<c8"),
    "colours": np.stack([NOISE % 40] * 3, -1).astype("u1"),
    "volume": np.stack([ROWS + COLUMNS + z for z in range(4)]).astype("<i2"),
    "rows": np.tile(np.arange(40, dtype="u1"), (48, 1)),
    "times": (NOISE % 9).astype("<M8[ns]"),
}
REFUSED = (bitsback.ArchiveError, bitsback.ModelError)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The bytes with a fault."""
    changed, at = bytearray(data), draw.randrange(len(data))
    match draw.choice(("bit", "byte", "cut", "lost", "more", "tail", "zeros", "exchanged")):
        case "bit":
            changed[at] ^= 1 << draw.randrange(8)
        case "byte":
            changed[at] = draw.randrange(256)
        case "cut":
            del changed[at:]
        case "lost":
            del changed[at : at + draw.randrange(1, 9)]
        case "more":
            changed[at:at] = draw.randbytes(draw.randrange(1, 9))
        case "tail":
            changed += draw.randbytes(draw.randrange(1, 9))
        case "zeros":
            changed[at : at + 16] = bytes(len(changed[at : at + 16]))
        case "exchanged":
            other = draw.randrange(len(data))
            changed[at], changed[other] = changed[other], changed[at]
    return bytes(changed)


def signed_again(data: bytes) -> bytes:
    body = data[:-4]
    return body + _core.crc32c(body).to_bytes(4, "little")


def readings(array: NDArray[Any], count: int, **options: Any) -> Iterator[NDArray[Any] | Exception]:
    """What comes of reading an array of which one chunk, or shard, is damaged."""
    store: dict[str, Any] = {}
    made = zarr.create_array(
        store, shape=array.shape, dtype=array.dtype, serializer=BitsbackCodec(), compressors=None,
        **options,
    )  # fmt: skip
    made[...] = array
    keys, draw = [key for key in store if "json" not in key], random.Random(0)
    for number in range(count):
        key = draw.choice(keys)
        whole = store[key]
        data = damaged(whole.to_bytes(), draw)
        if number % 2 and "shards" not in options:
            data = signed_again(data)
        if not data:
            continue  # Zarr takes an empty shard for one without chunks
        store[key] = type(whole).from_bytes(data)
        try:
            yield np.asarray(made[...])
        except Exception as error:
            yield error
        store[key] = whole


def check_chunks(count: int) -> None:
    for name, array in ARRAYS.items():
        chunks = (*(-(-side // 2) for side in array.shape[:2]), *array.shape[2:])
        for found in readings(array, count, chunks=chunks):
            if isinstance(found, Exception):
                assert isinstance(found, REFUSED), name
                assert "\n" not in str(found), name
            else:
                assert found.dtype == array.dtype and np.array_equal(found, array), name


def test_some_chunks() -> None:
    check_chunks(15)


@pytest.mark.slow
def test_thousands_of_chunks() -> None:
    check_chunks(1000)


def test_shards() -> None:
    """Zarr itself checks the index of a shard."""
    array = ARRAYS["grey"]
    refused = 0
    for found in readings(array, 80, chunks=(12, 10), shards=(24, 20)):
        if isinstance(found, REFUSED):
            refused += 1
        elif isinstance(found, Exception):
            assert "checksum" in str(found) or "truncated" in str(found), found
        else:
            assert np.array_equal(found, array)
    assert refused


@pytest.mark.parametrize("name", ARRAYS)
def test_chunks_of_numcodecs(name: str) -> None:
    codec, draw = Bitsback(), random.Random(name)
    data = codec.encode(ARRAYS[name])
    whole = np.asarray(codec.decode(data))
    for _ in range(30):
        changed = damaged(data, draw)
        try:
            assert np.array_equal(codec.decode(changed), whole)
        except REFUSED as error:
            assert "\n" not in str(error)
