"""The pixels of a file with its frames or pages as axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexed import ArraySource, Chunks
from bitsback.archive.reading.indexing import Along, Listed, Steps, Take
from bitsback.archive.reading.part_source import Found
from bitsback.files.axes import Axes, Level, Place
from bitsback.format.grid import Shape


class _PartsSource(ArraySource):
    """An array whose elements are in another one."""

    def __init__(self, stored: ArraySource) -> None:
        super().__init__(stored.name)
        self._stored = stored

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._stored.dtype

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        return chunk_by_chunk(self, start, stop, verify)


class FramesSource(_PartsSource):
    """The frames of a file, [frames, rows, ...], all of one size, which its archive stores in one
    picture.
    """

    def __init__(self, picture: ArraySource, places: Sequence[Place]) -> None:
        """places: of the frames."""
        super().__init__(picture)
        self._places = places
        (top, bottom), (left, right) = ((part.start, part.stop) for part in places[0])
        self._rows, self._columns = bottom - top, right - left

    @property
    def shape(self) -> Shape:
        return (len(self._places), self._rows, self._columns, *self._stored.shape[2:])

    @property
    def chunks(self) -> Chunks:
        """The frames of a tile of the picture."""
        rows, columns, *inner = self._stored.chunks
        if self._columns < self._stored.shape[1]:
            columns = _cut(self._columns, columns[0])
        together = max(rows[0] // self._rows, 1)
        return (_cut(self.shape[0], together), (self._rows,), columns, *inner)

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        frames, rows, columns, *inner = wanted
        assert isinstance(rows, Steps), "lists and masks index the first axis"
        found = Found(tuple(map(len, wanted)), self.dtype)
        if all(map(len, wanted)):
            for place, first, count in self._runs(frames, rows):
                top, left = (part.start for part in self._places[first])
                along = (Steps(range(count * self._rows)) if count > 1 else rows).shifted(top)
                pixels = self._stored.take((along, columns.shifted(left), *inner), verify)
                with self.fitting(pixels.shape):
                    pixels = pixels.reshape(count, len(rows), *pixels.shape[1:])
                    found.put([(slice(place, place + count), slice(None))], pixels)
        with self.fitting(tuple(map(len, wanted))):
            return found.array[_arranged(frames)]

    def _runs(self, frames: Along, rows: Steps) -> Iterator[tuple[int, int, int]]:
        """The wanted frames, ascending: the place of one in the result, its number, and how many
        frames from it on follow each other and are read at once.
        """
        numbers = _sorted(frames)
        whole = rows == Steps(range(self._rows))
        follow = [
            whole and next_ == number + 1 and _is_below(self._places[number], self._places[next_])
            for number, next_ in pairwise(numbers.tolist())
        ]
        breaks = ~np.array(follow, bool)
        starts = [0, *(np.flatnonzero(breaks) + 1).tolist()]
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            yield start, int(numbers[start]), stop - start


class RegionSource(_PartsSource):
    """Some rows and columns of a picture."""

    def __init__(self, picture: ArraySource, rows: slice, columns: slice) -> None:
        super().__init__(picture)
        self._rows, self._columns = rows, columns

    @property
    def shape(self) -> Shape:
        sides = (part.stop - part.start for part in (self._rows, self._columns))
        return (*sides, *self._stored.shape[2:])

    @property
    def chunks(self) -> Chunks:
        rows, columns, *inner = self._stored.chunks
        height, width, *_ = self.shape
        return (_cut(height, rows[0]), _cut(width, columns[0]), *inner)

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        rows, columns, *inner = wanted
        within = rows.shifted(self._rows.start), columns.shifted(self._columns.start)
        return self._stored.take((*within, *inner), verify)


def _is_below(one: Place, other: Place) -> bool:
    """Whether the other frame begins where this one ends."""
    return one[1] == other[1] and one[0].stop == other[0].start


class AxesSource(_PartsSource):
    """Frames, [frames, rows, ...], whose first axis is that of several, or one picture."""

    def __init__(
        self, frames: ArraySource, axes: Axes, smaller: Sequence[ArraySource] = ()
    ) -> None:
        """frames: of one picture, without their axis. smaller: the same in other sizes."""
        super().__init__(frames)
        self._axes, self._smaller = axes, smaller

    @property
    def levels(self) -> Sequence[ArraySource]:
        return [self, *self._smaller]

    @property
    def shape(self) -> Shape:
        return self._axes.shape

    @property
    def dims(self) -> tuple[str, ...]:
        return self._axes.dims

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._axes.attrs

    @property
    def chunks(self) -> Chunks:
        stored, lengths = self._stored.chunks, list[tuple[int, ...]]()
        if not self._axes.row:
            return stored
        together = stored[0][0]
        for length in reversed(self._axes.frames):
            lengths.insert(0, _cut(length, min(together, length)))
            together = max(together // length, 1)
        return (*lengths, *stored[1:])

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        row = self._axes.row
        if row < 2:
            return self._stored.take(wanted, verify)
        shape = tuple(map(len, wanted))
        places = map(_sorted, wanted[:row])
        numbers = np.ravel_multi_index(np.ix_(*places), self._axes.frames).ravel()
        taken = self._stored.take((Listed.from_places(numbers), *wanted[row:]), verify)
        return taken.reshape(shape)[tuple(map(_arranged, wanted[:row]))]


def with_axes(picture: ArraySource, levels: Sequence[Level]) -> ArraySource:
    """A picture that has the frames of a file, with the axes of these."""
    largest, *others = (_frames_of(picture, level) for level in levels)
    smaller = [
        AxesSource(frames, level.axes) for frames, level in zip(others, levels[1:], strict=True)
    ]
    return AxesSource(largest, levels[0].axes, smaller)


def _frames_of(picture: ArraySource, level: Level) -> ArraySource:
    if level.axes.row:
        return FramesSource(picture, level.places)
    (rows, columns), *_ = level.places
    whole = (rows.stop, columns.stop) == picture.shape[:2]
    return picture if whole else RegionSource(picture, rows, columns)


def _cut(length: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, length - at) for at in range(0, length, step))


def _sorted(along: Along) -> NDArray[np.int64]:
    """The wanted places along an axis, ascending."""
    return np.array(along.wanted, np.int64)


def _arranged(along: Along) -> Take:
    """The index that puts entries in ascending order into the wanted order."""
    if isinstance(along, Listed):
        return np.argsort(along.order)
    return slice(None, None, -1 if along.backwards else None)


def chunk_by_chunk(
    source: ArraySource, start: int, stop: int, verify: bool
) -> Iterator[NDArray[Any]]:
    """The entries from start to stop - 1 along the first axis, a chunk at a time."""
    for end in accumulate(source.chunks[0]):
        if start < min(end, stop):
            yield source.entries(start, min(end, stop), verify=verify)
            start = min(end, stop)
