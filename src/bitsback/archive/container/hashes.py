"""Compare files with their SHA-256 hashes in an archive (docs/format.md, `H`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

from bitsback.errors import ArchiveError
from bitsback.io.names import printable

_CHUNK = 1 << 20


def as_line(digest: bytes, name: str) -> str:
    """A line for `sha256sum -c`."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest.hex()}  {escaped}"


Check = Callable[[BinaryIO], None]
"""Checks a complete file."""


def check_of(archive: str, name: str, digest: bytes) -> Check:
    """A check that raises ArchiveError for a wrong hash. The error names archive and file."""

    def check(file: BinaryIO) -> None:
        if digest_of(file) != digest:
            shown = printable(name)
            raise ArchiveError(
                f"{archive}: {shown}: the restored file has another SHA-256", file=name
            )

    return check


def digest_of(file: BinaryIO) -> bytes:
    """The SHA-256 of a file from its current position."""
    found = hashlib.sha256()
    while data := file.read(_CHUNK):
        found.update(data)
    return found.digest()
