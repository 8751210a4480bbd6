"""The elements of a part of files, some rows at a time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.archive.join import Joiner
from bitsback.archive.members import Files
from bitsback.archive.pieces import Pieces
from bitsback.archive.summary import Progress


class FileHolder(Protocol):
    """An open archive of files."""

    name: str

    @property
    def files(self) -> Files: ...

    def bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes: ...

    def decoded(
        self, first: int, end: int, *, verify: bool = True, threads: int = 1
    ) -> Generator[tuple[int, Pieces], None, None]: ...


def strips(
    archive: FileHolder, number: int, threads: int, progress: Progress | None, verify: bool
) -> Generator[NDArray[Any], None, None]:
    """The elements of a part in C order, some items, or rows of one, at a time."""
    collection = archive.files.collection
    part, first = collection.parts[number], collection.starts[number]
    joiner = Joiner(part)
    with closing(
        archive.decoded(first, first + part.pieces, verify=verify, threads=threads)
    ) as blocks:
        for start, pieces in blocks:
            if part.plain:
                yield pieces.elements
            else:
                for place, piece in enumerate(pieces, start - first):
                    yield from joiner.take(place, piece)
            if progress is not None:
                progress(start + pieces.count, collection.pieces)
