"""Where the segments of a TIFF file stand, in the order in which a picture has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from bitsback.errors import ArchiveError
from bitsback.wire import Cursor, varint

Span = tuple[int, int]
"""The places of the first byte, and of the one behind the last."""

_SMALLEST = 3  # bytes of a run
_MOST = 1 << 48


@dataclass(frozen=True)
class Place:
    """Of a segment in the file that there was."""

    start: int
    end: int
    room: int
    """The end of the segments that follow one another from this one on, without a gap."""
    first: bool
    """Whether there is a gap before it."""


@dataclass(frozen=True)
class Places:
    """Runs of segments: how many, the gap before each, and their length."""

    runs: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Places:
        gaps, end = [], 0
        for start, stop in spans:
            gaps.append((start - end, stop - start))
            end = stop
        runs: list[tuple[int, int, int]] = []
        for (gap, length), group in groupby(gaps):
            count = sum(1 for _ in group)
            runs += [(count, gap, length)] if gap >= 0 else [(1, gap, length)] * count
        return cls(tuple(runs))

    @property
    def count(self) -> int:
        return sum(count for count, _, _ in self.runs)

    def __iter__(self) -> Iterator[Place]:
        followed = [0]
        for count, gap, length in reversed(self.runs):
            followed.append(0 if gap else count * length + followed[-1])
        end = 0
        for (count, gap, length), behind in zip(self.runs, followed[-2::-1], strict=True):
            last = end + count * (gap + length)
            for number in range(count):
                start = end + gap
                end = start + length
                room = last + behind if not gap or number == count - 1 else end
                yield Place(start, end, room, gap != 0)

    def spans(self, most: int) -> Iterator[Span]:
        """Those that have no gap in them. most: bytes of all gaps. Raises ArchiveError if there are
        more.
        """
        end = 0
        for count, gap, length in self.runs:
            if gap > 0:
                most -= count * gap
            if end + gap < 0 or end + count * (gap + length) > _MOST or most < -_MOST:
                raise ArchiveError("its note tells of segments where there can be none")
            if not gap:
                yield end, end + count * length
                end += count * length
                continue
            if count > 1 and most < 0:
                raise ArchiveError("its note tells of more gaps than it has bytes for")
            for _ in range(count):
                yield end + gap, end + gap + length
                end += gap + length

    def pack(self) -> bytes:
        return varint(len(self.runs)) + b"".join(
            varint(count) + signed(gap) + varint(length) for count, gap, length in self.runs
        )

    @classmethod
    def unpack(cls, cursor: Cursor) -> Places:
        """Raises ArchiveError."""
        count = cursor.varint()
        if count * _SMALLEST > len(cursor.data):
            raise ArchiveError("its note is too short for its segments")
        runs = tuple((cursor.varint(), unsigned(cursor), cursor.varint()) for _ in range(count))
        if any(count < 1 or not length or (gap < 0 and count > 1) for count, gap, length in runs):
            raise ArchiveError("its note tells of segments where there can be none")
        return cls(runs)


def merged(spans: Iterable[Span]) -> list[Span]:
    """In the order of the file, those that touch as one. Raises ArchiveError if two overlap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            raise ArchiveError("its note tells of segments that overlap")
        if found and start == found[-1][1]:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def signed(number: int) -> bytes:
    """2n for n >= 0, otherwise -2n - 1, as a varint."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def unsigned(cursor: Cursor) -> int:
    """What `signed` has packed. Raises ArchiveError."""
    number = cursor.varint()
    return -(number >> 1) - 1 if number & 1 else number >> 1
