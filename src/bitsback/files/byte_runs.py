"""The container metadata of DICOM files with runs of bytes, RLE Lossless (docs/format.md, Container
metadata).

A plain encoder makes most of the runs. The others are stored as exceptions. Source: DICOM PS3.5,
Annex G.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, Seekable
from bitsback.format.modes import mode_of
from bitsback.wire import Cursor, varint

KIND = 11
BY_ROWS, PAIRS = 1, 2
"""Flags of the plain encoder: runs and literals end with a row; two equal bytes are a run."""
_MOST = 128
"""The greatest number of bytes of a run or a literal. As a control byte it has no effect."""
_SMALLEST = 3  # bytes of a segment in container metadata

Exceptions = tuple[tuple[int, int], ...]
"""Pairs (number of control bytes since the exception before, control byte)."""


@dataclass(frozen=True)
class Segment:
    """The compressed bytes of a plane: the highest bytes of a frame's samples, or lower ones."""

    gap: int
    """The number of other bytes before it."""
    length: int
    exceptions: Exceptions


class _PlainEncoder:
    """The plain encoder. At each place it takes a run, or else a literal up to the next run."""

    def __init__(self, plane: bytes, columns: int, flags: int) -> None:
        size = len(plane)
        values, places = np.frombuffer(plane, np.uint8), np.arange(size)
        row = columns if flags & BY_ROWS else size
        new = np.ones(size, bool)
        new[1:] = (values[1:] != values[:-1]) | (places[1:] % row == 0)
        starts = np.flatnonzero(new)
        lengths = np.diff(np.append(starts, size))
        self._least = 2 if flags & PAIRS else 3
        long = np.append(starts[lengths >= self._least], size)
        stops = np.minimum(long[np.searchsorted(long, places)], (places // row + 1) * row)
        self._run_ends = np.repeat(starts + lengths, lengths).tolist()
        self._literal_ends = np.minimum(stops, size).tolist()

    def control(self, place: int) -> int:
        """The control byte for the run or literal at a place."""
        run = self._run_ends[place] - place
        if run >= self._least:
            return 257 - min(run, _MOST)
        return int(min(self._literal_ends[place] - place, _MOST)) - 1


def compress(plane: bytes, columns: int, flags: int, exceptions: Exceptions) -> bytes:
    """The compressed plane. Raises ArchiveError if the exceptions do not suit it."""
    plain, out, place = _PlainEncoder(plane, columns, flags), bytearray(), 0
    others = iter(exceptions)
    left, control = next(others, (-1, 0))
    while place < len(plane) or left == 0:
        if left == 0:
            used, (left, control) = control, next(others, (-1, 0))
        else:
            used, left = plain.control(place), left - 1
        out.append(used)
        if used == _MOST:
            continue
        count = used + 1 if used < _MOST else 257 - used
        data = plane[place : place + count]
        if len(data) < count or (used > _MOST and data.count(data[0]) < count):
            raise ArchiveError("its container metadata is that of other pixels")
        out += data if used < _MOST else data[:1]
        place += count
    if left >= 0:
        raise ArchiveError("its container metadata has runs behind the last one")
    return bytes(out)


def decompress(data: bytes, size: int) -> tuple[bytes, list[int]] | None:
    """The plane of `size` bytes at the start of `data`, and its control bytes; None if it is cut
    short.
    """
    plane, controls, at = bytearray(), list[int](), 0
    while len(plane) < size:
        if at + 1 >= len(data):
            return None
        control = data[at]
        controls.append(control)
        if control < _MOST:
            plane += data[at + 1 : at + 2 + control]
            at += 2 + control
        elif control > _MOST:
            plane += data[at + 1 : at + 2] * (257 - control)
            at += 2
        else:
            at += 1
    return (bytes(plane), controls) if len(plane) == size and at <= len(data) else None


def exceptions_of(plane: bytes, columns: int, flags: int, controls: list[int]) -> Exceptions:
    """The control bytes that a plain encoder does not make."""
    plain, found, place, before = _PlainEncoder(plane, columns, flags), [], 0, 0
    for control in controls:
        if control == plain.control(place):
            before += 1
        else:
            found.append((before, control))
            before = 0
        place += (control + 1 if control < _MOST else 257 - control) * (control != _MOST)
    return tuple(found)


def compressed_bytes(controls: list[int]) -> int:
    """The number of compressed bytes for these control bytes."""
    return sum(2 + control if control < _MOST else 1 + (control > _MOST) for control in controls)


@dataclass(frozen=True)
class ByteRuns:
    """The container metadata of a file."""

    frames: int
    flags: int
    segments: tuple[Segment, ...]
    """The segments of each frame. For each channel the segment of the highest bytes is first."""
    others: bytes
    """The bytes around the segments."""

    kind = KIND
    exact = True
    certain = False

    def anew(self) -> ByteRuns:
        return self

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        if mode_of(dtype, shape) is None or dtype.kind not in "ui" or shape[0] % self.frames:
            return False
        plane = shape[0] // self.frames * shape[1]
        planes = dtype.itemsize * (shape[2] if len(shape) > 2 else 1)
        return len(self.segments) == self.frames * planes and all(
            segment.length <= 2 * plane + len(segment.exceptions) for segment in self.segments
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""
        return _Drawing(self, file, shape[0] // self.frames)

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return len(self.others) + sum(segment.length for segment in self.segments)

    def pack(self) -> bytes:
        parts = [varint(self.frames), bytes([self.flags]), varint(len(self.segments))]
        for segment in self.segments:
            parts += map(varint, (segment.gap, segment.length, len(segment.exceptions)))
            parts += [varint(before) + bytes([control]) for before, control in segment.exceptions]
        return b"".join([*parts, self.others])

    @classmethod
    def unpack(cls, cursor: Cursor) -> ByteRuns:
        """Raises ArchiveError."""
        frames, flags, count = cursor.varint(), cursor.byte(), cursor.varint()
        if not 0 < frames <= count or flags > 3 or count * _SMALLEST > len(cursor.data):
            raise ArchiveError("its container metadata describes an impossible file")
        segments = []
        for _ in range(count):
            gap, length, exceptions = cursor.varint(), cursor.varint(), cursor.varint()
            if 2 * exceptions > len(cursor.data):
                raise ArchiveError("its container metadata is too short for its runs")
            found = tuple((cursor.varint(), cursor.byte()) for _ in range(exceptions))
            segments.append(Segment(gap, length, found))
        others = bytes(cursor.take(len(cursor.data) - cursor.at))
        if sum(segment.gap for segment in segments) > len(others):
            raise ArchiveError("its container metadata is too short for what is around its pixels")
        return cls(frames, flags, tuple(segments), others)


class _Drawing:
    def __init__(self, runs: ByteRuns, file: Seekable, rows: int) -> None:
        """rows: the number of rows of a frame."""
        self._runs, self._file, self._rows = runs, file, rows
        self._segments = iter(runs.segments)
        self._waiting, self._count = list[NDArray[Any]](), 0
        self._taken = 0
        """The number of other bytes that were written."""

    def add(self, rows: NDArray[Any]) -> None:
        while len(rows):
            taken, rows = np.split(rows, [self._rows - self._count])
            self._waiting.append(taken)
            self._count += len(taken)
            if self._count == self._rows:
                frame = np.concatenate(self._waiting)
                for plane, segment in zip(planes_of(frame), self._segments, strict=False):
                    self._write_segment(plane, frame.shape[1], segment)
                self._waiting, self._count = [], 0

    def close(self) -> int:
        self._file.write(self._runs.others[self._taken :])
        return self._runs.size

    def _write_segment(self, plane: bytes, columns: int, segment: Segment) -> None:
        end = self._taken + segment.gap
        self._file.write(self._runs.others[self._taken : end])
        data = compress(plane, columns, self._runs.flags, segment.exceptions)
        if len(data) != segment.length:
            raise ArchiveError("its container metadata is that of other pixels")
        self._file.write(data)
        self._taken = end


def planes_of(frame: NDArray[Any]) -> Iterator[bytes]:
    """The planes of a frame, [rows, columns] or [rows, columns, channels]."""
    size = frame.dtype.itemsize
    samples = np.ascontiguousarray(frame, frame.dtype.newbyteorder(">")).view(np.uint8)
    for channel in np.moveaxis(samples.reshape(*frame.shape[:2], -1, size), (2, 3), (0, 1)):
        for plane in channel:
            yield plane.tobytes()


def frame_of(planes: list[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The frame with these planes; the inverse of `planes_of`."""
    size = dtype.itemsize
    joined = np.frombuffer(b"".join(planes), np.uint8).reshape(-1, size, shape[0] * shape[1])
    samples = np.ascontiguousarray(np.moveaxis(joined, (0, 1, 2), (1, 2, 0)))
    return samples.view(dtype.newbyteorder(">")).reshape(shape).astype(dtype)
