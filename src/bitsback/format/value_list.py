"""The value map that lists all values of a block (docs/format.md, Runs and value maps).

It is for dtypes of so many bits that a range of values does not help.
"""

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
"""The number of elements to count first, since most arrays of floats have too many values."""


@dataclass(frozen=True)
class ValueList:
    """A list of up to 65,536 values. The symbol of an element is the place of its value."""

    dtype: np.dtype[Any]
    ordered: bytes
    """The numbers of the values (`format.numbers`) in ascending order, as bytes."""
    stream: bytes | None = field(default=None, compare=False, repr=False)
    """The compressed list as it was read.

    Digests cover its bytes, and another version of zlib would make other bytes.
    """

    @cached_property
    def _numbers(self) -> NDArray[Any]:
        return np.frombuffer(self.ordered, f"<u{self.dtype.itemsize}")

    @property
    def levels(self) -> int:
        return len(self._numbers)

    def to_symbols(self, elements: NDArray[Any]) -> NDArray[Any]:
        """The symbols of elements, all of which are in the list.

        They are uint8 for up to 256 levels, and uint16 for more.
        """
        places = np.searchsorted(self._numbers, numbers_of(elements))
        return places.astype(np.uint8 if self.levels <= 256 else np.uint16)

    def from_symbols(self, symbols: NDArray[Any]) -> NDArray[Any]:
        values: NDArray[Any] = elements_of(self._numbers, self.dtype)[symbols]
        return values

    @cached_property
    def _compressed(self) -> bytes:
        """The compressed differences of the values' numbers."""
        if self.stream is not None:
            return self.stream
        differences = np.diff(self._numbers, prepend=self._numbers.dtype.type(0))
        grouped = differences.view(np.uint8).reshape(-1, self.dtype.itemsize).T.tobytes()
        return raw_deflate.compress(grouped)

    def pack(self) -> bytes:
        """The number of values, and their stream."""
        return varint(self.levels) + varint(len(self._compressed)) + self._compressed

    @classmethod
    def unpack(cls, cursor: Cursor, dtype: np.dtype[Any]) -> "ValueList":
        """Reads the result of `pack`. Raises ArchiveError."""
        if not needs_list(dtype):
            raise ArchiveError(f"it lists values of {dtype}, which has no value lists")
        levels = cursor.varint()
        stream = cursor.take(cursor.varint())
        if not 2 <= levels <= MOST_VALUES:
            raise ArchiveError(f"it lists {levels} values; 2 to {MOST_VALUES} are possible")
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
    """Whether values of the dtype may be listed.

    These are all dtypes except bool and integers of at most 16 bits.
    """
    return dtype.kind == "f" or dtype.itemsize > 2


def find_value_list(elements: NDArray[Any]) -> ValueList | None:
    """The list of the values of elements; None if there are too many.

    elements: with at least two values.
    """
    numbers = numbers_of(elements)
    if len(np.unique(numbers[:_LOOK])) > MOST_VALUES:
        return None
    found = np.unique(numbers)
    if not 2 <= len(found) <= MOST_VALUES:
        return None
    return ValueList(elements.dtype, found.astype(found.dtype.newbyteorder("<")).tobytes())
