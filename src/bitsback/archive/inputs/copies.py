"""Find the files of a folder that are copies of others."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from bitsback.archive.container.hashes import digest_of
from bitsback.errors import InputError
from bitsback.files.file_lists import Listing
from bitsback.io.file_io import open_regular, same_bytes
from bitsback.io.names import file_fault
from bitsback.io.remote.url import Url
from bitsback.work import ordered_map

FEWEST_BYTES = 64
"""The least size of a copy. Smaller files take hardly more bytes than the entry of a copy."""
_SAMPLE = 1 << 12  # bytes in the middle of a file, by which most files of one size differ


@dataclass(frozen=True)
class Stored:
    """A file in an archive that has the bytes of an added one."""

    row: int
    """Its number among all files of the archive, including removed files."""
    digests: int
    """The sum of the content digests of the added file."""


class StoredFiles(Protocol):
    """The files of an archive. Several threads may use it."""

    @property
    def rows(self) -> int:
        """The number of files, including removed files."""

    def find(self, root: Path, name: str, size: int) -> Stored | None:
        """The file in the archive that has the bytes of a file of this size in a folder."""


@dataclass(frozen=True)
class Copies:
    """The copies among the files of a folder."""

    originals: Mapping[str, str] = field(default_factory=dict)
    """For each copy, the name of an earlier file with the same bytes, which is no copy."""
    stored: Mapping[str, Stored] = field(default_factory=dict)
    """For copies of files in the archive to which the folder is added, these files."""
    times: Mapping[str, int] = field(default_factory=dict)
    """The modification times of these files when they were compared, in ns since 1970."""


def find_copies(listing: Listing, threads: int, archive: StoredFiles | None = None) -> Copies:
    """The files of a folder on a disk that have the bytes of an earlier file.

    Files whose size no other file has are not read. archive: the files of the archive to which the
    folder is added, which are earlier.
    """
    sizes, times = dict[str, int](), dict[str, int]()
    for name in listing.names:
        path = listing.path(name)
        if isinstance(path, Path) and file_fault(name) is None:
            with suppress(OSError):  # reading it fails, too
                found = path.stat()
                if stat.S_ISREG(found.st_mode) and found.st_size >= FEWEST_BYTES:
                    sizes[name], times[name] = found.st_size, found.st_mtime_ns
    stored: dict[str, Stored] = {}
    if archive is not None and isinstance(root := listing.root, Path):

        def find(name: str) -> Stored | None:
            return archive.find(root, name, sizes[name])

        for name, same in zip(sizes, ordered_map(find, sizes, threads), strict=True):
            if same is not None:
                stored[name] = same
    others = [name for name in sizes if name not in stored]
    alike: Iterable[Sequence[str]] = _groups(others, sizes.__getitem__, 1)
    alike = [
        some
        for names in alike
        for sampled in _groups(names, lambda name: _read(listing, name, _sample), threads)
        for some in _groups(sampled, lambda name: _read(listing, name, digest_of), threads)
    ]
    originals: dict[str, str] = {}
    for original, *equal in alike:
        for name in equal:
            if _equal(listing.path(original), listing.path(name)):
                originals[name] = original
    names = dict.fromkeys([*originals.values(), *originals, *stored])
    return Copies(originals, stored, {name: times[name] for name in names})


def _groups(
    names: Sequence[str], key: Callable[[str], Hashable], threads: int
) -> Iterable[Sequence[str]]:
    """The names of equal keys, where there are several. Names with the key None are left out."""
    found: dict[Hashable, list[str]] = {}
    for name, own in zip(names, ordered_map(key, names, threads), strict=True):
        found.setdefault(own, []).append(name)
    return [same for own, same in found.items() if own is not None and len(same) > 1]


def _read(listing: Listing, name: str, digest: Callable[[BinaryIO], bytes]) -> bytes | None:
    """A digest of a file; None if it cannot be read, which is reported where it is coded."""
    with suppress(InputError, OSError), open_regular(listing.path(name), True) as file:
        return digest(file)
    return None


def _sample(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _SAMPLE, 0) // 2)
    return hashlib.sha256(file.read(_SAMPLE)).digest()


def _equal(one: Path | Url, other: Path | Url) -> bool:
    """Whether two files have the same bytes."""
    with (
        suppress(InputError, OSError),
        open_regular(one, True) as a,
        open_regular(other, True) as b,
    ):
        return same_bytes(a, b)
    return False
