"""SHA-256 hashes of the files of a folder that come back byte for byte (docs/format.md, `H`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from bitsback.errors import ArchiveError
from bitsback.format.layout import HASHES, Cursor, section
from bitsback.images.names import printable

_SHA256 = 0
_SIZE = 32
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of each file, in order; empty for one that comes back by its pixels only."""

    digests: Sequence[bytes]

    def pack(self) -> bytes:
        """The `H` section."""
        parts = (bytes([len(digest)]) + digest for digest in self.digests)
        return section(HASHES, bytes([_SHA256]), *parts)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> Hashes:
        """Raises ArchiveError."""
        cursor = Cursor(payload)
        if cursor.byte() != _SHA256:
            raise ArchiveError("its files have hashes of a kind that needs a newer bitsback")
        if files >= len(payload):
            raise ArchiveError(f"the hashes of its files are too short for {files}")
        digests = []
        for _ in range(files):
            size = cursor.byte()
            if size not in (0, _SIZE):
                raise ArchiveError("the hash of a file of it has another length than it should")
            digests.append(bytes(cursor.take(size)))
        cursor.done()
        return cls(digests)


def as_line(digest: bytes, name: str) -> str:
    """A line for `sha256sum -c`."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest.hex()}  {escaped}"


class Check(Protocol):
    """Checks a complete file."""

    def __call__(self, file: BinaryIO) -> None: ...


def check_of(archive: str, name: str, digest: bytes) -> Check:
    """A check that raises ArchiveError, which names archive and file, for another hash."""

    def check(file: BinaryIO) -> None:
        compare(archive, name, digest, digest_of(file))

    return check


def compare(archive: str, name: str, digest: bytes, found: bytes) -> None:
    if found != digest:
        raise ArchiveError(
            f"{archive}: {printable(name)}: is restored with another SHA-256 than it had", file=name
        )


def digest_of(file: BinaryIO) -> bytes:
    """SHA-256 of a file from its current position."""
    found = hashlib.sha256()
    while data := file.read(_CHUNK):
        found.update(data)
    return found.digest()
