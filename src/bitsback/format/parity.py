"""Parity sections: Reed-Solomon codes over GF(2^8) that repair damaged bytes (docs/format.md, `p`).

A window of the archive is cut into shards, and these form groups. The bytes at one place in the
shards of a group are values of a polynomial. Shards of the window are its values at the first
points, shards of parity at the next points (Reed and Solomon 1960; Rizzo 1997).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.format.layout import COLLECTION, CRC_SIZE, PARITY, Cursor, open_section, section
from bitsback.wire import varint

MOST_SHARDS = 256
"""The greatest number of shards of a group, including parity: the number of points of GF(2^8)."""
_WINDOW = 1 << 28
_SECTOR = 1 << 12
_SMALLEST_SHARD = 1 << 8
_SHARDS = 200  # shards of a small archive
_POLYNOMIAL = 0x11D
_START = re.compile(rb"p[\x80-\xff]{0,9}[\x00-\x7f]")
_MOST = 1 << 30
_MOST_COLLECTION = 1 << 20

Read = Callable[[int, int], bytes]
"""Reads (offset, size), and returns fewer bytes at the end of the file."""
Bytes = NDArray[np.uint8]


def _powers() -> tuple[list[int], list[int]]:
    powers, logs, value = list[int](), [0] * 256, 1
    for exponent in range(255):
        powers.append(value)
        logs[value] = exponent
        value = value << 1 ^ (_POLYNOMIAL if value & 128 else 0)
    return powers, logs


_POWERS, _LOGS = _powers()
_POINTS = [0, *_POWERS]


def _times(one: int, other: int) -> int:
    return _POWERS[(_LOGS[one] + _LOGS[other]) % 255] if one and other else 0


def _inverse(number: int) -> int:
    return _POWERS[-_LOGS[number] % 255]


@cache
def _products(factor: int) -> bytes:
    """The products of all numbers with a factor, as a table for `bytes.translate`."""
    return bytes(_times(factor, number) for number in range(256))


@lru_cache(maxsize=MOST_SHARDS)
def coefficients(known: tuple[int, ...], wanted: int) -> list[int]:
    """The factors of the known shards whose sum is the wanted shard: Lagrange's coefficients.

    known, wanted: numbers of shards in the group.
    """
    x, points = _POINTS[wanted], [_POINTS[number] for number in known]
    found = []
    for point in points:
        above = below = 1
        for other in points:
            if other != point:
                above, below = _times(above, x ^ other), _times(below, point ^ other)
        found.append(_times(above, _inverse(below)))
    return found


@dataclass(frozen=True, order=True)
class Window:
    """A window: consecutive bytes of an archive, cut into shards, that have parity."""

    place: int
    length: int
    size: int
    """The bytes of a shard."""
    groups: int
    rows: int
    """The number of parity shards of each group."""

    @property
    def end(self) -> int:
        return self.place + self.length

    @property
    def shards(self) -> int:
        return -(-self.length // self.size)

    @property
    def columns(self) -> int:
        """The number of shards of a group that are in the window."""
        return -(-self.shards // self.groups)

    @classmethod
    def for_percent(cls, place: int, length: int, percent: float) -> Window:
        """A window with parity of `percent` per cent.

        Unless the window is small, the parity suffices for a bad sector of a disk.
        """
        size = _SMALLEST_SHARD
        while size < _SECTOR and size * _SHARDS < length:
            size *= 2
        shards, least = -(-length // size), 2
        most = int(MOST_SHARDS / (1 + percent / 100))
        groups = -(-shards // most)
        columns = -(-shards // groups)
        if length >= 4 * _SECTOR:
            least = max(least, -(-(_SECTOR // size + 1) // groups))
        rows = max(-(-columns * percent // 100), least)
        return cls(place, length, size, groups, int(min(rows, MOST_SHARDS - columns)))

    def shard(self, number: int, read: Read) -> bytes:
        """A shard of the window. Zeros follow the end of the window."""
        at = self.place + number * self.size
        data = read(at, min(self.size, self.end - at)) if at < self.end else b""
        return data + bytes(self.size - len(data))

    def parity(self, read: Read) -> list[Bytes]:
        """The rows of parity: for each, the parity shards of all groups."""
        known = tuple(range(self.columns))
        factors = [coefficients(known, self.columns + row) for row in range(self.rows)]
        made = [np.zeros(self.groups * self.size, np.uint8) for _ in range(self.rows)]
        for column in known:
            at = self.place + column * self.groups * self.size
            data = read(at, min(self.groups * self.size, self.end - at))
            data += bytes(self.groups * self.size - len(data))
            for row, of_row in zip(made, factors, strict=True):
                row ^= np.frombuffer(data.translate(_products(of_row[column])), np.uint8)
        return made

    def sections(self, read: Read) -> Iterator[bytes]:
        """The sections of the parity: a copy of the checksums, the rows, and a second copy."""
        rows = self.parity(read)
        sums = b"".join(_sum(self.shard(number, read)) for number in range(self.shards))
        for row in rows:
            shards = row.reshape(self.groups, self.size)
            sums += b"".join(_sum(shard.tobytes()) for shard in shards)
        yield self._section(0, sums)
        for number, row in enumerate(rows, 1):
            yield self._section(number, row.tobytes())
        yield self._section(0, sums)

    def _section(self, part: int, content: bytes) -> bytes:
        fields = (self.place, self.length, self.size, self.groups, self.rows)
        return section(PARITY, bytes([part]), *map(varint, fields), content)

    @classmethod
    def unpack(cls, cursor: Cursor) -> Window:
        """Reads the fields of a window. Raises ArchiveError."""
        window = cls(*cursor.varints(5))
        if min(window.length, window.size, window.groups, window.rows) < 1:
            raise ArchiveError("its parity is damaged")
        return window

    def content_size(self, part: int) -> int:
        """The size in bytes of a section's content."""
        if part:
            return self.groups * self.size
        return CRC_SIZE * (self.shards + self.groups * self.rows)


def windows_for(end: int, percent: float, first: int = 0) -> list[Window]:
    """Windows that cover the bytes of an archive from `first` up to `end`."""
    return [
        Window.for_percent(start, min(_WINDOW, end - start), percent)
        for start in range(first, end, _WINDOW)
    ]


def read_window(start: bytes) -> Window:
    """The window of a parity section, from its first bytes. Raises ArchiveError."""
    cursor = Cursor(memoryview(start), 1)
    cursor.varint()
    cursor.byte()
    return Window.unpack(cursor)


def share_of(windows: Sequence[Window]) -> float:
    """The bytes of parity of some windows in per cent of the bytes in their shards, at most 100."""
    covered = sum(window.columns * window.groups * window.size for window in windows)
    parity = sum(window.rows * window.groups * window.size for window in windows)
    return min(100 * parity / covered, 100.0) if covered else 0.0


@dataclass(frozen=True)
class ParitySection:
    """A parity section. Its content may be damaged."""

    window: Window
    part: int
    content: bytes
    whole: bool
    place: int


def find(data: bytes | memoryview, base: int = 0) -> Iterator[ParitySection]:
    """All parity sections in some bytes of an archive. base: the offset of the bytes."""
    for start in _START.finditer(data):
        found = _at(data, start.start(), base)
        if found is not None:
            yield found


def found_at(section: bytes, place: int) -> ParitySection | None:
    """The parity section that the index lists at `place`; None if the bytes are no such section."""
    return _at(section, 0, place) if section[:1] == PARITY else None


def _at(data: bytes | memoryview, at: int, base: int) -> ParitySection | None:
    cursor = Cursor(data, at + 1)
    try:
        length = cursor.varint()
        begin, part = cursor.at, cursor.byte()
        window = Window.unpack(cursor)
    except ArchiveError:
        return None
    if (
        window.end > base + at
        or window.groups > window.shards
        or window.size * window.groups > _MOST
        or window.columns + window.rows > MOST_SHARDS
        or part > window.rows
        or cursor.at - begin + window.content_size(part) != length
        or len(data) - begin < length + CRC_SIZE
    ):
        return None
    content = cursor.take(window.content_size(part))
    whole = _sum(bytes(data[at : cursor.at])) == cursor.take(CRC_SIZE)
    return ParitySection(window, part, content, whole, base + at)


def _sum(data: bytes) -> bytes:
    return _core.crc32c(data).to_bytes(CRC_SIZE, "little")


def _is_collection(read: Read, at: int) -> bool:
    try:
        open_section(Cursor(read(at, _MOST_COLLECTION)).section(), COLLECTION)
    except ArchiveError:
        return False
    return True


class Parity:
    """The parity of a window, as far as its sections were found."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._sums: bytes | None = None
        self._rows: dict[int, bytes] = {}
        self._places: dict[int, int] = {}
        """The places of the undamaged rows."""

    def add(self, found: ParitySection) -> None:
        """Adds a section. Damaged checksums are ignored; each shard of a row is checked."""
        if found.part == 0 and found.whole:
            self._sums = found.content
        elif found.part:
            self._rows[found.part - 1] = found.content
            if found.whole:
                self._places[found.part] = found.place

    def repair(self, read: Read) -> dict[int, bytes] | None:
        """The correct bytes of damaged shards, by their places.

        None without checksums, or if the parity seems to belong to an archive inside this one. Most
        shards then differ, and no generation begins behind the window. Raises ArchiveError if more
        shards are damaged than the parity can repair.
        """
        if self._sums is None:
            return None
        window, found = self.window, dict[int, bytes]()
        bad: dict[int, list[int]] = {}
        for number in range(window.shards):
            if self._differs(number, window.shard(number, read)):
                bad.setdefault(number % window.groups, []).append(number // window.groups)
        if 2 * sum(map(len, bad.values())) > window.shards and not _is_collection(read, window.end):
            return None
        for group, columns in bad.items():
            for column, shard in zip(columns, self._made(group, columns, read), strict=True):
                at = window.place + (column * window.groups + group) * window.size
                found[at] = shard[: window.end - at]
        return found

    def renewed(self, read: Read) -> dict[int, bytes]:
        """All parity sections of an undamaged window, computed anew, by their offset.

        Empty without an undamaged row, which confirms the window.
        """
        sections = list(self.window.sections(read))
        for part, place in self._places.items():
            return {place - sum(map(len, sections[:part])): b"".join(sections)}
        return {}

    def _differs(self, number: int, shard: bytes) -> bool:
        assert self._sums is not None, "they were looked at"
        return _sum(shard) != self._sums[CRC_SIZE * number :][:CRC_SIZE]

    def _made(self, group: int, bad: Sequence[int], read: Read) -> Iterator[bytes]:
        """The shards of the damaged columns of a group, computed from other shards."""
        window = self.window
        shards: dict[int, bytes] = {
            column: window.shard(column * window.groups + group, read)
            for column in range(window.columns)
            if column not in bad
        }
        for row, content in self._rows.items():
            shard = content[group * window.size :][: window.size]
            number = window.shards + row * window.groups + group
            if len(shards) < window.columns and not self._differs(number, shard):
                shards[window.columns + row] = shard
        if len(shards) < window.columns:
            raise ArchiveError(
                f"{len(bad)} parts of {window.columns} are damaged, more than its parity"
            )
        for column in bad:
            factors = coefficients(tuple(shards), column)
            made = np.zeros(window.size, np.uint8)
            for factor, shard in zip(factors, shards.values(), strict=True):
                made ^= np.frombuffer(shard.translate(_products(factor)), np.uint8)
            if self._differs(column * window.groups + group, made.tobytes()):
                raise ArchiveError("its parity is damaged")
            yield made.tobytes()
