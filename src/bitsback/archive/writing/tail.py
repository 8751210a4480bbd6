"""Save the bytes behind the end of an archive to a file, before they are cut off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from bitsback.io.open_folder import OpenFolder
from bitsback.io.output import Output, change_mode, naming

_COPIED = 1 << 20  # bytes at once


@contextmanager
def kept_tail(read: Callable[[int, int], bytes], start: int, end: int, path: Path) -> Iterator[str]:
    """Copies the bytes from `start` to `end` to a new file beside the archive at `path`.

    The file is `x.bb.tail-1`, or has the next number. Yields its name. If the body raises, the file
    is removed. read: reads (offset, size). Raises InputError if the file cannot be written.
    """
    path = Path(os.path.realpath(path))
    tail = _unused(path)
    with naming(str(tail)):
        file = tail.open("xb", buffering=0)
    try:
        with file:
            output = Output(file, str(tail))
            with naming(str(tail)):
                change_mode(file, tail, path.stat().st_mode)
            for at in range(start, end, _COPIED):
                output.write(read(at, min(_COPIED, end - at)))
            with naming(str(tail)):
                os.fsync(file.fileno())
        with naming(str(tail)), OpenFolder(tail.parent) as folder:
            folder.sync()
        yield str(tail)
    except BaseException:
        with suppress(OSError):
            tail.unlink()
        raise


def _unused(path: Path) -> Path:
    tails = (path.with_name(f"{path.name}.tail-{number}") for number in count(1))
    return next(tail for tail in tails if not os.path.lexists(tail))
