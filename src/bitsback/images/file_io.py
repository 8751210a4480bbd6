"""Reading files and streams: errors name them, and memory follows what they really hold."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from bitsback.errors import InputError

_PIECE = 1 << 24


class Writable(Protocol):
    """What takes bytes."""

    def write(self, data: Any, /) -> Any: ...


class Sink(io.RawIOBase):
    """What takes bytes, as a file that cannot seek."""

    def __init__(self, output: Writable) -> None:
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._output.write(bytes(data))
        return len(data)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns an OSError into an InputError that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """The file, opened for reading. Raises InputError."""
    with reading(os.fspath(path)):
        return Path(path).open("rb")


def stream_name(stream: BinaryIO, otherwise: str) -> str:
    """The name of a stream for error messages."""
    name = getattr(stream, "name", None)
    return os.fspath(name) if isinstance(name, str | os.PathLike) else otherwise


def read_up_to(file: BinaryIO, size: int, name: str) -> bytearray:
    """`size` bytes, or all there are if they are fewer. A size far above that costs nothing."""
    data = bytearray()
    with reading(name):
        while len(data) < size:
            piece = file.read(min(size - len(data), _PIECE))
            if not piece:
                break
            data += piece
    return data
