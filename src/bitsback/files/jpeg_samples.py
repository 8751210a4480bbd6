"""The container metadata of files with lossless JPEG streams, whose samples are the pixels
(docs/format.md, A6.11). Source: ITU-T T.81, annex H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, ExactMetadata, Seekable, WholeDrawing
from bitsback.format.grid import Shape
from bitsback.format.modes import mode_of
from bitsback.wire import Cursor, varint

KIND = 12
SPLIT = 8
"""The bytes of a header that splits streams."""
_NUMBERS = 5
"""The number of numbers of a stream in the metadata."""

Headers = tuple[tuple[int, bytes], ...]
"""Pairs (bytes of the file since the header before, header) for headers inside streams."""


@dataclass(frozen=True)
class JpegSamples(ExactMetadata):
    """The container metadata of a file with lossless JPEG streams."""

    headers: Headers
    rest: bytes
    """The rest of a round, without the headers (docs/jpeg-format.md, J1)."""
    others: bytes
    """The bytes around the streams, which end the rest."""

    kind = KIND

    def fits(self, dtype: np.dtype[Any], shape: Shape) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        return mode_of(dtype, shape) is not None and dtype.kind in "ui" and dtype.itemsize <= 2

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: Shape) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""
        return WholeDrawing(file, self._file)

    def _file(self, pixels: NDArray[Any]) -> bytes:
        is_signed = pixels.dtype.kind == "i"
        values = np.ascontiguousarray(pixels, np.int16 if is_signed else np.uint16)
        values = values.view(np.uint16).reshape(*pixels.shape[:2], -1)
        try:
            whole = _core.put_jpeg_samples(np.frombuffer(self.rest, np.uint8), values, is_signed)
        except ValueError as error:
            raise ArchiveError(f"its JPEG streams cannot be made again: {error}") from None
        parts, at = list[bytes](), 0
        for gap, header in self.headers:
            parts += [whole[at : at + gap], header]
            at += gap
        if at > len(whole):
            raise ArchiveError("its container metadata has headers behind the end of its file")
        return b"".join([*parts, whole[at:]])

    def pack(self) -> bytes:
        headers = (varint(gap) + header for gap, header in self.headers)
        return varint(len(self.headers)) + b"".join(headers) + self.rest

    @classmethod
    def unpack(cls, cursor: Cursor) -> JpegSamples:
        """Raises ArchiveError."""
        count = cursor.varint()
        if SPLIT * count > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its headers")
        headers = tuple((cursor.varint(), bytes(cursor.take(SPLIT))) for _ in range(count))
        return cls.around(headers, bytes(cursor.take(len(cursor.data) - cursor.at)))

    @classmethod
    def around(cls, headers: Headers, rest: bytes) -> JpegSamples:
        """Raises ArchiveError."""
        inner = Cursor(rest)
        size, count = inner.varint(), inner.varint()
        if _NUMBERS * count > len(rest):
            raise ArchiveError("its container metadata is too short for its streams")
        streams = [[inner.varint() for _ in range(_NUMBERS)] for _ in range(count)]
        inner.take(sum(skeleton + details for _, _, skeleton, details, _ in streams))
        others = rest[inner.at :]
        if size != len(others) + sum(own for _, own, *_ in streams):
            raise ArchiveError("its container metadata claims another size")
        return cls(headers, rest, others)


@dataclass(frozen=True)
class SampleSplit:
    """A file that is split into samples and metadata."""

    samples: NDArray[np.uint16]
    """The samples of all streams below each other: [rows, columns] or [rows, columns, channels]."""
    metadata: JpegSamples
    precision: int
    """The bits of a sample."""
    shift: int
    """The greatest point transform: the number of low bits that an encoder left out."""

    def pixels(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The samples as pixels. For signed integers their highest bit is the sign."""
        if dtype.kind == "u":
            return self.samples.astype(dtype, copy=False)
        left = 16 - self.precision
        return ((self.samples << left).view(np.int16) >> left).astype(dtype, copy=False)


def take_samples(data: bytes, begin: int = 0, headers: Headers = ()) -> SampleSplit | None:
    """The samples of the lossless streams in a file.

    None if no stream can be reproduced, or if streams differ in columns, channels or precision.
    data: the file without `headers`. begin: the offset of the first stream.
    """
    try:
        taken = _core.take_jpeg_samples(np.frombuffer(data, np.uint8), begin)
    except ValueError:
        return None
    rest, samples, precision, shift = taken
    if samples.shape[2] == 1:
        samples = samples[..., 0]
    return SampleSplit(samples, JpegSamples.around(headers, rest), precision, shift)
