"""Runs of bytes, as in DICOM files with RLE Lossless and TIFF files with PackBits, and the
container metadata of these DICOM files (docs/format.md, A6.10).

A plain encoder makes most of the runs. The others are stored as exceptions. Source: DICOM PS3.5,
Annex G.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, ExactMetadata, Seekable
from bitsback.files.exceptions import Exceptions, exceptions_from, pairs_from
from bitsback.format.modes import mode_of
from bitsback.wire import Cursor, varint

KIND = 11
MOST_FLAGS = 7
"""The sum of all flags of the plain encoder. 1: runs and literals end with a row. 2: two equal
bytes are a run. 4: they are no run if a single byte follows them within a literal.
"""
_MOST = 128
"""The greatest number of bytes of a run or a literal. As a control byte it has no effect."""
_SMALLEST = 3  # bytes of a segment in container metadata


def compress(plane: bytes, columns: int, flags: int, exceptions: Exceptions) -> bytes:
    """The compressed plane. Raises ArchiveError for unknown flags, and if the exceptions do not
    suit it.
    """
    if flags > MOST_FLAGS:
        raise ArchiveError("its container metadata has runs of an unknown encoder")
    try:
        return _core.byte_runs_pack(plane, columns, flags, exceptions)
    except ValueError:
        raise ArchiveError("its container metadata is that of other pixels") from None


def exceptions_of(
    plane: NDArray[np.uint8], columns: int, flags: int, controls: NDArray[np.uint8]
) -> Exceptions:
    """The control bytes that a plain encoder does not make."""
    return exceptions_from(controls, _core.byte_runs_plain(plane, columns, flags, controls))


def compressed_bytes(controls: NDArray[np.uint8]) -> int:
    """The number of compressed bytes for these control bytes."""
    counts = controls.astype(np.int64)
    return int(np.where(counts < _MOST, 2 + counts, 1 + (counts > _MOST)).sum())


@dataclass(frozen=True, eq=False)
class Segment:
    """The compressed bytes of a plane: the highest bytes of a frame's samples, or lower ones."""

    gap: int
    """The number of other bytes before it."""
    length: int
    exceptions: Exceptions


@dataclass(frozen=True)
class ByteRuns(ExactMetadata):
    """The container metadata of a file."""

    frames: int
    flags: int
    segments: tuple[Segment, ...]
    """The segments of each frame. For each channel the segment of the highest bytes is first."""
    others: bytes
    """The bytes around the segments."""

    kind = KIND

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
            pairs = segment.exceptions.tolist()
            parts += [varint(before) + bytes([control]) for before, control in pairs]
        return b"".join([*parts, self.others])

    @classmethod
    def unpack(cls, cursor: Cursor) -> ByteRuns:
        """Raises ArchiveError."""
        frames, flags, count = cursor.varint(), cursor.byte(), cursor.varint()
        if not 0 < frames <= count or flags > MOST_FLAGS or count * _SMALLEST > len(cursor.data):
            raise ArchiveError("its container metadata describes an impossible file")
        segments = []
        for _ in range(count):
            gap, length, exceptions = cursor.varint(), cursor.varint(), cursor.varint()
            if 2 * exceptions > len(cursor.data):
                raise ArchiveError("its container metadata is too short for its runs")
            numbers = (read() for _ in range(exceptions) for read in (cursor.varint, cursor.byte))
            segments.append(Segment(gap, length, pairs_from(numbers, exceptions)))
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


def frame_of(
    planes: list[NDArray[np.uint8]], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """The frame with these planes; the inverse of `planes_of`."""
    size = dtype.itemsize
    joined = np.stack(planes).reshape(-1, size, shape[0] * shape[1])
    samples = np.ascontiguousarray(np.moveaxis(joined, (0, 1, 2), (1, 2, 0)))
    return samples.view(dtype.newbyteorder(">")).reshape(shape).astype(dtype)
