"""Open the archive of a command: a file, or standard input, which is copied into a temporary file
first, since an archive is read from its end.
"""

from __future__ import annotations

import io
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from bitsback.cli import options
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.archive.archive import Archive
    from bitsback.io.file_io import Location

_CHUNK = 1 << 20
_START = 64  # bytes that show the kind of archive


class _StandardInput(io.BufferedReader):
    name = "standard input"  # the name in errors


@contextmanager
def opened(source: Location | BinaryIO, **settings: Any) -> Iterator[Archive]:
    """The archive of this name. settings: for `bitsback.open`, whose errors this raises."""
    from bitsback.archive.archive import Archive

    if source != options.STANDARD:
        with Archive(source, **settings) as archive:
            yield archive
        return
    with seekable_input() as file, Archive(file, **settings) as archive:
        yield archive


@contextmanager
def seekable_input() -> Iterator[BinaryIO]:
    """Standard input as a file that can seek. Raises InputError."""
    import os

    stdin = options.standard_input()
    try:
        descriptor = stdin.fileno()
    except OSError:  # tests replace standard input
        yield stdin
        return
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        with _StandardInput(io.FileIO(descriptor, closefd=False)) as file:
            yield file
        return
    try:
        spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - what follows closes it
    except OSError as error:
        raise _no_room(error) from None
    with spool:
        try:
            while chunk := stdin.read(_CHUNK):
                rest = memoryview(chunk)
                while rest:  # a full disk takes a part before it is an error
                    rest = rest[spool.write(rest) :]
        except OSError as error:
            raise _no_room(error) from None
        with _StandardInput(spool) as file:
            yield file


@contextmanager
def streamed() -> Iterator[BinaryIO]:
    """Standard input, to be restored: as a stream if it is certainly an archive of an array,
    otherwise as a file, since the metadata of files is read repeatedly. Raises InputError.
    """
    stdin = options.standard_input()
    if _holds_array(getattr(stdin, "peek", bytes)(_START)):
        yield stdin
        return
    with seekable_input() as file:
        yield file


def _holds_array(start: bytes) -> bool:
    from bitsback.errors import ArchiveError
    from bitsback.format.layout import COLLECTION, HEAD, Cursor
    from bitsback.format.parts import FILE_LIST

    cursor = Cursor(start)
    try:
        if cursor.take(len(HEAD)) != HEAD or cursor.take(1) != COLLECTION:
            return False
        cursor.varint()  # length
        cursor.varint()  # features
        return cursor.byte() != FILE_LIST
    except ArchiveError:
        return False


def _no_room(error: OSError) -> InputError:
    return InputError(
        f"standard input: cannot be held in {tempfile.gettempdir()}: {error.strerror or error};"
        " name another folder with TMPDIR, or a file"
    )
