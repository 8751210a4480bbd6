"""Restore the parts of an archive, or the undamaged content of a damaged archive.

Tiles arrive in order, and are joined into items, some rows at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from collections.abc import Collection as Members
from contextlib import closing
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.container.damage import (
    Gap,
    Owners,
    Problem,
    entries_of,
    gaps_in_part,
    gaps_of,
    merged,
    widened,
)
from bitsback.archive.container.source import Task, decode
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError, InputError
from bitsback.files.bands import in_bands, rows_of_band
from bitsback.format.array_part import ArrayPart
from bitsback.format.grid import Grid, Shape
from bitsback.format.members import Files
from bitsback.format.tiles import Tiles
from bitsback.work import Work, ordered_map

Result = TypeVar("Result")
_FILLED = 1 << 20  # elements that are made at a time


class RestoredParts:
    """The parts of an archive that are restored."""

    def __init__(
        self,
        archive: ArchiveReader,
        threads: int = 1,
        verify: bool = True,
        problems: Iterable[Problem] = (),
        fill: float | None = None,
        only: Members[int] | None = None,
    ) -> None:
        """verify: check each block's digest. problems: the result of `Archive.verify`; if it is
        empty, a fault raises ArchiveError. fill: the value of lost elements; None leaves out items
        with lost elements. only: the numbers of the blocks to decode; None for all.
        """
        problems = list(problems)
        self.archive, self.verify = archive, verify
        self.threads, self._fill, self._only = threads, fill, only
        self.damaged = bool(problems)
        self._failed = [error.file for _, error in problems if error.file is not None]
        self._bad = {number for number, _ in problems if number is not None}
        tiles = archive.collection.tiles
        self._gaps = list(gaps_of(archive.blocks, self._bad, tiles)) if problems else []

    @property
    def files(self) -> Files:
        """The files of the archive."""
        return self.archive.files

    @property
    def lost_files(self) -> list[range]:
        """The numbers of the lost files, in order."""
        if not self.damaged:
            return []
        files = self.files
        numbers = (files.number(name) for name in self._failed)
        failed = [range(number, number + 1) for number in numbers if number is not None]
        return merged([*Owners(files).with_tiles(self._gaps), *failed])

    def tasks(self, first: int = 0, end: int | None = None) -> Iterator[Task]:
        """The undamaged blocks to decode that begin with the tiles from `first` to `end` - 1."""
        if not self.damaged:
            yield from self.archive.tasks(first, end, self._only)
            return
        for block in self.archive.blocks:
            if block.number in self._bad or block.first < first:
                continue
            if end is None or block.first < end:
                yield self.archive.blocks.task(block)

    def lost_of(self, number: int) -> list[Gap]:
        """The lost tiles of a part, counted from its first tile."""
        collection = self.archive.collection
        return widened(collection.parts[number], gaps_in_part(collection, self._gaps, number))

    def shape(self, number: int) -> Shape | None:
        """The shape of the restored array of a part, without lost items or, in an array that is one
        item, lost rows. None if all is lost.
        """
        part = self.archive.collection.parts[number]
        lost = self.lost_of(number)
        if not lost or self._fill is not None:
            return part.shape
        left = part.entries - sum(len(entries_of(part, gap)) for gap in lost)
        return (left, *part.shape[1:]) if left and part.shape else None

    def strips(self, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
        """The restored elements of a part in C order, some items or rows at a time."""
        collection = self.archive.collection
        part, start = collection.parts[number], collection.starts[number]
        filled = fill_value(self._fill, part.dtype) if self._fill is not None else None
        tasks = self.tasks(start, start + part.tiles)
        with closing(self.map(lambda task, tiles: (task, tiles), tasks)) as blocks:
            yield from strips_of(part, start, blocks, work, self.lost_of(number), filled)

    def map(
        self, work: Callable[[Task, Tiles], Result], tasks: Iterable[Task] | None = None
    ) -> Generator[Result, None, None]:
        """The results of `work` on the blocks of all tasks, in order.

        Several threads decode the blocks.
        """

        def decoded(task: Task) -> Result:
            archive, stop = self.archive, None if self.verify else task.items
            if not archive.collection.part_of(task.first)[1].is_metadata:
                return work(task, decode(archive, task, stop))
            with archive.metadata_lock:  # the pictures need the same block
                tiles = archive.blocks.decode(task, stop)
            return work(task, tiles)

        return ordered_map(decoded, self.tasks() if tasks is None else tasks, self.threads)

    def joined(self) -> tuple[Shape, list[int]]:
        """The restored shape of an array that is stored in several parts, and the numbers of the
        parts with undamaged content. Raises ArchiveError if all is lost.
        """
        shapes = {
            number: shape
            for number in range(len(self.archive.collection.parts))
            if (shape := self.shape(number)) is not None
        }
        if not shapes:
            raise ArchiveError(f"{self.archive.name}: nothing in it is undamaged")
        first, *others = shapes.values()
        length = sum(shape[0] for shape in (first, *others)) if first else 0
        return (length, *first[1:]) if first else (), list(shapes)


def strips_of(
    part: ArrayPart,
    start: int,
    blocks: Iterable[tuple[Task, Tiles]],
    work: Work,
    lost: Sequence[Gap] = (),
    filled: NDArray[Any] | None = None,
) -> Iterator[NDArray[Any]]:
    """The elements of a part in C order, some items or rows at a time.

    start: the number of the part's first tile. lost: the lost tiles. filled: the value of their
    elements; None leaves them out.
    """
    joiner, gaps = Joiner(part), iter([*lost, (part.tiles, part.tiles)])
    gap = next(gaps)
    for task, tiles in blocks:
        while task.first - start >= gap[1]:
            yield from _filling(part, gap, filled)
            gap = next(gaps)
        if part.plain:  # items are tiles, and a block has no gaps
            yield tiles.elements
        else:
            for place, tile in enumerate(tiles, task.first - start):
                if place >= gap[1]:
                    yield from _filling(part, gap, filled)
                    gap = next(gaps)
                if place < gap[0]:
                    yield from joiner.take(place, tile)
        work.add(task.first, task.items)
    for left in [gap, *gaps]:
        yield from _filling(part, left, filled)


class Joiner:
    """Joins the tiles of a part into items, strip by strip.

    A strip consists of the tiles at one position of the first dimension. Its elements are
    contiguous in C order.
    """

    def __init__(self, part: ArrayPart) -> None:
        self._part = part
        self._waiting: list[NDArray[Any]] = []
        """The tiles of an incomplete strip. The strip is not allocated before all are there, since
        a few bytes may declare a large item.
        """

    def take(self, number: int, tile: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Takes a tile. Returns the strip that it completes, some rows at a time, or nothing while
        other tiles of the strip are missing. number: the number of the tile in the part.
        """
        item, at = self._part.item_of(number)
        grid = self._part.grid(item)
        self._waiting.append(tile)
        if (at + 1) % grid.in_a_strip:
            return iter(())
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            return in_bands(np.atleast_1d(tile))  # a tile without axes becomes a row
        return _joined(waiting, grid, at + 1 - len(waiting))


def _joined(waiting: list[NDArray[Any]], grid: Grid, first: int) -> Iterator[NDArray[Any]]:
    """The tiles of a strip, from number `first` on, joined into rows."""
    places = [grid.region(first + number)[1:] for number in range(len(waiting))]
    count, others = len(waiting[0]), grid.shape[1:]
    step = rows_of_band(math.prod(others) * waiting[0].itemsize)
    for row in range(0, count, step):
        band = np.empty((min(step, count - row), *others), waiting[0].dtype)
        for place, tile in zip(places, waiting, strict=True):
            band[(slice(None), *place)] = tile[row : row + step]
        yield band


def _filling(part: ArrayPart, gap: Gap, value: NDArray[Any] | None) -> Iterator[NDArray[Any]]:
    if value is None:
        return
    size = part.elements_before(gap[1]) - part.elements_before(gap[0])
    bounds = [*range(0, size, _FILLED), size]
    for low, high in pairwise(bounds):
        yield np.full(high - low, value, part.dtype)


def fill_value(fill: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The value as an array without axes. Raises InputError if the dtype does not have it."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(fill).astype(dtype)
        same = value.item() == fill or (fill != fill and dtype.kind == "f")
        same = same or (dtype.kind == "f" and math.isfinite(value))
    except (OverflowError, TypeError, ValueError):
        same = False
    if not same:
        raise InputError(f"fill={fill} (--fill) is not a value of the dtype {dtype}")
    return value
