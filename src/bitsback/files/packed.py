"""The container metadata of files whose pixels are in the plaintexts of deflate streams
(docs/format.md, A6.9).
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback.errors import ArchiveError
from bitsback.files.bitmap import Frame
from bitsback.files.drawing import Drawing, ExactMetadata, Seekable, Split, pack
from bitsback.format.grid import Shape
from bitsback.io.file_io import Content
from bitsback.wire import Cursor, varint

_MOST = 1 << 27
"""The greatest size of a file and its plaintexts, which are in memory together."""
_NONE = np.empty(0, np.uint8)


@dataclass(frozen=True)
class Streams:
    """The deflate streams of a file, without their plaintexts."""

    size: int
    """The bytes of the file."""
    places: tuple[tuple[int, int, int], ...]
    """For each stream: the bytes before it, its bytes, and the bytes of its plaintext."""
    others: bytes
    """The bytes outside of streams."""
    tokens: bytes

    @classmethod
    def find(cls, data: Content, coded: bool) -> tuple[bytes, Streams] | None:
        """The concatenated plaintexts of all streams, and the streams.

        coded: whether the tokens of the streams are needed. None if there are no streams, or the
        tokens do not reproduce them.
        """
        if len(data) > _MOST:
            return None
        data = data[: len(data)]
        inflater = _core.DeflateInflater(tables.stretch(), tables.logistic_cdf())
        rest = inflater.take(np.frombuffer(data, np.uint8), [], len(data) + _MOST)
        if not rest:
            return None
        cursor = Cursor(rest)
        size, places = _places(cursor)
        plaintext = cursor.take(sum(each for _, _, each in places))
        found = cls(size, places, rest[cursor.at :], inflater.tokens() if coded else b"")
        if coded and found.file(plaintext) != data:
            return None
        return plaintext, found

    @property
    def plaintext_size(self) -> int:
        return sum(plaintext for _, _, plaintext in self.places)

    def file(self, plaintext: bytes) -> bytes:
        """The bytes of the file. Raises ArchiveError for other plaintexts."""
        rest = np.frombuffer(self._head() + plaintext + self.others, np.uint8)
        tokens = np.frombuffer(self.tokens, np.uint8)
        try:
            return _core.deflate_streams(
                1, rest, tokens, _NONE, self.size, tables.stretch(), tables.logistic_cdf()
            )
        except ValueError as error:
            raise ArchiveError(f"its compression cannot be made again: {error}") from None

    def _head(self) -> bytes:
        numbers = [self.size, len(self.places), *(each for place in self.places for each in place)]
        return b"".join(map(varint, numbers))

    def pack(self) -> bytes:
        return varint(len(self.tokens)) + self.tokens + self._head() + self.others

    @classmethod
    def unpack(cls, cursor: Cursor) -> Streams:
        """Raises ArchiveError."""
        tokens = cursor.take(cursor.varint())
        size, places = _places(cursor)
        others = cursor.take(len(cursor.data) - cursor.at)
        if size != len(others) + sum(own for _, own, _ in places):
            raise ArchiveError("its container metadata claims another size")
        return cls(size, places, others, tokens)


def _places(cursor: Cursor) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    size, count = cursor.varint(), cursor.varint()
    if count > len(cursor.data):
        raise ArchiveError("its container metadata describes an impossible file")
    return size, tuple((cursor.varint(), cursor.varint(), cursor.varint()) for _ in range(count))


@dataclass(frozen=True)
class Packed(ExactMetadata):
    """The container metadata of a file, from the metadata of the plaintexts of its streams."""

    frame: Frame
    streams: Streams

    kind = 10

    def fits(self, dtype: np.dtype[Any], shape: Shape) -> bool:
        size = self.streams.plaintext_size
        return self.frame.fits(dtype, shape) and self.frame.file_bytes(dtype, shape) == size

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: Shape) -> Drawing:
        plaintext = io.BytesIO()
        return _Drawing(self, file, plaintext, self.frame.drawing(plaintext, dtype, shape))

    def pack(self) -> bytes:
        frame = pack(self.frame)
        return varint(len(frame)) + frame + self.streams.pack()

    @classmethod
    def unpack(cls, cursor: Cursor) -> Packed:
        """Raises ArchiveError."""
        inner = Cursor(cursor.take(cursor.varint()))
        if inner.byte() != Frame.kind:
            raise ArchiveError("its streams have an unknown file: it needs a newer bitsback")
        return cls(Frame.unpack(inner), Streams.unpack(cursor))


@dataclass(frozen=True)
class _Drawing:
    packed: Packed
    file: Seekable
    plaintext: io.BytesIO
    inner: Drawing

    def add(self, rows: NDArray[Any]) -> None:
        self.inner.add(rows)

    def close(self) -> int:
        self.inner.close()
        data = self.packed.streams.file(self.plaintext.getvalue())
        self.file.write(data)
        return len(data)


def around(inner: Split, streams: Streams) -> Split | None:
    """The split of a file, from the split of the plaintexts of its streams."""
    cursor = Cursor(inner.metadata)
    if cursor.byte() != Frame.kind:
        return None
    packed = pack(Packed(Frame.unpack(cursor), streams))
    return replace(inner, metadata=packed, weight=len(zlib.compress(packed)))
