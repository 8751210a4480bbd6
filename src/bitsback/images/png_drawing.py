"""PNG files made of their rows, one after the other."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.deflated import Deflated
from bitsback.images.drawing import Seekable
from bitsback.images.png_chunks import AROUND, MAGIC, Chunk, pack_chunk, size_of
from bitsback.images.png_samples import Bytes, Samples

_LEVEL = 6
_LOOKAHEAD = 262  # bytes of its window that deflate does not look back to
_MOST_IN_A_CHUNK = 1 << 30


@dataclass(frozen=True)
class Stream:
    """How the pixels were compressed."""

    filters: bytes
    """One for each row."""
    deflated: Deflated
    cuts: tuple[int, ...]
    """Bytes of each IDAT chunk."""
    crc: int
    """CRC-32 of the whole file."""


@dataclass(frozen=True)
class Around:
    """All chunks but IDAT: those before, the first of which is IHDR, and those behind, the last of
    which is IEND.
    """

    before: tuple[Chunk, ...]
    after: tuple[Chunk, ...]


class PngDrawing:
    """A file whose pixels are compressed anew."""

    def __init__(self, samples: Samples, around: Around, size: int, file: Seekable) -> None:
        """size: bytes of all rows, with their filters."""
        self._samples, self._after, self._file = samples, around.after, file
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _window(size))
        self._above: Bytes | None = None
        file.write(MAGIC + b"".join(map(pack_chunk, around.before)))
        self._at = len(MAGIC) + sum(map(size_of, around.before))
        self._crc = self._size = 0  # of the IDAT chunk that is open, if it has any bytes

    def add(self, rows: NDArray[Any]) -> None:
        """Raises ArchiveError if there are values that the file cannot have."""
        data = self._samples.row_bytes(rows)
        filters = self._samples.filters_for(data, self._above)
        self._put(self._packer.compress(self._samples.filtered(data, filters, self._above)))
        self._above = data[-1:].copy()

    def close(self) -> int:
        self._put(self._packer.flush())
        self._end_chunk()
        after = b"".join(map(pack_chunk, self._after))
        self._file.write(after)
        return self._at + len(after)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        if not self._size:
            self._file.seek(self._at + 4)  # behind the size, which is written last
            self._file.write(b"IDAT")
            self._crc = zlib.crc32(b"IDAT")
        self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if self._size > _MOST_IN_A_CHUNK:
            self._end_chunk()

    def _end_chunk(self) -> None:
        self._file.write(struct.pack(">I", self._crc))
        self._file.seek(self._at)
        self._file.write(struct.pack(">I", self._size))
        self._at += self._size + AROUND
        self._file.seek(self._at)
        self._size = 0


def _window(size: int) -> int:
    """The smallest window of zlib, as the logarithm of its bytes, that is like the largest one for
    so many bytes: a small one is made, and read, sooner.
    """
    return min(max((size + _LOOKAHEAD).bit_length(), 9), zlib.MAX_WBITS)


class ExactPngDrawing:
    """The very file that there was. How zlib is fed may matter to it, so all of it is in memory."""

    def __init__(self, samples: Samples, around: Around, stream: Stream, file: Seekable) -> None:
        self._samples, self._around, self._stream, self._file = samples, around, stream, file
        self._content, self._row = bytearray(), 0
        self._above: Bytes | None = None

    def add(self, rows: NDArray[Any]) -> None:
        """Raises ArchiveError if there are values that the file cannot have."""
        data = self._samples.row_bytes(rows)
        filters = self._stream.filters[self._row : self._row + len(data)]
        self._content += self._samples.filtered(data, filters, self._above)
        self._above, self._row = data[-1:].copy(), self._row + len(data)

    def close(self) -> int:
        """Raises ArchiveError if another file comes out."""
        stream = self._stream
        packed = stream.deflated.stream(self._content)
        ends = accumulate(stream.cuts)
        idats = [packed[end - cut : end] for end, cut in zip(ends, stream.cuts, strict=True)]
        chunks = [*self._around.before, *((b"IDAT", idat) for idat in idats), *self._around.after]
        data = MAGIC + b"".join(map(pack_chunk, chunks))
        if sum(stream.cuts) != len(packed) or zlib.crc32(data) != stream.crc:
            raise ArchiveError(
                "its very bytes cannot be made again by the zlib of this computer"
                f" ({zlib.ZLIB_RUNTIME_VERSION}); its pixels and all else of it can:"
                " 'decompress --files pixels'"
            )
        self._file.write(data)
        return len(data)
