"""Data to archive, a small model of its own kind, and archives in memory."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images
from random_models import random_model

TINY_SHAPE = (6, 10)


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [300, 28, 28]."""
    return binarised_mnist_test_images()[:300]


@pytest.fixture(scope="session")
def tiny() -> bitsback.Model:
    """An unbundled model for items of 6 x 10 that are nearly all zeros."""
    description, tensors = random_model(shape=TINY_SHAPE, latents=1, hidden=4, bits=8)
    tensors["likelihood.probability"] = np.full(256, 300, np.uint16)
    tensors["posterior.inverse_scale"] = np.full(256, 70000, np.uint32)
    return bitsback.Model.build(json.dumps(json.loads(description) | {"name": "tiny"}), tensors)


@pytest.fixture(scope="session")
def dots() -> NDArray[np.uint8]:
    """uint8 [100, 6, 10] of values 0 and 255, nearly all 0, for the tiny model."""
    chance = np.random.RandomState(1).random_sample((100, *TINY_SHAPE))
    return np.where(chance < 0.004, 255, 0).astype(np.uint8)


def pack(array: NDArray[Any], **options: Any) -> bytes:
    """The archive of an array."""
    stream = io.BytesIO()
    bitsback.compress(array, stream, **options)
    return stream.getvalue()


def unpack(archive: bytes, **options: Any) -> NDArray[Any]:
    array: NDArray[Any] = bitsback.decompress(io.BytesIO(archive), **options)
    return array


def assert_same(restored: NDArray[Any], array: NDArray[Any]) -> None:
    """Equal in dtype, byte order, shape and every bit."""
    assert restored.dtype.str == array.dtype.str
    assert restored.shape == array.shape
    assert restored.tobytes() == array.tobytes()


def in_order(array: NDArray[Any]) -> NDArray[Any]:
    """Its items sorted by their bytes."""
    return array[sorted(range(len(array)), key=lambda item: array[item].tobytes())]


class _Pipe(io.RawIOBase):
    """A stream of bytes, read or written once in chunks, without seeking."""

    def __init__(self, data: bytes = b"") -> None:
        self.left = io.BytesIO(data)
        self.written = bytearray()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "a stream is read in chunks"
        return self.left.read(min(size, 1000))

    def write(self, data: Any) -> int:
        self.written += bytes(data[:1000])
        return min(len(data), 1000)


Pipe: Any = _Pipe
"""Untyped, since streams need only what is used of them."""
