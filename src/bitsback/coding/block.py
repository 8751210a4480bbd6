"""A block's header (docs/format.md, `B`, a block).

 7   6    5     4 3      2 1 0
+-----+-------+--------+--------+
|  0  |multis.| layout | method |     the byte of the method
+-----+-------+--------+--------+
"""

from dataclasses import dataclass

from bitsback.coding import layouts
from bitsback.errors import ArchiveError
from bitsback.format.layout import Cursor
from bitsback.format.runs import Run, read_runs
from bitsback.format.value_range import JpegColours, Ordered

RAW, PACKED, MODEL, FALLBACK, ADAPTIVE = range(5)
METHODS = ("raw", "packed", "model", "fallback", "adaptive")
PREFIX_SIZE = 16
"""Bytes of a model's identity that name the model."""
_MULTISET = 32


@dataclass(frozen=True)
class Method:
    """The method of a block: how to decode its data."""

    number: int
    layout: int = layouts.PICTURES
    """The meaning of the tiles' axes to the model."""
    multiset: bool = False
    """Whether the order of its tiles does not matter."""

    def pack(self) -> int:
        return self.number | self.layout << 3 | _MULTISET * self.multiset

    @classmethod
    def read(cls, byte: int) -> "Method":
        """Raises ArchiveError."""
        number, layout, multiset = byte & 7, byte >> 3 & 3, bool(byte & _MULTISET)
        alone = number != MODEL and (layout or multiset)
        serial = multiset and layout == layouts.SERIES
        if byte >= 2 * _MULTISET or number > ADAPTIVE or layout > layouts.SERIES or alone or serial:
            raise ArchiveError(f"it has the method {byte}: it needs a newer bitsback")
        return cls(number, layout, multiset)


@dataclass(frozen=True)
class Opened:
    """A block whose header has been read and checked."""

    first: int
    runs: list[Run]
    runs_field: bytes
    method: Method
    model: bytes | None
    """The first 16 bytes of the model's identity, for the method model."""
    data: memoryview

    @property
    def items(self) -> int:
        """The number of its tiles."""
        return sum(run.items for run in self.runs)


def read_header(payload: memoryview) -> Opened:
    """Reads the header of a block. Its data may be cut short. Raises ArchiveError."""
    cursor = Cursor(payload)
    first = cursor.varint()
    start = cursor.at
    runs = read_runs(cursor)
    runs_field = bytes(payload[start : cursor.at])
    method = Method.read(cursor.byte())
    model = cursor.take(PREFIX_SIZE) if method.number == MODEL else None
    if model is None and any(isinstance(run.value_map, Ordered | JpegColours) for run in runs):
        raise ArchiveError("it has a value map that its method does not use")
    return Opened(first, runs, runs_field, method, model, payload[cursor.at :])
