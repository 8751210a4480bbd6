"""A block's header, and what few bytes may claim (docs/format.md, `B`, a block)."""

from dataclasses import dataclass

from bitsback.archive import chain, planes
from bitsback.archive.layout import Cursor
from bitsback.archive.runs import Run, read_runs
from bitsback.archive.values import Values
from bitsback.errors import ArchiveError

RAW, PACKED, CHAIN, SQUEEZED, PLANES, ADAPTIVE = range(6)
METHODS = ("raw", "packed", "chain", "squeezed", "planes", "adaptive")
MULTISET = 16
"""Is added to the method of a block whose items are a multiset: to chain or planes."""
PREFIX_SIZE = 16
"""Bytes of a model's identity that stand for the model."""


def max_elements(data_size: int) -> int:
    """How many elements a block with this many bytes of data may claim to have, so that a few bytes
    cannot claim a computer's memory.
    """
    return (1 << 16) + (data_size << 12)


def affordable(parts: chain.Stretches, data_size: int) -> bool:
    """Whether decoding these items from so many bytes takes no more memory and time than a few
    bytes may ask for (docs/format.md, `B`, a block).
    """
    elements = room = work = 0
    for part, schedule in zip(parts, chain.schedules(parts), strict=True):
        model = part.model
        elements += part.items * model.most_elements
        room = max(room, min(part.items, model.model.batch) * model.room)
        work += part.items * model.work
        work += sum(count for _, count in schedule) * model.steps * planes.WORK_OF_A_STEP
    return elements <= max_elements(data_size) and planes.bearable(room, work, data_size)


@dataclass(frozen=True)
class Opened:
    """A block whose header has been read and checked."""

    first: int
    runs: list[Run]
    runs_field: bytes
    method: int
    model: bytes | None
    """The first 16 bytes of the model's identity, for the methods chain and planes."""
    layout: int
    """For the method planes."""
    data: memoryview
    multiset: bool = False
    """Whether its pieces are a multiset, for the same methods."""

    @property
    def items(self) -> int:
        """The number of its pieces."""
        return sum(run.items for run in self.runs)


def read_header(payload: memoryview) -> Opened:
    """Reads the header of a block. Its data may be cut short. Raises ArchiveError."""
    cursor = Cursor(payload)
    first = cursor.varint()
    start = cursor.at
    runs = read_runs(cursor)
    runs_field = bytes(payload[start : cursor.at])
    byte = cursor.byte()
    method, multiset = byte & ~MULTISET, bool(byte & MULTISET)
    if method >= len(METHODS) or (multiset and method not in (CHAIN, PLANES)):
        raise ArchiveError(f"it has the method {byte}: it needs a newer bitsback")
    model = cursor.take(PREFIX_SIZE) if method in (CHAIN, PLANES) else None
    layout = cursor.byte() if method == PLANES else planes.PICTURES
    if layout > planes.SERIES or (multiset and layout == planes.SERIES):
        raise ArchiveError(f"it has the layout {layout}: it needs a newer bitsback")
    if method != PLANES and any(isinstance(run.levels, Values) for run in runs):
        raise ArchiveError("it has levels that its method does not use")
    return Opened(first, runs, runs_field, method, model, layout, payload[cursor.at :], multiset)
