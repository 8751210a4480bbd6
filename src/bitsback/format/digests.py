"""Digests of the files of a folder (docs/format.md, `H`).

Digests of groups of files bind names to content. Files that are restored byte for byte may also
have SHA-256 hashes.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Collection as Members
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.layout import HASHES, Cursor, pack_shape, section
from bitsback.wire import varint

CONTENT, METADATA = 0, 1
"""The kinds of content digests: of the pixels or bytes of a file, and of its container metadata."""

_SHA256 = 0
_SIZE = 32
_SMALLEST_GROUP = 2  # bytes
_GROUP = 40_000
"""The least number of bytes of an archive per group, so that digests take less than 0.1 % of it."""


class ContentDigest:
    """The digest of a name, a dtype, a shape and elements. Elements are added in C order.

    >>> import numpy as np
    >>> digest = ContentDigest("a.pgm", CONTENT, np.dtype("|u1"), (2, 3))
    >>> digest.add(bytes(6))
    >>> digest.number % 1000
    187
    """

    def __init__(self, name: str, what: int, dtype: np.dtype[Any], shape: Shape) -> None:
        """what: CONTENT or METADATA."""
        data = name.encode()
        head = bytes([what]) + varint(len(data)) + data + dtype.str.encode() + pack_shape(shape)
        self._hash = hashlib.sha256(head)

    def add(self, data: Any) -> None:
        """data: bytes, or a C-contiguous array."""
        self._hash.update(data)

    @property
    def number(self) -> int:
        return int.from_bytes(self._hash.digest(), "little")


def digest_of_bytes(name: str, what: int, data: bytes) -> int:
    """The content digest of a file stored verbatim, or of container metadata."""
    digest = ContentDigest(name, what, np.dtype("|u1"), (len(data),))
    digest.add(data)
    return digest.number


class FileSums:
    """The sum of content digests, and the number of bytes in memory, of each file in order."""

    def __init__(self) -> None:
        self._sums: list[int] = []
        self._sizes = array("Q")

    def add_file(self) -> None:
        self._sums.append(0)
        self._sizes.append(0)

    def add(self, file: int, digest: int, size: int) -> None:
        self._sums[file] += digest
        self._sizes[file] += size

    def groups(self, archive_bytes: int) -> list[Group]:
        """Groups of files that take about equal shares of an archive of this size."""
        ratio = archive_bytes / max(sum(self._sizes), 1)
        groups: list[Group] = []
        start, size = 0, 0.0
        for number, own in enumerate(self._sizes, 1):
            size += own * ratio
            if size >= _GROUP:
                groups.append(Group(number - start, packed_sum(self._sums[start:number])))
                start, size = number, 0.0
        rest = Group(len(self._sums) - start, packed_sum(self._sums[start:]))
        if groups and rest.files:
            groups[-1] = groups[-1].with_files(rest.files, self._sums[start:])
        elif rest.files:
            groups.append(rest)
        return groups


def packed_sum(digests: Iterable[int]) -> bytes:
    """The sum of digests modulo 2^256, as 32 bytes, little-endian."""
    return (sum(digests) % (1 << 8 * _SIZE)).to_bytes(_SIZE, "little")


@dataclass(frozen=True)
class Group:
    """A group of consecutive files, including removed files."""

    files: int
    digest: bytes
    """The sum of the content digests of the files that were not removed; empty if unknown."""

    def with_files(self, files: int, digests: Iterable[int]) -> Group:
        """The group with more files, and with these digests added.

        digests: negative ones are subtracted.
        """
        if not self.digest:
            return Group(self.files + files, b"")
        before = int.from_bytes(self.digest, "little")
        return Group(self.files + files, packed_sum([before, *digests]))


@dataclass(frozen=True)
class Digests:
    """The content of an `H` section."""

    groups: Sequence[Group]
    files: Sequence[bytes] | None = None
    """The SHA-256 of each original file, in order; None if the archive has no hashes.

    It is empty for a file that is restored only with the same pixels.
    """

    def pack(self) -> bytes:
        """The `H` section."""
        groups = (varint(g.files) + bytes([len(g.digest)]) + g.digest for g in self.groups)
        hashes = (bytes([len(digest)]) + digest for digest in self.files or ())
        head = bytes([_SHA256]), varint(len(self.groups))
        return section(HASHES, *head, *groups, bytes([self.files is not None]), *hashes)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> Digests:
        """Reads an `H` section.

        files: the number of files, including removed files. Raises ArchiveError.
        """
        cursor = Cursor(payload)
        if cursor.byte() != _SHA256:
            raise ArchiveError("its files have digests of a kind that needs a newer bitsback")
        count = cursor.varint()
        if count * _SMALLEST_GROUP > len(payload):
            raise ArchiveError(f"the digests of its files are too short for {count} groups")
        groups = [Group(cursor.varint(), _digest(cursor)) for _ in range(count)]
        if sum(group.files for group in groups) != files or not all(g.files for g in groups):
            raise ArchiveError("the groups of its files do not cover all files")
        with_hashes = cursor.byte()
        if with_hashes > 1:
            raise ArchiveError("its files have hashes of a kind that needs a newer bitsback")
        if with_hashes and files > len(payload):
            raise ArchiveError(f"the hashes of its files are too short for {files}")
        hashes = [_digest(cursor) for _ in range(files)] if with_hashes else None
        cursor.done()
        return cls(groups, hashes)

    @property
    def ranges(self) -> Iterator[tuple[range, bytes]]:
        """The numbers of the files of each group, and the group's digest."""
        start = 0
        for group in self.groups:
            yield range(start, start + group.files), group.digest
            start += group.files

    def without(
        self,
        removed: Members[int],
        names: Sequence[str],
        sums_of: Callable[[list[int]], Mapping[int, int]],
    ) -> Digests:
        """The digests after removing files.

        names: of all files, empty for files that were removed before. sums_of: computes the sums of
        the content digests of some files, as far as possible.
        """
        changed = {
            group: [number for number in numbers if number in removed]
            for group, (numbers, _) in enumerate(self.ranges)
            if any(names[number] for number in numbers)
        }
        sums = sums_of([number for numbers in changed.values() for number in numbers])
        groups = []
        for number, group in enumerate(self.groups):
            own = changed.get(number)
            if own is None:  # no file is left in it
                groups.append(Group(group.files, packed_sum(())))
            elif all(file in sums for file in own):
                groups.append(group.with_files(0, [-sums[file] for file in own]))
            else:
                groups.append(Group(group.files, b""))
        files = self.files
        if files is not None:
            files = [b"" if number in removed else each for number, each in enumerate(files)]
        return Digests(groups, files)


def joined(parts: Sequence[tuple[Digests | None, int]]) -> Digests | None:
    """The digests of the files of several archives in order; None if none has digests.

    parts: the digests of each archive, and its number of files, including removed files.
    """
    if all(digests is None for digests, _ in parts):
        return None
    groups: list[Group] = []
    hashes: list[bytes] = []
    for digests, files in parts:
        own = [Group(files, b"")] if files else []
        groups += own if digests is None else digests.groups
        hashes += [b""] * files if digests is None or digests.files is None else digests.files
    with_hashes = any(digests is not None and digests.files is not None for digests, _ in parts)
    return Digests(groups, hashes if with_hashes else None)


def _digest(cursor: Cursor) -> bytes:
    size = cursor.byte()
    if size not in (0, _SIZE):
        raise ArchiveError("a digest in it has the wrong length")
    return cursor.take(size)
