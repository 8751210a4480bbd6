"""Value maps: the values of the symbols 0, 1, 2, ... of a block (docs/format.md, `runs`)."""

from dataclasses import dataclass, field
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import raw_deflate
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.two_values import TwoValues
from bitsback.format.value_list import MOST_VALUES, ValueList, find_value_list
from bitsback.lazy import cached_property
from bitsback.wire import varint

# Ranks pay off up to this share of occurring values between the least and the greatest.
_SPARSE = {1: 0.5, 2: 0.7, 4: 0.7, 8: 0.7}  # by the bytes of an element
_NEAR = 32  # values on either side of an element


@dataclass(frozen=True)
class ValueRange:
    """The values from `low` to `high`, or only the occurring values among them."""

    dtype: np.dtype[Any]
    low: int
    high: int
    occurring: bytes | None = None
    """A bit for each value, eight per byte, low bit first; None if all values have symbols."""
    stream: bytes | None = field(default=None, compare=False, repr=False)
    """The compressed bits as they were read; see `ValueList.stream`."""

    @property
    def span(self) -> int:
        return self.high - self.low + 1

    @cached_property
    def _bits(self) -> NDArray[np.bool_]:
        assert self.occurring is not None
        packed = np.frombuffer(self.occurring, np.uint8)
        return np.unpackbits(packed, count=self.span, bitorder="little").view(np.bool_)

    @cached_property
    def levels(self) -> int:
        return self.span if self.occurring is None else int(np.count_nonzero(self._bits))

    def to_symbols(self, elements: NDArray[Any]) -> NDArray[Any]:
        """The symbols of elements: uint8 for up to 256 levels, uint16 for more."""
        symbols: NDArray[Any] = _offsets(elements, self.low)
        if self.occurring is not None:
            ranks = np.cumsum(self._bits).astype(np.uint16) - np.uint16(1)
            symbols = ranks[symbols]
        if self.levels <= 256:
            symbols = symbols.astype(np.uint8)
        return symbols

    def from_symbols(self, symbols: NDArray[Any]) -> NDArray[Any]:
        above = np.arange(self.span) if self.occurring is None else np.flatnonzero(self._bits)
        values = above.astype(np.uint64) + np.uint64(self.low % (1 << 64))
        found: NDArray[Any] = values.astype(_integers(self.dtype))[symbols]
        return found.view(self.dtype)

    def pack(self) -> bytes:
        """low, high, and the bits of the occurring values."""
        ends = np.array([self.low, self.high]).astype(_integers(self.dtype)).tobytes()
        if self.occurring is None:
            return ends
        stream = raw_deflate.compress(self.occurring) if self.stream is None else self.stream
        return ends + varint(len(stream)) + stream

    @classmethod
    def unpack(cls, cursor: Cursor, dtype: np.dtype[Any], ranks: bool) -> "ValueRange":
        if not is_mappable(dtype):
            raise ArchiveError(f"it maps values of {dtype}, which has no value ranges")
        ends = np.frombuffer(cursor.take(2 * dtype.itemsize), dtype).view(_integers(dtype))
        low, high = int(ends[0]), int(ends[1])
        if not low < high < low + MOST_VALUES:
            raise ArchiveError("the values of its elements are damaged")
        if not ranks:
            return cls(dtype, low, high)
        stream = cursor.take(cursor.varint())
        occurring = raw_deflate.decompress_exactly(stream, (high - low + 8) // 8)
        if occurring is None:
            raise ArchiveError("the values of its elements are damaged")
        bits = np.unpackbits(np.frombuffer(occurring, np.uint8), bitorder="little")
        if not (bits[0] and bits[high - low]) or bits[high - low + 1 :].any():
            raise ArchiveError("the values of its elements are damaged")
        return cls(dtype, low, high, occurring, bytes(stream))


@dataclass(frozen=True)
class JpegColours:
    """Elements are their own symbols, and each pixel has one of JPEG's colours.

    JPEG's conversion from YCbCr gives only a quarter of all colours of red, green and blue.
    """


Ordered = ValueRange | ValueList
"""A value map with values in ascending order."""
ValueMap = TwoValues | Ordered | JpegColours
"""The values of the symbols of a block."""


def is_mappable(dtype: np.dtype[Any]) -> bool:
    """Whether a value range can describe elements of this dtype: bool and integers."""
    return dtype.kind in "bui"


def is_narrow(dtype: np.dtype[Any]) -> bool:
    """Whether the dtype has at most 2^16 values: bool, and integers of at most 16 bits."""
    return is_mappable(dtype) and dtype.itemsize <= 2


def find_value_range(elements: NDArray[Any], near: bool = False) -> Ordered | None:
    """The cheapest range or list for elements with at least two values.

    None if elements are their own symbols, or have too many values. near: for a series, which is
    coded by differences to predictions. Ranks then pay by the share of occurring values near an
    element, not by the share of all.
    """
    if not is_mappable(elements.dtype):
        return find_value_list(elements)
    integers = elements.view(_integers(elements.dtype))
    low, high = int(integers.min()), int(integers.max())
    if high >= low + MOST_VALUES:
        return find_value_list(elements)
    counts = _histogram(integers, low, high)
    dtype = elements.dtype
    saved = _saved_near(counts) if near else _saved(counts, _SPARSE[dtype.itemsize])
    if saved:
        occurring = np.packbits(counts > 0, bitorder="little").tobytes()
        ranks = ValueRange(dtype, low, high, occurring)
        if 8 * len(ranks.pack()) < saved:
            return ranks
    return None if dtype.str == "|u1" and not near else ValueRange(dtype, low, high)


def _histogram(integers: NDArray[Any], low: int, high: int) -> NDArray[Any]:
    """The counts of the values from `low` to `high`."""
    if integers.dtype == np.uint8:  # counts pairs, which is twice as fast
        even = len(integers) // 2 * 2
        pairs = np.bincount(integers[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
        counts: NDArray[Any] = pairs.sum(0) + pairs.sum(1)
        counts[integers[even:]] += 1
        return counts[low : high + 1]
    return np.bincount(_offsets(integers, low), minlength=high - low + 1)


def _saved(counts: NDArray[Any], most: float) -> float:
    """The bits that ranks save, if at most a share `most` of the values occurs."""
    occurring, span = int(np.count_nonzero(counts)), len(counts)
    return float(counts.sum()) * log2(span / occurring) if occurring <= most * span else 0.0


def _saved_near(counts: NDArray[Any]) -> float:
    """The bits that ranks save if elements are coded by differences to their neighbours."""
    (values,) = np.nonzero(counts)
    first, last = np.maximum(values - _NEAR, 0), np.minimum(values + _NEAR + 1, len(counts))
    occurring = np.searchsorted(values, last) - np.searchsorted(values, first)
    return float(np.sum(counts[values] * np.log2((last - first) / occurring)))


def _integers(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype for reading elements. Bool is read as bytes, which may be other than 0 and 1."""
    return np.dtype("u1") if dtype.kind == "b" else dtype


def _offsets(elements: NDArray[Any], low: int) -> NDArray[Any]:
    """The distance of each element above `low`."""
    integers = elements.view(_integers(elements.dtype))
    if elements.itemsize > 2:
        return (integers.astype(np.uint64) - np.uint64(low % (1 << 64))).astype(np.uint16)
    return (integers.astype(np.int32) - low).astype(np.uint16)
