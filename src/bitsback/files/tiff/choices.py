"""What the encoders of LZW and PackBits chose in the segments of a TIFF file, beside the pixels
(docs/format.md, A6.3).

Encoders of LZW take the longest string that has a code, and differ in where they clear the table of
codes. Those of PackBits differ in their runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files import byte_runs
from bitsback.files.exceptions import Exceptions, exceptions_from, pairs_from
from bitsback.wire import Cursor, varint

LZW, PACKBITS = 5, 32773
CHOSEN = (LZW, PACKBITS)
"""Compressions whose encoders choose."""

_LIBTIFF_CODES, _LIBTIFF_RUNS = 3836, 7
"""The codes of LZW from one clear code to the next, and the flags of the plain encoder of runs."""
_RUNS = (_LIBTIFF_RUNS, 6, 3, 2, 1, 0)
"""The flags of plain encoders that are tried."""
_NO_EXCEPTIONS = np.empty((0, 2), np.uint32)
_MOST_NUMBER, _MOST_EXCEPTIONS = 1 << 32, 1 << 20


@dataclass(frozen=True)
class Segment:
    """A compressed segment of a file."""

    compression: int
    data: bytes
    size: int
    """The number of its bytes when decompressed."""
    row_bytes: int


class Choice(NamedTuple):
    """What the encoder of a segment chose."""

    regular: int
    """For LZW twice the number of codes between clear codes, and 1 if a zero byte follows a stream
    whose last code ends a byte. For PackBits the flags of the plain encoder.
    """
    exceptions: Exceptions = _NO_EXCEPTIONS
    """From the number of codes, 0 for no other clear code; or from the plain encoder."""

    def compress(self, compression: int, raw: bytes, row_bytes: int) -> bytes:
        """The compressed segment. Raises ArchiveError if it cannot have been made so."""
        if compression == PACKBITS:
            return byte_runs.compress(raw, row_bytes, self.regular, self.exceptions)
        try:
            codes, padded = divmod(self.regular, 2)
            return _core.lzw_pack_tiff(raw, codes, self.exceptions, bool(padded))
        except ValueError:
            raise ArchiveError("its container metadata is that of other pixels") from None

    def pack(self) -> bytes:
        numbers = (self.regular, len(self.exceptions), *self.exceptions.ravel().tolist())
        return b"".join(map(varint, numbers))

    @classmethod
    def unpack(cls, cursor: Cursor) -> Choice:
        """Raises ArchiveError."""
        regular, count = cursor.varint(), cursor.varint()
        if regular >= _MOST_NUMBER or 2 * count > len(cursor.data):
            raise ArchiveError("its container metadata has impossible choices of an encoder")
        return cls(regular, pairs_from((cursor.varint() for _ in range(2 * count)), count))


Segments = Callable[[tuple[int, ...]], Iterable[Segment]]
"""Reads the segments of some compressions, in their order."""


def find_choices(segments: Segments) -> bytes:
    """The coded choices of the encoders of segments; libtiff's where they cannot be coded."""
    usual = {LZW: _usual_of_lzw(segments), PACKBITS: _usual_of_runs(segments)}
    coded = (_choice(each, usual[each.compression]).pack() for each in segments(CHOSEN))
    return b"".join(varint(len(list(run))) + packed for packed, run in groupby(coded))


def usual_choices(counts: Iterable[tuple[int, int]]) -> bytes:
    """The coded choices of libtiff. counts: compressions, and their numbers of segments."""
    usual = {LZW: Choice(2 * _LIBTIFF_CODES).pack(), PACKBITS: Choice(_LIBTIFF_RUNS).pack()}
    return b"".join(varint(count) + usual[each] for each, count in counts if each in usual)


def _choice(segment: Segment, usual: int) -> Choice:
    """usual: what is regular in most segments of its compression."""
    if segment.compression == PACKBITS:
        exceptions = _exceptions_of_runs(segment, usual)
        return Choice(usual, exceptions if len(exceptions) <= _MOST_EXCEPTIONS else _NO_EXCEPTIONS)
    found = _core.lzw_unpack_tiff(segment.data, segment.size)
    if found is None:
        return Choice(usual)
    clears, since_clear, size, whole = found
    codes, padded = divmod(usual, 2)
    if whole:
        padded = len(segment.data) > size
    # The first clear code is always there, and no other one stands behind the last codes.
    last = codes if since_clear < codes or not codes else 0
    exceptions = exceptions_from(np.append(clears[1:], np.uint32(last)), codes)
    return Choice(2 * codes + padded, exceptions)


def _usual_of_lzw(segments: Segments) -> int:
    codes, padded = Counter[int](), 0
    for segment in segments((LZW,)):
        found = _core.lzw_unpack_tiff(segment.data, segment.size)
        if found is not None:
            clears, _, size, whole = found
            codes.update(clears[1:].tolist())
            padded |= whole and len(segment.data) > size
    return 2 * (codes.most_common(1)[0][0] if codes else _LIBTIFF_CODES) + padded


def _usual_of_runs(segments: Segments) -> int:
    """The flags of the plain encoder with the least exceptions."""
    least: dict[int, int] = {}
    for flags in _RUNS:
        least[flags] = sum(len(_exceptions_of_runs(each, flags)) for each in segments((PACKBITS,)))
        if not least[flags]:
            return flags
    return min(least, key=least.__getitem__)


def _exceptions_of_runs(segment: Segment, flags: int) -> Exceptions:
    found = _core.byte_runs_unpack(segment.data, segment.size)
    if found is None:
        return _NO_EXCEPTIONS
    return byte_runs.exceptions_of(found[0], segment.row_bytes, flags, found[1])


def is_whole(segment: Segment) -> bool:
    """Whether its bytes are exactly one compressed stream."""
    if segment.compression == PACKBITS:
        runs = _core.byte_runs_unpack(segment.data, segment.size)
        return runs is not None and byte_runs.compressed_bytes(runs[1]) == len(segment.data)
    found = _core.lzw_unpack_tiff(segment.data, segment.size)
    # Some encoders begin a byte that they do not need.
    return found is not None and segment.data[found[2] :] in (b"", b"\0")


class ChoiceReader:
    """Reads coded choices, segment by segment. Raises ArchiveError."""

    def __init__(self, coded: bytes) -> None:
        self._cursor, self._left, self._choice = Cursor(coded), 0, Choice(0)

    def next(self) -> Choice:
        """The choice of the next segment with a compression that chooses."""
        if not self._left:
            self._left = self._cursor.varint()
            self._choice = Choice.unpack(self._cursor)
        if not self._left:
            raise ArchiveError("its container metadata has choices of no segment")
        self._left -= 1
        return self._choice

    def end(self) -> None:
        if self._left:
            raise ArchiveError("its container metadata has choices of too many segments")
        self._cursor.done()
