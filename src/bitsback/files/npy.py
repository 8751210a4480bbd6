"""The codec of .npy files, which reads a few items at a time.

It uses the parser of headers of numpy.lib.format.
"""

import io
import math
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.io.file_io import (
    Readable,
    Reader,
    Writable,
    is_file,
    one_line,
    open_file,
    read_up_to,
    reading,
    stream_name,
)

Source = NDArray[Any] | str | os.PathLike[str] | BinaryIO

_MAX_HEADER = 10_000
_WINDOW = 1 << 26  # bytes of items in Fortran order that are gathered at a time
_CHUNK = 1 << 20
_KINDS = {"b": (1,), "u": (1, 2, 4, 8), "i": (1, 2, 4, 8), "f": (2, 4, 8)}


class Items(Protocol):
    """An array that is read once, from its first item to its last."""

    name: str
    """The name for error messages."""
    dtype: np.dtype[Any]
    shape: Shape

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """The next `count` items, C-contiguous: [count, *shape[axes:]].

        With axes = 0 the array is one item. Raises InputError if the data ends before.
        """

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        """The next `count` rows of the next item: [count, *shape[axes + 1:]].

        The item must then be read in this way to its last row.
        """

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        """Entries from `first` on along the first axis, [count, *shape[1:]].

        The position is unchanged. None if the source does not allow that.
        """
        return None

    def finish(self) -> None:
        """Checks the end after the last item. Raises InputError if anything follows."""
        return  # nothing can follow


class NextArray(Protocol):
    """Writes the arrays of a file of several arrays, in order."""

    def __call__(
        self, name: str, dtype: np.dtype[Any], shape: Shape
    ) -> AbstractContextManager[Writable]:
        """A writer that takes the elements of the next array, in C order."""


class WholeItems(Items):
    """The base of classes that read only entire items, with a reader of their rows."""

    def __init__(self) -> None:
        self._item: NDArray[Any] | None = None
        self._row = 0

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        if axes == 0:
            return self.read(count, 1)
        if self._item is None:
            self._item, self._row = self.read(1, axes)[0], 0
        item = self._item
        self._row += count
        if self._row >= len(item):
            self._item = None
        return item[self._row - count : self._row]


def stacked(items: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Stacks items, [items, ...]; a single item is not copied."""
    return items[0][np.newaxis] if len(items) == 1 else np.stack(items)


class ArrayItems(Items):
    """An array in memory, or mapped into it."""

    def __init__(self, array: NDArray[Any], name: str) -> None:
        self.name, self.dtype, self.shape = name, array.dtype, array.shape
        self._array = array
        self._next = self._row = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        self._next += count
        items = self._array[self._next - count : self._next] if axes else self._array[np.newaxis]
        return np.ascontiguousarray(items)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        item = self._array[self._next] if axes else self._array
        self._row += count
        rows = item[self._row - count : self._row]
        if self._row >= len(item):
            self._next, self._row = self._next + 1, 0
        return rows

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return np.ascontiguousarray(self._array[first : first + count])


class _FortranItems(WholeItems):
    """An array in Fortran order in a file. Its items are scattered.

    It gathers a window of items at a time.
    """

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        name: str,
        dtype: np.dtype[Any],
        shape: Shape,
        spool: "_Spooled | None" = None,
    ) -> None:
        super().__init__()
        self.name, self.dtype, self.shape = name, dtype, shape
        self._reader, self._start, self._spool = Reader(file), start, spool
        self._next = 0
        self._first = 0
        self._window = np.empty((0, *shape[1:]), dtype)

    def read(self, count: int, axes: int) -> NDArray[Any]:
        if axes == 0:
            return self._gather(0, self.shape[0])[np.newaxis]
        first, self._next = self._next, self._next + count
        if self._next > self._first + len(self._window):
            item_bytes = max(int(np.prod(self.shape[1:])) * self.dtype.itemsize, 1)
            length = min(max(_WINDOW // item_bytes, count), self.shape[0] - first)
            self._window, self._first = self._gather(first, first + length), first
        return self._window[first - self._first : self._next - self._first]

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._gather(first, first + count)

    def finish(self) -> None:
        if self._spool is not None:
            self._spool.finish()

    def _gather(self, first: int, end: int) -> NDArray[Any]:
        """The items from `first` to `end` - 1, in C order."""
        items, shape = self.shape[0], (end - first, *self.shape[1:])
        columns = int(np.prod(shape[1:]))
        size = self.dtype.itemsize
        whole = first == 0 and end == items
        data = bytearray()
        with reading(self.name):
            for column in range(1 if whole else columns):
                at = self._start + (column * items + first) * size
                data += self._reader.read(at, (end - first) * size * (columns if whole else 1))
        if len(data) != columns * (end - first) * size:
            raise InputError(f"{self.name}: was cut short while it was read; try again")
        return np.ascontiguousarray(np.frombuffer(data, self.dtype).reshape(shape, order="F"))


class _Spooled:
    """Copies a stream to an unnamed temporary file."""

    def __init__(self, stream: BinaryIO, file: BinaryIO, name: str) -> None:
        self._stream, self._file, self._name = stream, file, name
        weakref.finalize(self, file.close)

    def fill(self, size: int) -> None:
        """Copies `size` bytes. Raises InputError if there are fewer, or if the disk is full."""
        left = size
        while left:
            chunk = read_up_to(self._stream, min(left, _CHUNK), self._name)
            if not chunk:
                raise InputError(
                    f"{self._name}: ends too early for its shape and dtype; write or copy it again"
                )
            left -= len(chunk)
            try:
                self._file.write(chunk)
            except OSError as error:
                raise InputError(
                    f"{self._name}: is in Fortran order, and the folder for temporary files,"
                    f" {tempfile.gettempdir()}, cannot hold it: {one_line(error)}; set TMPDIR, or"
                    " save it in C order"
                ) from None
        self._file.flush()

    def finish(self) -> None:
        """Raises InputError if anything follows."""
        _check_end(self._stream, self._name)


class StreamItems:
    """An array in C order, such as the content after the header of a .npy file."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        dtype: np.dtype[Any],
        shape: Shape,
        start: int | None = None,
    ) -> None:
        """start: its start in a seekable file."""
        self.name, self.dtype, self.shape = name, dtype, shape
        self._file, self._start = file, start

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

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        return self.read(count, axes + 1)

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        if self._start is None:
            return None
        shape = (count, *self.shape[1:])
        item = math.prod(self.shape[1:]) * self.dtype.itemsize
        with reading(self.name):
            data = Reader(self._file).read(self._start + first * item, count * item)
        return np.frombuffer(data, self.dtype).reshape(shape) if len(data) == count * item else None

    def finish(self) -> None:
        _check_end(self._file, self.name)


def _check_end(file: BinaryIO, name: str) -> None:
    """Raises InputError if anything follows."""
    with reading(name):
        rest = file.read(1)
    if rest:
        raise InputError(
            f"{name}: is longer than its shape and dtype say; only one array a file is allowed"
        )


@contextmanager
def open_items(source: Source) -> Iterator[Items]:
    """The items of an array, of a .npy file, or of a binary stream of a .npy file, seekable or not.

    The dtype must be bool, an integer of 8 to 64 bits, or a float of 16 to 64 bits. Pickled objects
    are never loaded. Raises InputError for another dtype, and if the source cannot be read, is no
    .npy file, or is shorter or longer than its header states.
    """
    if isinstance(source, np.ndarray):
        if isinstance(source, np.ma.MaskedArray):
            raise InputError("the array: a mask would be lost; give its .data or .filled()")
        check_dtype(source.dtype, "the array")
        yield ArrayItems(source.view(np.ndarray), "the array")
    elif isinstance(source, str | os.PathLike):
        with open_file(source) as file:
            yield open_array(file, os.fspath(source))
    elif isinstance(source, Readable):
        yield open_array(source, stream_name(source, "the input"), _PIPED)
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
    """Raises InputError, with advice, for an unsupported dtype."""
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
            f" 64 bits are stored; {advice}"
        )


_NO_NPY = "is no .npy file; make one with numpy.save"
_PIPED = "is no .npy file, the only kind that is read from a pipe; save it as a file, and give that"


def holds(dtype: np.dtype[Any], shape: Shape) -> bool:
    """Whether a .npy file can have the array."""
    return True


@contextmanager
def write_array(output: Writable, dtype: np.dtype[Any], shape: Shape) -> Iterator[Writable]:
    """Writes the header of a .npy file; the elements in C order follow it."""
    write_header(output.write, dtype, shape)
    yield output


def open_array(file: BinaryIO, name: str, otherwise: str = _NO_NPY) -> Items:
    """The items of an open .npy file.

    otherwise: the error for a file of another format. Raises InputError.
    """
    dtype, fortran, shape = read_header(file, name, otherwise)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    start = _check_size(file, name, size)
    if not fortran or len(shape) < 2:
        return StreamItems(file, name, dtype, shape, start)
    if start is not None:
        return _FortranItems(file, start, name, dtype, shape)
    # Fortran order needs all content of a pipe or a compressed file, so it is copied to disk.
    with reading(name):
        spooled = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the spool closes it
    spool = _Spooled(file, spooled, name)
    spool.fill(size)
    return _FortranItems(spooled, 0, name, dtype, shape, spool)


def read_header(
    file: BinaryIO, name: str, otherwise: str = _NO_NPY
) -> tuple[np.dtype[Any], bool, Shape]:
    """The dtype, whether the order is Fortran's, and the shape.

    otherwise: the error for a file without a header. Raises InputError.
    """
    prefix = bytes(read_up_to(file, 8, name))
    if prefix[:6] != npy.MAGIC_PREFIX:
        raise InputError(f"{name}: {otherwise}")
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
    # A header of version 3 differs from version 2 only in the names of fields, which are not
    # supported here.
    parse = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, dtype = parse(header, max_header_size=_MAX_HEADER)
    except Exception as error:  # a damaged header may make the parser raise any error
        raise InputError(f"{name}: its .npy header is damaged: {one_line(error)}") from None
    check_dtype(dtype, name)
    check_shape(shape, name)
    return dtype, fortran, shape


def check_shape(shape: Shape, name: str) -> None:
    """Raises InputError for a shape in a header that no array can have."""
    if (
        len(shape) > 32
        or min(shape, default=0) < 0
        or math.prod(max(n, 1) for n in shape) > 1 << 59
    ):
        raise InputError(
            f"{name}: its header says that its shape is {shape}, which no array can have"
        )


def _check_size(file: BinaryIO, name: str, size: int) -> int | None:
    """The start of the data, for a seekable file, after a check of its size."""
    with reading(name):
        if not is_file(file):
            return None
        start, end = file.tell(), os.fstat(file.fileno()).st_size
    if end - start != size:
        raise InputError(
            f"{name}: has {end - start} bytes of data, and its header says {size}; it was cut, or"
            " written to since"
        )
    return start
