"""The fields of docs/format.md, read in sequence, and the error for broken rules."""

import lzma
import math
import zlib
from typing import Any

import numpy as np

from .message import read_varint

NUMBERS = ("u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8")
DTYPES = {"|b1", "|u1", "|i1"} | {order + number for order in "<>" for number in NUMBERS}


class ArchiveError(Exception):
    """These bytes break docs/format.md."""


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise ArchiveError(rule)


def check_size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    size = math.prod(max(extent, 1) for extent in shape) * dtype.itemsize
    require(size < 2**60, "an array of less than 2^60 bytes")


def inflate(stream: bytes, most: int = -1, dictionary: bytes = b"") -> bytes:
    """The content of one deflate stream. most: its greatest number of bytes; -1 for any."""
    unpacker = zlib.decompressobj(-15, zdict=dictionary)
    try:
        content = unpacker.decompress(stream, most + 1)
    except zlib.error as error:
        raise ArchiveError(str(error)) from error
    require(unpacker.eof and not unpacker.unused_data, "one deflate stream")
    require(most < 0 or len(content) <= most, "a stream of so many bytes at most")
    return content


def unpack_lzma2(stream: bytes) -> bytes:
    """The content of one LZMA2 stream."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**23}]
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    try:
        content: bytes = unpacker.decompress(stream)
    except lzma.LZMAError as error:
        raise ArchiveError(str(error)) from error
    require(unpacker.eof and not unpacker.unused_data, "one LZMA2 stream")
    return content


class Reader:
    """Reads fields in sequence."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        require(self.at + n <= len(self.data), "cut short")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        try:
            value, self.at = read_varint(self.data, self.at)
        except ValueError as error:
            raise ArchiveError(str(error)) from error
        return value

    def dtype(self) -> np.dtype[Any]:
        name = self.take(3).decode("latin-1")
        require(name in DTYPES, "a dtype of the list")
        return np.dtype(name)

    def shape(self) -> tuple[int, ...]:
        axes = self.byte()
        require(axes <= 32, "at most 32 dimensions")
        return tuple(self.varint() for _ in range(axes))

    def done(self) -> None:
        require(self.at == len(self.data), "nothing follows the last field")


def varint(value: int) -> bytes:
    """LEB128, the shortest form."""
    digits = []
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])
