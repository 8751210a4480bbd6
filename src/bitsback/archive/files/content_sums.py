"""Compute the content digests of restored files, and compare them with those of their groups
(docs/format.md, `H`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.files.whole_files import Receiver, deliver
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, Nowhere
from bitsback.format.digests import (
    CONTENT,
    METADATA,
    ContentDigest,
    digest_of_bytes,
    packed_sum,
)
from bitsback.format.grid import Shape
from bitsback.io.file_io import Writable
from bitsback.io.names import printable


class ContentSums:
    """Adds up the content digests of restored files, and passes the files on to a receiver.

    Several threads may use it.
    """

    def __init__(
        self,
        archive: ArchiveReader,
        receiver: Receiver | None = None,
        names: Mapping[int, str] | None = None,
    ) -> None:
        """names: of the files, if they have other names than in the archive."""
        self.sums: dict[int, int] = {}
        """The sum for each complete file, by its number."""
        self._archive, self._files, self._receiver = archive, archive.files, receiver
        self._names = archive.files.names if names is None else names

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        name = self._names[number]
        digest = ContentDigest(name, CONTENT, dtype, shape)
        receiver = self._receiver
        with receiver.picture(number, dtype, shape) if receiver else nullcontext(Nowhere()) as made:
            yield _Digested(digest, made)
        part, start, end = self._files.span(number)
        metadata = 0
        if end > start:
            data = self._archive.part_bytes(part, start, end)
            metadata = digest_of_bytes(name, METADATA, data)
        self.sums[number] = digest.number + metadata

    @contextmanager
    def file(self, number: int) -> Iterator[Writable]:
        _, start, end = self._files.span(number)
        name = self._names[number]
        digest = ContentDigest(name, CONTENT, np.dtype("|u1"), (end - start,))
        with self._receiver.file(number) if self._receiver else nullcontext(Nowhere()) as file:
            yield _Digested(digest, file)
        self.sums[number] = digest.number

    def problems(self) -> Iterator[ArchiveError]:
        """An error for each group whose files are all complete and have another digest."""
        digests = self._archive.digests
        if digests is None or not self._files.named:
            return
        removed = self._files.collection.has_removed
        kept = self._files.kept if removed else range(len(self._files))
        for numbers, digest in digests.ranges:
            here = range(bisect_left(kept, numbers.start), bisect_left(kept, numbers.stop))
            if digest and all(number in self.sums for number in here):
                found = packed_sum(self.sums[number] for number in here)
                if found != digest:
                    yield self._wrong(here)

    def _wrong(self, numbers: range) -> ArchiveError:
        first, last = (printable(self._files.names[number]) for number in (numbers[0], numbers[-1]))
        which = first if len(numbers) == 1 else f"one of the {len(numbers)} files {first} to {last}"
        return ArchiveError(f"{self._archive.name}: {which} has another content than its name had")


class _Digested:
    """A drawing or a file that also digests its rows or bytes."""

    def __init__(self, digest: ContentDigest, output: Any) -> None:
        self._digest, self._output = digest, output

    def add(self, rows: NDArray[Any]) -> None:
        self._digest.add(np.ascontiguousarray(rows))
        self._output.add(rows)

    def write(self, data: Any) -> None:
        self._digest.add(data)
        self._output.write(data)

    def close(self) -> int:
        size: int = self._output.close()
        return size


def sums_of(archive: ArchiveReader, numbers: Iterable[int]) -> dict[int, int]:
    """The sums of the content digests of some files, by number. Damaged files are left out."""
    in_order = sorted(numbers, key=archive.files.place)
    receiver = ContentSums(archive)
    for number in in_order:
        with suppress(ArchiveError):
            deliver(archive, number, receiver)
    return receiver.sums
