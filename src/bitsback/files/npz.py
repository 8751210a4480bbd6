"""The codec of npz files: several named arrays, each a .npy file in a zip container."""

import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.files.npy import Items, NextArray, open_array, read_header, write_header
from bitsback.format.grid import Shape
from bitsback.io.file_io import Sink, Writable, one_line, reading
from bitsback.io.names import check, printable

_SUFFIX = ".npy"
_OLDEST = (1980, 1, 1, 0, 0, 0)


def holds_arrays(file: BinaryIO) -> bool:
    """Whether a zip file contains .npy files and nothing else."""
    names: list[str] = []
    with suppress(Exception):  # a damaged file may make the library raise any error
        names = zipfile.ZipFile(file).namelist()
    return bool(names) and all(name.endswith(_SUFFIX) for name in names)


@contextmanager
def open_arrays(file: BinaryIO, name: str) -> Iterator[dict[str, Items]]:
    """The arrays of an npz file, by name. Raises InputError if it is damaged."""
    with zipfile.ZipFile(file) as container:
        arrays: dict[str, Items] = {}
        for entry in container.infolist():
            key = entry.filename.removesuffix(_SUFFIX)
            check(key, f"{name}: {key}")
            if key in arrays:
                raise InputError(f"{name}: contains two arrays of the name {printable(key)!r}")
            arrays[key] = _Member(container, entry, f"{name}: {printable(key)}")
        yield arrays


@contextmanager
def write_arrays(output: Writable) -> Iterator[NextArray]:
    """Writes an npz file, array by array, without seeking.

    After an error the file has no end, so it is not a valid npz file.
    """
    sink = Sink(output)
    container = zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED)

    @contextmanager
    def array(name: str, dtype: np.dtype[Any], shape: Shape) -> Iterator[Writable]:
        entry = zipfile.ZipInfo(name + _SUFFIX, _OLDEST)
        entry.external_attr = 0o600 << 16
        with (
            sink.dropping(),
            container.open(entry, "w", force_zip64=True) as member,
            sink.dropping(),  # before the member is closed, and behind it
        ):
            write_header(member.write, dtype, shape)
            yield member

    with sink.dropping():
        yield array
        container.close()


class _Member(Items):
    """An array in a zip container, which is opened on first use."""

    def __init__(self, container: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
        self.name = name
        self._container, self._entry = container, entry
        self._items: Items | None = None
        with closing(_Unzipped(container, entry, name)) as stream:
            self.dtype, _, self.shape = read_header(cast(BinaryIO, stream), name)

    def read(self, count: int, axes: int) -> NDArray[Any]:
        return self._opened().read(count, axes)

    def _opened(self) -> Items:
        if self._items is None:
            stream = _Unzipped(self._container, self._entry, self.name)
            self._items = open_array(cast(BinaryIO, stream), self.name)
        return self._items

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        return self._opened().rows(count, axes)

    def finish(self) -> None:
        if self._items is not None:
            self._items.finish()
        self._items = None


class _Unzipped:
    """A file in a zip container. Damage raises OSError, as for other files."""

    def __init__(self, container: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
        with reading(name), _as_os_error():
            self._file = container.open(entry)

    def close(self) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        with _as_os_error():
            return self._file.read(size)


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a damaged file may make the libraries raise any error
        raise OSError(
            f"its zip container is damaged, or of a kind that is not read: {one_line(error)}"
        ) from None
