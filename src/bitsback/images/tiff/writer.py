"""TIFF files of pages alone, written by tifffile."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.images.bands.bands import Rows

_STRIP = 1 << 20  # bytes of rows, about
_BIG = (1 << 32) - (1 << 25)
"""Bytes of pixels from which on a file is BigTIFF."""


@dataclass(frozen=True)
class PageRows:
    """A page, [height, width] or [height, width, channels], whose rows are taken in order."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    source: Rows
    """Where its rows are the next ones."""

    @property
    def in_a_strip(self) -> int:
        """Rows that are taken at a time."""
        row = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        return min(max(_STRIP // row, 1), self.shape[0])

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """All rows; once."""
        for first in range(0, self.shape[0], self.in_a_strip):
            yield self.source.take(min(self.in_a_strip, self.shape[0] - first))


def write_pages(file: BinaryIO, pages: Iterable[PageRows], size: int) -> None:
    """Writes a file that is empty. size: bytes of all pixels."""
    import tifffile

    # Temporary files have names that tifffile does not expect.
    handle = tifffile.FileHandle(file, name="pages.tif")
    with tifffile.TiffWriter(handle, bigtiff=size > _BIG, byteorder="<") as tiff:
        for page in pages:
            colours = page.shape[2] if len(page.shape) == 3 else 1
            tiff.write(
                map(_compressed, page),  # as tifffile asks for whole pages otherwise
                shape=page.shape,
                dtype=page.dtype,
                rowsperstrip=page.in_a_strip,
                compression="zlib",
                photometric="rgb" if colours > 2 else "minisblack",
                planarconfig="contig" if colours > 1 else None,
                extrasamples=["unassalpha"] if colours in (2, 4) else None,
                metadata=None,
                software=False,
                contiguous=False,
            )


def _compressed(rows: NDArray[Any]) -> bytes:
    """A strip."""
    packed = np.packbits(rows, axis=1) if rows.dtype == bool else rows
    return zlib.compress(packed.tobytes())
