"""The pixels of a file as an array with axes for its frames or pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import ArraySource, Chunks
from bitsback.archive.arrays.indexing import AxisIndex, AxisPlaces, PlaceList, Steps
from bitsback.archive.arrays.part_source import Result
from bitsback.files.axes import Axes, Level, Place
from bitsback.format.grid import Shape


class _PartsSource(ArraySource):
    """An array whose elements are those of another array."""

    def __init__(self, stored: ArraySource) -> None:
        super().__init__(stored.name)
        self._stored = stored

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._stored.dtype


class LargestSource(ArraySource):
    """An array with the axes that a file states, and with its smaller sizes."""

    def __init__(self, name: str, axes: Axes, smaller: Sequence[ArraySource]) -> None:
        super().__init__(name)
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


class FramesSource(_PartsSource):
    """The frames of a file as an array [frames, rows, ...].

    All have one size. The archive stores them in one picture.
    """

    def __init__(self, picture: ArraySource, places: Sequence[Place]) -> None:
        """places: the places of the frames in the picture."""
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
            columns = cut(self._columns, columns[0])
        together = max(rows[0] // self._rows, 1)
        return (cut(self.shape[0], together), (self._rows,), columns, *inner)

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        frames, rows, columns, *inner = wanted
        assert isinstance(rows, Steps), "lists and masks index the first axis"
        found = Result(tuple(map(len, wanted)), self.dtype)
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

    def _runs(self, frames: AxisPlaces, rows: Steps) -> Iterator[tuple[int, int, int]]:
        """Groups of wanted frames that are read at once, in ascending order.

        For each group: the place of its first frame in the result, the number of that frame, and
        the number of frames.
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
    """A region of a picture: some rows and columns."""

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
        return (cut(height, rows[0]), cut(width, columns[0]), *inner)

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        rows, columns, *inner = wanted
        within = rows.shifted(self._rows.start), columns.shifted(self._columns.start)
        return self._stored.take((*within, *inner), verify)


def _is_below(one: Place, other: Place) -> bool:
    """Whether frame `other` begins where frame `one` ends."""
    return one[1] == other[1] and one[0].stop == other[0].start


class AxesSource(LargestSource):
    """One picture, or frames [frames, rows, ...], whose first axis is replaced by several axes."""

    def __init__(
        self, frames: ArraySource, axes: Axes, smaller: Sequence[ArraySource] = ()
    ) -> None:
        """frames: the frames; without a first axis for one picture. smaller: smaller sizes."""
        super().__init__(frames.name, axes, smaller)
        self._stored = frames

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._stored.dtype

    @property
    def chunks(self) -> Chunks:
        stored, lengths = self._stored.chunks, list[tuple[int, ...]]()
        if not self._axes.row:
            return stored
        together = stored[0][0]
        for length in reversed(self._axes.frames):
            lengths.insert(0, cut(length, min(together, length)))
            together = max(together // length, 1)
        return (*lengths, *stored[1:])

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        row = self._axes.row
        if row < 2:
            return self._stored.take(wanted, verify)
        shape = tuple(map(len, wanted))
        places = map(_sorted, wanted[:row])
        numbers = np.ravel_multi_index(np.ix_(*places), self._axes.frames).ravel()
        taken = self._stored.take((PlaceList.from_places(numbers), *wanted[row:]), verify)
        return taken.reshape(shape)[tuple(map(_arranged, wanted[:row]))]


def with_axes(picture: ArraySource, levels: Sequence[Level]) -> ArraySource:
    """A picture that consists of the frames of a file, with the axes of the frames."""
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


def cut(length: int, step: int) -> tuple[int, ...]:
    """The lengths of the pieces of an axis that is cut after each `step` places."""
    return tuple(min(step, length - at) for at in range(0, length, step))


def _sorted(along: AxisPlaces) -> NDArray[np.int64]:
    """The wanted places along an axis in ascending order."""
    return np.array(along.wanted, np.int64)


def _arranged(along: AxisPlaces) -> AxisIndex:
    """The index that reorders entries from ascending order to the wanted order."""
    if isinstance(along, PlaceList):
        return np.argsort(along.order)
    return slice(None, None, -1 if along.backwards else None)
