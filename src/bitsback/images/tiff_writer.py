"""Writing TIFF files of several pages, one page after the other, without ever seeking.

    header  strips 0  values 0  directory 0  strips 1  values 1  directory 1 ...

A directory ends with the place of the next one, so a page is written when its successor is known;
until then it waits, on the disk if it is large.
Source: TIFF revision 6.0, section 2.
"""

import struct
import tempfile
from types import TracebackType
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.images.directory import LONG, MOST, SHORT, pack_directory
from bitsback.images.file_io import Writable
from bitsback.images.tiff_strips import DEFLATE, StripWriter, as_rows, bits_of, row_size

_HEADER_SIZE = 8
_BLACK_IS_ZERO, _RGB = 1, 2
_TRANSPARENCY = 2
_IN_MEMORY = 1 << 24
_PIECE = 1 << 20


class TiffWriter:
    """Pages with the shapes and dtypes of modes: [height, width] or [height, width, channels]. The
    file is whole when the context ends.
    """

    def __init__(self, output: Writable, name: str) -> None:
        """name: of the file, for error messages."""
        self._output, self._name = output, name
        self._at = _HEADER_SIZE
        self._page: _Page | None = None
        self._waiting: _Page | None = None

    def add(self, page: tuple[int, ...], rows: NDArray[Any]) -> bool:
        """The next rows of a page of this shape; whether it has all of them now, and the next page
        follows. Raises InputError if the file gets longer than TIFF can have.
        """
        if self._page is None:
            self._page = _Page(rows.dtype, page, self._at)
        whole = self._page.add(rows)
        self._check(self._page.end)
        if not whole:
            return False
        self._page.finish()
        self._check(self._page.end)
        if self._waiting is None:
            self._output.write(b"II*\0" + struct.pack("<I", self._page.directory))
        else:
            self._waiting.write(self._output, self._page.directory)
        self._at, self._waiting, self._page = self._page.end, self._page, None
        return True

    def _check(self, size: int) -> None:
        if size > MOST:
            raise InputError(
                f"{self._name}: would be longer than the 4 GiB of a TIFF file; extract the pages as"
                " files"
            )

    def __enter__(self) -> "TiffWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._waiting is not None:
                self._waiting.write(self._output, 0)
        finally:
            for page in (self._page, self._waiting):
                if page is not None:
                    page.spool.close()


class _Page:
    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], start: int) -> None:
        """start: where in the file it begins."""
        self._shape, self._samples = shape, shape[2] if len(shape) == 3 else 1
        self._left, self._bits = shape[0], bits_of(dtype)
        self.spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
        self._strips = StripWriter(self.spool.write, shape[0], row_size(dtype, shape), start)
        self.directory = 0
        """Where it is, once the page is finished."""
        self.end = start
        """Of what there is of it."""

    def add(self, rows: NDArray[Any]) -> bool:
        """Whether they are all there then."""
        self._strips.add(as_rows(rows))
        self._left -= len(rows)
        self.end = self._strips.end
        return not self._left

    def finish(self) -> None:
        """When all rows are there."""
        padding = bytes(self.end % 2)
        self.directory, packed = pack_directory(self._tags(), self.end + len(padding))
        self.spool.write(padding + packed[:-4])
        self.end += len(padding) + len(packed)

    def write(self, output: Writable, following: int) -> None:
        """following: where the next directory is."""
        with self.spool as file:
            file.seek(0)
            while piece := file.read(_PIECE):
                output.write(piece)
        output.write(struct.pack("<I", following))

    def _tags(self) -> dict[int, tuple[int, bytes]]:
        strips, samples = self._strips, self._samples
        tags = {
            256: _longs(self._shape[1]),
            257: _longs(self._shape[0]),
            258: _shorts(*[self._bits] * samples),
            259: _shorts(DEFLATE),
            262: _shorts(_RGB if samples > 2 else _BLACK_IS_ZERO),
            273: _longs(*strips.offsets),
            277: _shorts(samples),
            278: _longs(strips.rows),
            279: _longs(*strips.counts),
        }
        if samples in (2, 4):
            tags[338] = _shorts(_TRANSPARENCY)
        return tags


def _shorts(*values: int) -> tuple[int, bytes]:
    return SHORT, struct.pack(f"<{len(values)}H", *values)


def _longs(*values: int) -> tuple[int, bytes]:
    return LONG, struct.pack(f"<{len(values)}I", *values)
