"""Writing TIFF files of several pages, one page after the other, without ever seeking.

    header  strip 0  values 0  directory 0  strip 1  values 1  directory 1 ...

A directory ends with the place of the next one, so a page is written when its successor is known.
Source: TIFF revision 6.0, section 2.
"""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.images.file_io import Writable

_HEADER_SIZE = 8
_SHORT, _LONG = 3, 4
_LIMIT = 1 << 32
_DEFLATE = 8
_BLACK_IS_ZERO, _RGB = 1, 2
_TRANSPARENCY = 2


class TiffWriter:
    """Pages as arrays with the shapes and dtypes of modes: [height, width] or [height, width,
    channels].
    """

    def __init__(self, output: Writable, name: str) -> None:
        """name: of the file, for error messages."""
        self._output, self._name = output, name
        self._at = _HEADER_SIZE
        self._waiting: _Page | None = None

    def add(self, array: NDArray[Any]) -> None:
        """Adds a page. Raises InputError if the file gets longer than TIFF can have."""
        page = _Page(array, self._at)
        if page.end >= _LIMIT:
            raise InputError(
                f"{self._name}: would be longer than the 4 GiB of a TIFF file; extract the pages as"
                " files"
            )
        if self._waiting is None:
            self._output.write(b"II*\0" + struct.pack("<I", page.directory))
        else:
            self._output.write(self._waiting.pack(page.directory))
        self._at = page.end
        self._waiting = page

    def close(self) -> None:
        """Writes the last page."""
        if self._waiting is not None:
            self._output.write(self._waiting.pack(0))


class _Page:
    def __init__(self, array: NDArray[Any], start: int) -> None:
        """start: where in the file it begins."""
        height, width = array.shape[:2]
        samples = array.shape[2] if array.ndim == 3 else 1
        bits = 1 if array.dtype == bool else 8 * array.itemsize
        rows = np.packbits(array, axis=1) if array.dtype == bool else np.ascontiguousarray(array)
        self._strip = zlib.compress(rows.tobytes())
        self._strip += bytes(len(self._strip) % 2)  # what follows begins at an even place
        all_bits = struct.pack(f"<{samples}H", *[bits] * samples)
        self._values = all_bits if samples > 2 else b""
        self._values += bytes(len(self._values) % 4)
        self.directory = start + len(self._strip) + len(self._values)
        self._entries = [
            struct.pack("<HHII", tag, kind, 1, value)
            for tag, kind, value in (
                (256, _LONG, width),
                (257, _LONG, height),
                (259, _SHORT, _DEFLATE),
                (262, _SHORT, _RGB if samples > 2 else _BLACK_IS_ZERO),
                (273, _LONG, start),
                (277, _SHORT, samples),
                (278, _LONG, height),
                (279, _LONG, len(self._strip)),
            )
        ]
        place = (
            struct.pack("<I", start + len(self._strip))
            if self._values
            else all_bits.ljust(4, b"\0")
        )
        self._entries.insert(2, struct.pack("<HHI", 258, _SHORT, samples) + place)
        if samples in (2, 4):
            self._entries.append(struct.pack("<HHII", 338, _SHORT, 1, _TRANSPARENCY))
        self.end = self.directory + 2 + 12 * len(self._entries) + 4

    def pack(self, next_directory: int) -> bytes:
        directory = struct.pack("<H", len(self._entries)) + b"".join(self._entries)
        return self._strip + self._values + directory + struct.pack("<I", next_directory)
