"""The header of a block (docs/format.md, `B`, a block).

 7   6    5     4 3      2 1 0
+-----+-------+--------+--------+
|  0  |multis.| layout | method |     the byte of the method
+-----+-------+--------+--------+
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.coding import layouts
from bitsback.coding.number_digits import MOST_DIGITS, Cut, dtype_of, sound
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.runs import Run, pack_value_map, read_runs, read_value_map
from bitsback.format.value_range import JpegColours, Ordered, ValueMap
from bitsback.wire import varint

RAW, PACKED, MODEL, FALLBACK, ADAPTIVE, DIGITS, STREAMS, INFLATED, DECODED = range(9)
METHODS = (
    "raw", "packed", "model", "fallback", "adaptive", "digits", "streams", "inflated", "decoded",
)  # fmt: skip
PREFIX_SIZE = 16
"""Bytes of a model's identity that blocks store."""
_MULTISET, _HIGH = 32, 64


@dataclass(frozen=True)
class Method:
    """The method of a block, which says how to decode its data."""

    number: int
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    multiset: bool = False
    """Whether the order of the tiles was dropped."""

    def pack(self) -> int:
        low, high = self.number & 7, self.number >> 3
        return low | self.layout << 3 | _MULTISET * self.multiset | _HIGH * high

    @classmethod
    def read(cls, byte: int) -> "Method":
        """Raises ArchiveError."""
        number = byte & 7 | byte // _HIGH << 3
        layout, multiset = byte >> 3 & 3, bool(byte & _MULTISET)
        alone = number != MODEL and (layout or multiset)
        in_order = multiset and layout > layouts.STACKS
        if number >= len(METHODS) or alone or in_order:
            raise ArchiveError(f"it has the method {byte}: it needs a newer bitsback")
        return cls(number, layout, multiset)


@dataclass(frozen=True)
class DigitHead:
    """How one of the digits of a block's elements is coded."""

    value_map: ValueMap | None
    method: Method
    model: bytes | None
    """The first 16 bytes of the model's identity, for the method model."""
    size: int
    """The bytes of its data."""

    def pack(self, bits: int) -> bytes:
        model = b"" if self.model is None else self.model
        start = bytes([bits]) + pack_value_map(self.value_map) + bytes([self.method.pack()])
        return start + model + varint(self.size)


@dataclass(frozen=True)
class Digits:
    """The head of a block of the method digits."""

    cut: Cut
    heads: tuple[DigitHead, ...]

    def pack(self, dtype: np.dtype[Any]) -> bytes:
        start = self.cut.base.to_bytes(dtype.itemsize, "little") + bytes([self.cut.shift])
        pairs = zip(self.heads, self.cut.bits, strict=True)
        return start + varint(len(self.heads)) + b"".join(head.pack(bits) for head, bits in pairs)

    @classmethod
    def read(cls, cursor: Cursor, dtype: np.dtype[Any]) -> "Digits":
        """Raises ArchiveError."""
        base, shift = int.from_bytes(cursor.take(dtype.itemsize), "little"), cursor.byte()
        count, bits, heads = cursor.varint(), [], []
        for _ in range(min(count, MOST_DIGITS + 1)):
            bits.append(cursor.byte())
            value_map = read_value_map(cursor, dtype_of(bits[-1]))
            method = Method.read(cursor.byte())
            model = cursor.take(PREFIX_SIZE) if method.number == MODEL else None
            heads.append(DigitHead(value_map, method, model, cursor.varint()))
            check_map(method, value_map)
            if method.number > FALLBACK or method.multiset or isinstance(value_map, JpegColours):
                raise ArchiveError("a digit of its elements has a method that no digit can have")
        cut = Cut(base, shift, tuple(bits))
        if not sound(cut, dtype):
            raise ArchiveError(f"its digits do not fit elements of {dtype}")
        return cls(cut, tuple(heads))


@dataclass(frozen=True)
class Block:
    """A block whose header has been read and checked."""

    first: int
    runs: list[Run]
    runs_field: bytes
    method: Method
    model: bytes | None
    """The first 16 bytes of the model's identity, for the method model."""
    data: memoryview
    digits: Digits | None = None
    """For the method digits."""

    @property
    def models(self) -> list[bytes]:
        """The first 16 bytes of the identity of each model that coded the block."""
        heads = () if self.digits is None else self.digits.heads
        found = [self.model, *(head.model for head in heads)]
        return [model for model in found if model is not None]

    @property
    def items(self) -> int:
        """The number of its tiles."""
        return sum(run.items for run in self.runs)


def read_header(payload: memoryview) -> Block:
    """Reads the header of a block. The data behind it may be cut short. Raises ArchiveError."""
    cursor = Cursor(payload)
    first = cursor.varint()
    start = cursor.at
    runs = read_runs(cursor)
    runs_field = bytes(payload[start : cursor.at])
    method = Method.read(cursor.byte())
    model = cursor.take(PREFIX_SIZE) if method.number == MODEL else None
    for run in runs:
        check_map(method, run.value_map)
    digits = Digits.read(cursor, runs[0].dtype) if method.number == DIGITS else None
    return Block(first, runs, runs_field, method, model, payload[cursor.at :], digits)


def check_map(method: Method, value_map: ValueMap | None) -> None:
    """Raises ArchiveError for a value map that the method does not use.

    It does not check blocks of the method model, which may have any.
    """
    if method.number != MODEL and isinstance(value_map, Ordered | JpegColours):
        raise ArchiveError("it has a value map that its method does not use")
