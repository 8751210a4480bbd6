"""The pixels of a file with its frames or pages as axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexed import ArraySource, Chunks
from bitsback.archive.reading.indexing import Along, Listed, Steps, Take
from bitsback.archive.reading.part_source import Found
from bitsback.files.axes import Axes
from bitsback.format.grid import Shape


class FramesSource(ArraySource):
    """The frames of a file, [frames, rows, ...], which its archive stores below each other in one
    picture.
    """

    def __init__(self, picture: ArraySource, rows: int) -> None:
        """rows: of a frame."""
        super().__init__(picture.name)
        self._picture, self._rows = picture, rows

    @property
    def shape(self) -> Shape:
        height, *inner = self._picture.shape
        return (height // self._rows, self._rows, *inner)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._picture.dtype

    @property
    def chunks(self) -> Chunks:
        """The frames of a tile of the picture."""
        rows, *inner = self._picture.chunks
        together = max(rows[0] // self._rows, 1)
        return (_cut(self.shape[0], together), (self._rows,), *inner)

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        frames, rows, *inner = wanted
        assert isinstance(rows, Steps), "lists and masks index the first axis"
        found = Found(tuple(map(len, wanted)), self.dtype)
        if all(map(len, wanted)):
            for place, first, count in self._runs(frames, rows):
                pixels = self._picture.take((self._of_picture(rows, first, count), *inner), verify)
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
        breaks = np.diff(numbers) != 1 if whole else np.ones(len(numbers) - 1, bool)
        starts = [0, *(np.flatnonzero(breaks) + 1).tolist()]
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            yield start, int(numbers[start]), stop - start

    def _of_picture(self, rows: Steps, first: int, count: int) -> Steps:
        """The rows of the picture that are these rows of a frame, or all rows of several."""
        at, taken = first * self._rows, rows.wanted
        if count > 1:
            return Steps(range(at, at + count * self._rows))
        return Steps(range(at + taken.start, at + taken.stop, taken.step), rows.backwards)

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        return chunk_by_chunk(self, start, stop, verify)


class AxesSource(ArraySource):
    """Frames, [frames, rows, ...], whose first axis is that of several, or one picture."""

    def __init__(self, frames: ArraySource, axes: Axes) -> None:
        """frames: of one picture, without their axis."""
        super().__init__(frames.name)
        self._frames, self._axes = frames, axes

    @property
    def shape(self) -> Shape:
        return self._axes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._frames.dtype

    @property
    def dims(self) -> tuple[str, ...]:
        return self._axes.dims

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._axes.attrs

    @property
    def chunks(self) -> Chunks:
        stored, lengths = self._frames.chunks, list[tuple[int, ...]]()
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
            return self._frames.take(wanted, verify)
        shape = tuple(map(len, wanted))
        places = map(_sorted, wanted[:row])
        numbers = np.ravel_multi_index(np.ix_(*places), self._axes.frames).ravel()
        taken = self._frames.take((Listed.from_places(numbers), *wanted[row:]), verify)
        return taken.reshape(shape)[tuple(map(_arranged, wanted[:row]))]

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        return chunk_by_chunk(self, start, stop, verify)


def with_axes(picture: ArraySource, axes: Axes) -> ArraySource:
    """A picture that has the frames of a file below each other, with the axes of these."""
    frames = FramesSource(picture, axes.shape[axes.row]) if axes.row else picture
    return AxesSource(frames, axes)


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
