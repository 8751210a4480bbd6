"""Reads the parts of an archive of files, some rows at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.format.grid import Shape
from bitsback.format.members import Files
from bitsback.format.tiles import Tiles
from bitsback.reading.damage import Gap
from bitsback.reading.joining import Joiner
from bitsback.reading.work import Work


class FileHolder(Protocol):
    """An open archive of files."""

    name: str

    @property
    def _files(self) -> Files: ...

    def _bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes: ...

    def _decoded(
        self, first: int, end: int, *, verify: bool = True, threads: int = 1
    ) -> Generator[tuple[int, Tiles], None, None]: ...


class Parts(Protocol):
    """What comes back of the parts of an archive of files."""

    @property
    def files(self) -> Files:
        """Of the archive."""

    def shape(self, number: int) -> Shape | None:
        """Of the array that a part is; None if nothing of it comes back."""

    def lost_of(self, number: int) -> Sequence[Gap]:
        """The tiles of a part that do not come back, counted from its first."""

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        """The elements that come back of a part, in C order, some items, or rows, at a time."""

    @property
    def lost_files(self) -> Sequence[range]:
        """The numbers of the files that do not come back, in order."""


class Whole:
    """All parts of an archive that is not damaged."""

    lost_files: Sequence[range] = ()

    def __init__(self, archive: FileHolder, threads: int, verify: bool = True) -> None:
        self.files = archive._files
        self._archive, self._threads, self._verify = archive, threads, verify

    def shape(self, number: int) -> Shape | None:
        return self.files.collection.parts[number].shape

    def lost_of(self, number: int) -> Sequence[Gap]:
        return ()

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        collection = self.files.collection
        part, first = collection.parts[number], collection.starts[number]
        joiner = Joiner(part)
        with closing(
            self._archive._decoded(
                first, first + part.tiles, verify=self._verify, threads=self._threads
            )
        ) as blocks:
            for start, tiles in blocks:
                if part.plain:
                    yield tiles.elements
                else:
                    for place, tile in enumerate(tiles, start - first):
                        yield from joiner.take(place, tile)
                work.add(start, tiles.count)
