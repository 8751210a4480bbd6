"""The idx format of MNIST, plain or in a gzip container, as a stream.

Source: the page of the MNIST database (LeCun, Cortes, Burges), "The IDX file format".
"""

import gzip
import struct
import zlib
from typing import Any, BinaryIO, cast

import numpy as np

from bitsback.errors import InputError
from bitsback.images.file_io import Sink, Writable, read_up_to
from bitsback.images.npy import Items, Shape, StreamItems

_DTYPES = {8: "|u1", 9: "|i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_CODES = {text: code for code, text in _DTYPES.items()}


def looks_like_idx(start: bytes) -> bool:
    """Whether a file that begins with these four bytes can be an idx file."""
    return start[:2] == b"\0\0" and len(start) == 4 and start[2] in _DTYPES and start[3] > 0


def open_idx(file: BinaryIO, name: str, zipped: bool) -> Items:
    """The array of an idx file. Raises InputError if it is none, or is damaged; too short or long:
    when it is read.
    """
    stream = cast(BinaryIO, _Unzipped(file, name)) if zipped else file
    start = bytes(read_up_to(stream, 4, name))
    if not looks_like_idx(start):
        what = "holds no idx file; unpack it with gunzip first" if zipped else "is no idx file"
        raise InputError(f"{name}: {what}")
    sizes = bytes(read_up_to(stream, 4 * start[3], name))
    shape = struct.unpack(f">{len(sizes) // 4}I", sizes[: len(sizes) // 4 * 4])
    if len(sizes) != 4 * start[3]:
        raise InputError(f"{name}: ends within its header")
    if len(shape) > 32 or int(np.prod([max(n, 1) for n in shape], dtype=object)) > 1 << 59:
        raise InputError(
            f"{name}: its header says that its shape is {shape}, which no array can have"
        )
    return StreamItems(stream, name, np.dtype(_DTYPES[start[2]]), shape)


def idx_header(dtype: np.dtype[Any], shape: Shape) -> bytes | None:
    """The header of an idx file; the elements in C order follow it. None if the format cannot hold
    the array.
    """
    code = _CODES.get(dtype.str)
    if code is None or not 0 < len(shape) < 256 or max(shape) >= 1 << 32:
        return None
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


class Zipper:
    """Packs what is written to it with gzip. The result does not depend on when it is made. What
    an error leaves of it has no end, and is refused.
    """

    def __init__(self, output: Writable) -> None:
        self._sink = Sink(output)
        self._file = gzip.GzipFile("", "wb", 9, cast(BinaryIO, self._sink), 0)

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def __enter__(self) -> "Zipper":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self._sink.drop()
        with self._sink.dropping():
            self._file.close()


class _Unzipped:
    """A gzip stream whose damage is an OSError, as that of other files."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = gzip.GzipFile(name, "rb", fileobj=file)

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, zlib.error) as error:
            raise OSError(f"its gzip container is damaged: {error}") from None
