"""The .npy format as a stream: no more of it in memory than the items asked for, however large it
is.

Source: numpy.lib.format, whose parser of headers is used.
"""

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.images.file_io import one_line, open_file, read_up_to, reading, stream_name

Shape = tuple[int, ...]
Source = NDArray[Any] | str | os.PathLike[str] | BinaryIO

_MAX_HEADER = 10_000
_KINDS = {"b": (1,), "u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}


class Items(Protocol):
    """An array that is read once, from its first item to its last."""

    name: str
    """For error messages."""
    dtype: np.dtype[Any]
    shape: Shape

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """The next `count` items, C-contiguous: [count, *shape[axes:]]. With axes = 0 the array is
        one item.

        Raises InputError if the data ends before.
        """

    def finish(self) -> None:
        """Call this after the last item. Raises InputError if anything follows."""


class _ArrayItems:
    """An array in memory, or mapped into it."""

    def __init__(self, array: NDArray[Any], name: str) -> None:
        self.name, self.dtype, self.shape = name, array.dtype, array.shape
        self._array = array
        self._next = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        self._next += count
        items = self._array[self._next - count : self._next] if axes else self._array[np.newaxis]
        return np.ascontiguousarray(items)

    def finish(self) -> None:
        pass


class StreamItems:
    """An array in C order, such as what follows the header of a .npy file."""

    def __init__(self, file: BinaryIO, name: str, dtype: np.dtype[Any], shape: Shape) -> None:
        self.name, self.dtype, self.shape = name, dtype, shape
        self._file = file

    def read(self, count: int, axes: int) -> NDArray[Any]:
        shape = (count, *self.shape[axes:])
        elements = int(np.prod(shape, dtype=object))
        data = read_up_to(self._file, elements * self.dtype.itemsize, self.name)
        if len(data) != elements * self.dtype.itemsize:
            raise InputError(
                f"{self.name}: ends too early for its shape {self.shape} of {self.dtype}; write or"
                " copy it again"
            )
        return np.frombuffer(data, self.dtype).reshape(shape)

    def finish(self) -> None:
        with reading(self.name):
            rest = self._file.read(1)
        if rest:
            raise InputError(
                f"{self.name}: is longer than its shape {self.shape} of {self.dtype}; only one"
                " array a file is allowed"
            )


@contextmanager
def open_items(source: Source) -> Iterator[Items]:
    """The items of an array, of a .npy file, or of a binary stream of one, which need not be
    seekable.

    Raises InputError if it cannot be read, is no .npy file, is shorter or longer than it says, or
    has a dtype that is not bool, integer (8 to 64 bits) or float (16 to 64 bits). Pickled objects
    are never loaded.
    """
    if isinstance(source, np.ndarray):
        if isinstance(source, np.ma.MaskedArray):
            raise InputError("the array: a mask would be lost; give its .data or .filled()")
        check_dtype(source.dtype, "the array")
        yield _ArrayItems(source.view(np.ndarray), "the array")
    elif isinstance(source, str | os.PathLike):
        with open_file(source) as file:
            yield open_stream(file, os.fspath(source))
    elif callable(getattr(source, "read", None)):
        yield open_stream(source, stream_name(source, "the input"))
    else:
        raise InputError(
            f"an array, a path or a binary stream is needed, not {type(source).__name__}"
        )


def write_header(write: Callable[[bytes], object], dtype: np.dtype[Any], shape: Shape) -> None:
    """Writes the header of a .npy file; the elements in C order follow it."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    write(header.getvalue())


def check_dtype(dtype: np.dtype[Any], name: str) -> None:
    """Raises InputError, saying what to do, for a dtype that archives do not hold."""
    if dtype.names is not None:
        fields = ", ".join(dtype.names)
        raise InputError(
            f"{name}: its elements have the fields {fields}; save each of them as an array of"
            " its own"
        )
    if dtype.itemsize not in _KINDS.get(dtype.kind, ()):
        advice = {
            "O": "objects are not loaded; convert it with .astype() to a numeric dtype",
            "c": "store its .real and .imag, or .view() it as floats",
            "M": "view it as int64 with .view('i8')",
            "m": "view it as int64 with .view('i8')",
        }.get(dtype.kind, "convert it with .astype()")
        raise InputError(
            f"{name}: its dtype is {dtype}, and only bool, integers of 8 to 64 and floats of 16 to"
            f" 64 bits are held; {advice}"
        )


def open_stream(file: BinaryIO, name: str) -> Items:
    """The items of a .npy file that is being read. Raises InputError."""
    dtype, fortran, shape = read_header(file, name)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    start = _check_size(file, name, size)
    if not fortran or len(shape) < 2:
        return StreamItems(file, name, dtype, shape)
    # The items of Fortran order are scattered all over the file.
    if start is not None and size:
        with reading(name):
            mapped = np.memmap(file, dtype, "r", start, shape, "F")
        return _ArrayItems(mapped.view(np.ndarray), name)
    data = StreamItems(file, name, dtype, shape)
    flat = data.read(1, 0).reshape(-1)
    data.finish()
    return _ArrayItems(flat.reshape(shape, order="F"), name)


def read_header(file: BinaryIO, name: str) -> tuple[np.dtype[Any], bool, Shape]:
    """dtype, whether in Fortran order, and shape. Raises InputError."""
    prefix = bytes(read_up_to(file, 8, name))
    if prefix[:6] != npy.MAGIC_PREFIX:
        raise InputError(f"{name}: is no .npy file; make one with numpy.save")
    version = tuple(prefix[6:])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise InputError(
            f"{name}: has the unknown .npy version {version}; save it again with numpy.save"
        )
    length = bytes(read_up_to(file, 2 if version == (1, 0) else 4, name))
    size = int.from_bytes(length, "little")
    if size > _MAX_HEADER:
        raise InputError(
            f"{name}: its .npy header has {size} bytes, more than any array of numbers needs"
        )
    header = io.BytesIO(length + bytes(read_up_to(file, size, name)))
    # A header of version 3 differs from one of version 2 in the names of fields alone, which are
    # not accepted here.
    parse = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, dtype = parse(header, max_header_size=_MAX_HEADER)
    except Exception as error:  # whatever a damaged header makes the parser raise
        raise InputError(f"{name}: its .npy header is damaged: {one_line(error)}") from None
    check_dtype(dtype, name)
    if (
        len(shape) > 32
        or min(shape, default=0) < 0
        or int(np.prod([max(n, 1) for n in shape], dtype=object)) > 1 << 59
    ):
        raise InputError(
            f"{name}: its .npy header says that its shape is {shape}, which no array can have"
        )
    return dtype, fortran, shape


def _check_size(file: BinaryIO, name: str, size: int) -> int | None:
    """Where the data begins, for a file that can be mapped. Its size is checked, before anything is
    made of it.
    """
    # Other streams, such as a GzipFile, may have a descriptor whose size is that of something else.
    if not isinstance(getattr(file, "raw", file), io.FileIO):
        return None
    with reading(name):
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        start, end = file.tell(), status.st_size
    if end - start != size:
        raise InputError(
            f"{name}: has {end - start} bytes of data, and its header says {size}; it was cut, or"
            " written to since"
        )
    return start
