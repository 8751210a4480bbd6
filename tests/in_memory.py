"""Archives in memory, streams that cannot seek, and items that a model codes well."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.models import Model
from bitsback.summary import Compressed


def packed(array: Any, **options: Any) -> tuple[bytes, Compressed]:
    """The archive of an array or a folder, and the summary."""
    stream = io.BytesIO()
    summary = bitsback.compress(array, stream, **options)
    return stream.getvalue(), summary


def pack(array: Any, **options: Any) -> bytes:
    """The archive of an array or a folder."""
    return packed(array, **options)[0]


def unpack(archive: bytes, **options: Any) -> NDArray[Any]:
    array: NDArray[Any] = bitsback.decompress(io.BytesIO(archive), **options)
    return array


def in_order(array: NDArray[Any]) -> NDArray[Any]:
    """Its items sorted by their bytes."""
    return array[sorted(range(len(array)), key=lambda item: array[item].tobytes())]


def drawn(model: Model, count: int, seed: int = 1) -> NDArray[np.uint8]:
    """Items that the model decodes from random bits, which it codes best."""
    words = np.random.default_rng(seed).integers(0, 2**32, 20_000, np.uint32)
    message = bitsback.Message([2**40], words, 0)
    z = model.prior(count).pop(message)
    return np.asarray(model.likelihood(z).pop(message)).reshape(count, *model.item_shape)


class _Pipe(io.RawIOBase):
    """A stream of bytes, read or written once in chunks, without seeking."""

    def __init__(self, data: bytes = b"", chunk: int = 1000) -> None:
        self.left, self.chunk = io.BytesIO(data), chunk
        self.written = bytearray()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "a stream is read in chunks"
        return self.left.read(min(size, self.chunk))

    def write(self, data: Any) -> int:
        self.written += bytes(data[: self.chunk])
        return min(len(data), self.chunk)


Pipe: Any = _Pipe
"""Untyped, since streams need only what is used of them."""
