"""What the IDAT chunks of a PNG file hold, compared with the pixels that Pillow reads of them.
Source: PNG (second edition), sections 7 to 10.

Pillow is content with a stream that ends before the last row, and with one that goes on behind it.
A row is filtered by one of five rules, each of which can be undone, so pixels whose filtered rows
are those of the file are its pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.images.bands.bands import Bands
from bitsback.images.file_io import Content
from bitsback.images.png_chunks import Place
from bitsback.images.png_samples import Bytes, Samples

_PIECE = 1 << 18
_FILTERS = 5
_SHORT = "its pixels end before the last row, or the last byte"
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
"""Of an interlaced file: the first column and row, and the steps to the next ones."""


def filters_of(
    samples: Samples, data: Content, idats: Sequence[Place], pixels: Bands, interlaced: bool
) -> bytes | None:
    """The filter of each row; None if the chunks hold other pixels than these, or anything else.

    pixels: as Pillow reads them. Raises ValueError if the file is damaged: its stream is, or ends
    before the last row, or has filters that there are not.
    """
    inflater = _Inflater(data, idats)
    passes = map(Bands.of, _passes(pixels.whole())) if interlaced else [pixels]
    found = b""
    for part in passes:
        filters = _filters_of_pass(samples, inflater, part)
        if filters is None:
            return None
        found += filters
    return found if inflater.ended() else None


def _passes(pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for left, top, across, down in _PASSES:
        part = np.ascontiguousarray(pixels[top::down, left::across])
        if part.size:
            yield part


def _filters_of_pass(samples: Samples, inflater: _Inflater, pixels: Bands) -> bytes | None:
    found, above = [], None
    for band in pixels:
        rows: Bytes = samples.row_bytes(band)
        held = inflater.take(rows.size + len(rows))
        filters = held[:: rows.shape[1] + 1]
        if max(filters) >= _FILTERS:
            raise ValueError("its rows have filters that no PNG has")
        if samples.filtered(rows, filters, above) != held:
            return None
        found.append(filters)
        above = rows[-1:].copy()
    return b"".join(found)


class _Inflater:
    """The content of the stream of zlib in the chunks, from its first byte to its last."""

    def __init__(self, data: Content, idats: Sequence[Place]) -> None:
        self._pieces = (
            data[at : min(at + _PIECE, start + size)]
            for _, start, size in idats
            for at in range(start, start + size, _PIECE)
        )
        self._inflater, self._waiting = zlib.decompressobj(), b""

    def take(self, size: int) -> bytes:
        """The next bytes, so many. Raises ValueError if there are fewer, or damaged ones."""
        content = bytearray()
        while len(content) < size:
            if self._inflater.eof:
                raise ValueError(_SHORT)
            content += self._next(size - len(content))
        return bytes(content)

    def ended(self) -> bool:
        """Whether the stream ends here, and the chunks with it. Raises ValueError if the stream
        does not end, or its checksum is that of another one.
        """
        while not self._inflater.eof:
            if self._next(1):
                return False
        return not (self._waiting or self._inflater.unused_data or any(self._pieces))

    def _next(self, most: int) -> bytes:
        """Some bytes, or none yet."""
        fed = self._waiting or next(self._pieces, b"")
        try:
            piece = self._inflater.decompress(fed, most)
        except zlib.error as error:
            raise ValueError(f"its pixels are damaged: {error}") from None
        if not (fed or piece or self._inflater.eof):
            raise ValueError(_SHORT)
        self._waiting = self._inflater.unconsumed_tail
        return piece
