"""Read files and streams.

Errors name the file. Memory grows with the content that is read, not with a stated size.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tempfile
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast, runtime_checkable

from bitsback.errors import InputError
from bitsback.io.locks import Lock
from bitsback.io.names import printable
from bitsback.io.remote.ranges import Ranges, open_url
from bitsback.io.remote.url import Url

PATIENCE = 10.0
"""Seconds to wait for the writer of a named pipe."""

IN_MEMORY = 1 << 24
"""The greatest size in bytes of a file that is read into memory."""
_CHUNK = 1 << 24


class Writable(Protocol):
    """An output for bytes."""

    def write(self, data: Any, /) -> Any: ...


@runtime_checkable
class Readable(Protocol):
    """An input of bytes."""

    def read(self, size: int = -1, /) -> bytes: ...


class Sink(io.RawIOBase):
    """An output as a file object that cannot seek."""

    def __init__(self, output: Writable) -> None:
        self._output = output
        self._dropped = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._dropped:
            self._output.write(bytes(data))
        return len(data)

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Stops all writing after an error in the body.

        Otherwise closing or deleting a container would write its end, and it would look complete.
        """
        try:
            yield
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        self._dropped = True


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns an OSError into an InputError that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The message of an error of another library, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


Location = str | os.PathLike[str] | Url
"""The place of a file."""


def name_of(place: Location) -> str:
    """The name of a file in messages."""
    return place.name if isinstance(place, Url) else os.fspath(place)


def is_same(place: Location, other: object) -> bool:
    """Whether another place or stream is the same file, or the same URL."""
    if isinstance(place, Url) or not isinstance(other, str | os.PathLike):
        return place == other
    one, two = Path(place), Path(other)
    return one.exists() and two.exists() and one.samefile(two)


def size_of(place: Location) -> int:
    """The size of a file in bytes; 0 if there is none, or if the size is unknown."""
    if isinstance(place, Url):
        return place.size or 0
    path = Path(place)
    return path.stat().st_size if path.is_file() else 0


def open_file(path: Location) -> io.BufferedReader:
    """The file, opened for reading. Raises InputError."""
    if isinstance(path, Url):
        with reading(path.name):
            return open_url(path)
    name = printable(os.fspath(path))
    with reading(name):
        if stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116
            return _open_pipe(Path(path), name)
        return Path(path).open("rb")


def open_regular(path: Path | Url, whole: bool) -> io.BufferedReader:
    """Opens a regular file. A pipe or a device could block for ever.

    whole: the entire file will be read. Raises OSError.
    """
    if isinstance(path, Url):
        return open_url(path, 1 << (22 if whole else 16))
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("is a folder, a pipe or a device, and no file")
    return path.open("rb")


def _open_pipe(path: Path, name: str) -> io.BufferedReader:
    """Opens a named pipe. Raises InputError unless a process soon opens it for writing."""
    opened: list[io.BufferedReader | OSError] = []

    def wait() -> None:
        try:
            opened.append(path.open("rb"))
        except OSError as error:
            opened.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(PATIENCE)
    if waiting.is_alive():
        # The other thread waits until a writer opens and closes the pipe.
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            waiting.join(PATIENCE)
        for file in opened:
            if not isinstance(file, OSError):
                file.close()
        raise InputError(f"{name}: is a pipe that no process writes to")
    if isinstance(opened[0], OSError):
        raise opened[0]
    return opened[0]


class RandomAccess(Protocol):
    """An input that is read at offsets. Several threads may use it."""

    @property
    def size(self) -> int:
        """The size in bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes, or as many as there are. Raises OSError."""

    def expect(self, spans: Iterable[tuple[int, int]]) -> None:
        """Announces the next reads in order, (offset, size).

        A remote file then fetches them together.
        """

    def close(self) -> None: ...


class Reader:
    """Reads anywhere in a seekable file. Several threads may use it.

    Files of the operating system are read at explicit offsets (not on Windows), since forked
    processes share one file position.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self._by_place = hasattr(os, "pread") and is_file(file)

    @property
    def size(self) -> int:
        with self._lock:
            return self._file.seek(0, os.SEEK_END)

    def expect(self, spans: Iterable[tuple[int, int]]) -> None:
        pass

    def close(self) -> None:
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes, or as many as there are. Raises OSError."""
        if not self._by_place:
            with self._lock:
                self._file.seek(offset)
                return self._file.read(size)
        chunks: list[bytes] = []
        while size > 0:
            chunk = os.pread(self._file.fileno(), min(size, _CHUNK), offset)
            if not chunk:
                break
            chunks.append(chunk)
            offset, size = offset + len(chunk), size - len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Content(Protocol):
    """The bytes of a file, by slices."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice, /) -> bytes: ...


class FileContent:
    """The bytes of a seekable file. Slices are read on demand."""

    def __init__(self, file: BinaryIO) -> None:
        self._reader = Reader(file)
        self._size = self._reader.size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, which: slice) -> bytes:
        """Reads a slice. Raises OSError."""
        start, stop, step = which.indices(self._size)
        assert step == 1, "a file is read forwards"
        return self._reader.read(start, max(stop - start, 0))


def in_memory(file: BinaryIO) -> tuple[Content, BinaryIO]:
    """The content of a file, and a file object with it, in memory unless the file is large."""
    data = FileContent(file)
    if len(data) > IN_MEMORY:
        return data, file
    whole = data[:]
    return whole, io.BytesIO(whole)


def spooled() -> BinaryIO:
    """A temporary file, in memory unless it is large."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY))


def same_bytes(file: BinaryIO, made: BinaryIO) -> bool:
    """Whether two files have the same bytes."""
    file.seek(0)
    made.seek(0)
    while True:
        chunk = file.read(1 << 20)
        if made.read(max(len(chunk), 1)) != chunk:
            return False
        if not chunk:
            return True


def open_anywhere(place: Location) -> RandomAccess:
    """Opens a file or a URL for reading at offsets. Raises InputError."""
    if isinstance(place, Url):
        with reading(place.name):
            return Ranges(place)
    return Reader(open_file(place))


def is_file(file: BinaryIO) -> bool:
    """Whether this is a plain regular file of the operating system."""
    # Other streams, such as a GzipFile, may have the descriptor of another file.
    if not isinstance(getattr(file, "raw", file), io.FileIO):
        return False
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


_STANDARD = {"<stdin>": "standard input", "<stdout>": "standard output"}


def stream_name(stream: BinaryIO, otherwise: str) -> str:
    """The name of a stream for error messages."""
    name = getattr(stream, "name", None)
    if isinstance(name, str) and name in _STANDARD:
        return _STANDARD[name]
    return os.fspath(name) if isinstance(name, str | os.PathLike) else otherwise


def read_up_to(file: BinaryIO, size: int, name: str) -> bytearray:
    """`size` bytes, or all if there are fewer. A much larger size takes no memory."""
    data = bytearray()
    with reading(name):
        while len(data) < size:
            chunk = file.read(min(size - len(data), _CHUNK))
            if not chunk:
                break
            data += chunk
    return data


class GzipWriter:
    """An output that compresses with gzip.

    The result does not depend on the current time. After an error it has no end, so readers refuse
    it.
    """

    def __init__(self, output: Writable) -> None:
        self._sink = Sink(output)
        self._file = gzip.GzipFile("", "wb", 9, cast(BinaryIO, self._sink), 0)

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)

    def __enter__(self) -> GzipWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self._sink.drop()
        with self._sink.dropping():
            self._file.close()


class GzipReader:
    """An input that decompresses gzip, and raises OSError for damage."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = gzip.GzipFile(name, "rb", fileobj=file)

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, zlib.error) as error:
            raise OSError(f"its gzip container is damaged: {error}") from None
