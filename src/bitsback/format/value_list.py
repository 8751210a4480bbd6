"""The values of the elements of a block as a list, for dtypes of which low and high are too far
apart (docs/format.md, Runs and value maps).
"""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import raw_deflate
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.numbers import elements_of, numbers_of
from bitsback.lazy import cached_property
from bitsback.wire import varint

MOST_VALUES = 1 << 16
_LOOK = 1 << 17
"""Elements that are looked at first, since most arrays of floats have more values than a list."""


@dataclass(frozen=True)
class ValueList:
    """Up to 65,536 values."""

    dtype: np.dtype[Any]
    ordered: bytes
    """The numbers of the values, ascending."""
    stream: bytes | None = field(default=None, compare=False, repr=False)
    """The stream that it was read from: another zlib would make another one, and digests are of
    the bytes.
    """

    @cached_property
    def _numbers(self) -> NDArray[Any]:
        return np.frombuffer(self.ordered, f"<u{self.dtype.itemsize}")

    @property
    def levels(self) -> int:
        return len(self._numbers)

    def to_symbols(self, elements: NDArray[Any]) -> NDArray[Any]:
        """uint8 for up to 256 levels, uint16 for more. All elements are in the list."""
        places = np.searchsorted(self._numbers, numbers_of(elements))
        return places.astype(np.uint8 if self.levels <= 256 else np.uint16)

    def from_symbols(self, symbols: NDArray[Any]) -> NDArray[Any]:
        values: NDArray[Any] = elements_of(self._numbers, self.dtype)[symbols]
        return values

    @cached_property
    def packed(self) -> bytes:
        """How many there are, and the differences of their numbers, compressed byte by byte."""
        stream = self._compressed() if self.stream is None else self.stream
        return varint(self.levels) + varint(len(stream)) + stream

    def _compressed(self) -> bytes:
        differences = np.diff(self._numbers, prepend=self._numbers.dtype.type(0))
        grouped = differences.view(np.uint8).reshape(-1, self.dtype.itemsize).T.tobytes()
        packer = zlib.compressobj(9, zlib.DEFLATED, raw_deflate.WINDOW, 9)
        return packer.compress(grouped) + packer.flush()

    def pack(self) -> bytes:
        return self.packed

    @classmethod
    def unpack(cls, cursor: Cursor, dtype: np.dtype[Any]) -> "ValueList":
        """Raises ArchiveError."""
        if not needs_list(dtype):
            raise ArchiveError(f"it lists values of {dtype}, which cannot be")
        levels = cursor.varint()
        stream = cursor.take(cursor.varint())
        if not 2 <= levels <= MOST_VALUES:
            raise ArchiveError(f"it lists {levels} values, and only 2 to {MOST_VALUES} can be")
        grouped = raw_deflate.decompress_exactly(stream, levels * dtype.itemsize)
        if grouped is None:
            raise ArchiveError("the values of its elements are damaged")
        by_byte = np.frombuffer(grouped, np.uint8).reshape(dtype.itemsize, levels)
        differences = np.ascontiguousarray(by_byte.T).view(f"<u{dtype.itemsize}").reshape(-1)
        numbers = np.cumsum(differences, dtype=differences.dtype)
        if not (numbers[1:] > numbers[:-1]).all():
            raise ArchiveError("the values of its elements do not ascend")
        return cls(dtype, numbers.tobytes(), bytes(stream))


def needs_list(dtype: np.dtype[Any]) -> bool:
    """Whether values of the dtype may be listed: others than bool, and integers of at most 16
    bits.
    """
    return dtype.kind == "f" or dtype.itemsize > 2


def find_value_list(elements: NDArray[Any]) -> ValueList | None:
    """The values of elements that have at least two; None if there are too many."""
    numbers = numbers_of(elements)
    if len(np.unique(numbers[:_LOOK])) > MOST_VALUES:
        return None
    found = np.unique(numbers)
    if not 2 <= len(found) <= MOST_VALUES:
        return None
    return ValueList(elements.dtype, found.astype(found.dtype.newbyteorder("<")).tobytes())
