"""What is whole of a damaged archive: which blocks, and the arrays and pages that are in them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import Collection
from bitsback.archive.directory import BlockInfo
from bitsback.archive.join import Joiner
from bitsback.archive.layout import Shape
from bitsback.archive.lost import (
    Gap,
    Owners,
    Problem,
    entries_of,
    gaps_of,
    in_part,
    merged,
    widened,
)
from bitsback.archive.members import Files
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import ordered_map
from bitsback.archive.source import Described, Task, decode
from bitsback.archive.work import Work
from bitsback.errors import ArchiveError, InputError

_FILLED = 1 << 20  # elements that are made at a time


class Damaged(Described, Protocol):
    """An open archive."""

    @property
    def _blocks(self) -> list[BlockInfo]: ...

    @property
    def _files(self) -> Files: ...

    def _task(self, block: BlockInfo) -> Task: ...


class Salvage:
    """An archive of which every block was tried."""

    def __init__(
        self,
        archive: Damaged,
        problems: Iterable[Problem],
        threads: int = 1,
        fill: float | None = None,
    ) -> None:
        """problems: what `verify` has found. fill: the value of elements that are lost; None: items
        that have such are left out.
        """
        problems = list(problems)
        self.archive, self._threads, self._fill = archive, threads, fill
        self._unmade = {error.file for _, error in problems}
        self._bad = {number for number, _ in problems if number is not None}
        self.gaps = list(gaps_of(archive._blocks, self._bad, archive._collection.pieces))

    @property
    def files(self) -> Files:
        return self.archive._files

    @property
    def lost_files(self) -> list[range]:
        """The numbers of the files that do not come back, in order."""
        files = self.archive._files
        named = [files.number(name) for name in self._unmade if name is not None]
        unmade = [range(number, number + 1) for number in named if number is not None]
        return merged([*Owners(files).of(self.gaps), *unmade])

    def tasks(self, first: int = 0, end: int | None = None) -> Iterator[Task]:
        """The blocks that are whole and begin with the pieces from first to end - 1."""
        for block in self.archive._blocks:
            if block.number in self._bad or block.first < first:
                continue
            if end is None or block.first < end:
                yield self.archive._task(block)

    def lost_of(self, number: int) -> list[Gap]:
        """The pieces of a part that do not come back, counted from its first."""
        part = self.archive._collection.parts[number]
        return widened(part, in_part(self.archive._collection, self.gaps, number))

    def shape(self, number: int) -> Shape | None:
        """Of the array that comes back of a part, without the items, or the rows of an array that
        is one item, that are lost; None if there are none left.
        """
        part = self.archive._collection.parts[number]
        lost = self.lost_of(number)
        if not lost or self._fill is not None:
            return part.shape
        left = part.entries - sum(len(entries_of(part, gap)) for gap in lost)
        return (left, *part.shape[1:]) if left and part.shape else None

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        """The elements that come back of a part, in C order, some items, or rows, at a time."""
        collection = self.archive._collection
        part, start = collection.parts[number], collection.starts[number]
        lost = self.lost_of(number)
        filled = fill_value(self._fill, part.dtype) if self._fill is not None else None
        joiner, gaps = Joiner(part), iter([*lost, (part.pieces, part.pieces)])
        gap = next(gaps)
        tasks = self.tasks(start, start + part.pieces)
        with closing(ordered_map(self._decode, tasks, self._threads)) as blocks:
            for task, pieces in blocks:
                work.add(task.first, task.items)
                while task.first - start >= gap[1]:
                    yield from _filling(part, gap, filled)
                    gap = next(gaps)
                if part.plain:  # no gap is in an item that is whole
                    yield pieces.elements
                    continue
                for place, piece in enumerate(pieces, task.first - start):
                    if place >= gap[1]:
                        yield from _filling(part, gap, filled)
                        gap = next(gaps)
                    if place < gap[0]:
                        yield from joiner.take(place, piece)
        for left in [gap, *gaps]:
            yield from _filling(part, left, filled)

    def _decode(self, task: Task) -> tuple[Task, Pieces]:
        return task, decode(self.archive, task)

    def joined(self) -> tuple[Shape, list[int]]:
        """The shape of an array that is in parts, as it comes back, and the numbers of the parts
        that have something of it. Raises ArchiveError if nothing is left.
        """
        shapes = {
            number: shape
            for number in range(len(self.archive._collection.parts))
            if (shape := self.shape(number)) is not None
        }
        if not shapes:
            raise ArchiveError(f"{self.archive.name}: nothing that it holds is whole")
        first, *others = shapes.values()
        length = sum(shape[0] for shape in (first, *others)) if first else 0
        return (length, *first[1:]) if first else (), list(shapes)


def _filling(part: Collection, gap: Gap, value: NDArray[Any] | None) -> Iterator[NDArray[Any]]:
    if value is None:
        return
    size = part.elements_before(gap[1]) - part.elements_before(gap[0])
    bounds = [*range(0, size, _FILLED), size]
    for low, high in pairwise(bounds):
        yield np.full(high - low, value, part.dtype)


def fill_value(fill: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The value as an array without axes. Raises InputError if elements cannot have it."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(fill).astype(dtype)
        same = value.item() == fill or (fill != fill and dtype.kind == "f")
        same = same or (dtype.kind == "f" and math.isfinite(value))
    except (OverflowError, TypeError, ValueError):
        same = False
    if not same:
        raise InputError(f"fill={fill} (--fill): elements of the dtype {dtype} cannot have it")
    return value
