"""The pixels of a file of a folder with its frames or pages as axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexed import ArraySource, Chunks
from bitsback.archive.reading.indexing import Along, Listed, Steps, Take
from bitsback.archive.reading.part_source import Found, PartSource
from bitsback.files.axes import Axes


class FramedSource(ArraySource):
    """The frames of a file, which its archive stores below each other in one picture."""

    def __init__(self, picture: PartSource, axes: Axes) -> None:
        super().__init__(picture.name)
        self._picture, self._axes = picture, axes

    @property
    def shape(self) -> tuple[int, ...]:
        return self._axes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._picture.dtype

    @property
    def dims(self) -> tuple[str, ...]:
        return self._axes.dims

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._axes.attrs

    @property
    def chunks(self) -> Chunks:
        """The frames of a tile of the picture, as far as they follow each other along an axis."""
        axes, stored = self._axes, self._picture.chunks
        rows, lengths = axes.shape[axes.row], list[tuple[int, ...]]()
        together = max(stored[0][0] // rows, 1)
        for length in reversed(axes.frames):
            step = min(together, length)
            lengths.insert(0, tuple(min(step, length - at) for at in range(0, length, step)))
            together = max(together // length, 1)
        return (*lengths, (rows,), *stored[1:])

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        row = self._axes.row
        if not row:
            return self._picture.take(wanted, verify)
        shape, rows = tuple(map(len, wanted)), wanted[row]
        assert isinstance(rows, Steps), "lists and masks index the first axis"
        found = Found((math.prod(shape[:row]), *shape[row:]), self.dtype)
        if 0 not in shape:
            for place, first, count in self._runs(wanted):
                taken = self._rows(rows, first, count)
                pixels = self._picture.take((taken, *wanted[row + 1 :]), verify)
                with self.fitting(shape):
                    pixels = pixels.reshape(count, *shape[row:])
                    found.put([(slice(place, place + count), slice(None))], pixels)
        with self.fitting(shape):
            whole = found.array.reshape(shape)
        return whole[tuple(map(_arranged, wanted[:row]))]

    def _runs(self, wanted: tuple[Along, ...]) -> Iterator[tuple[int, int, int]]:
        """The wanted frames, ascending along each axis: the place of a frame in the result, its
        number, and how many frames from it on follow each other and are read at once.
        """
        axes = self._axes
        places = map(_sorted, wanted[: axes.row])
        numbers = np.ravel_multi_index(np.ix_(*places), axes.frames).ravel()
        whole = wanted[axes.row] == Steps(range(axes.shape[axes.row]))
        breaks = np.diff(numbers) != 1 if whole else np.ones(len(numbers) - 1, bool)
        starts = [0, *(np.flatnonzero(breaks) + 1).tolist()]
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            yield start, int(numbers[start]), stop - start

    def _rows(self, rows: Steps, first: int, count: int) -> Steps:
        """The rows of the picture that are these rows of a frame, or all rows of several."""
        height = self._axes.shape[self._axes.row]
        at, taken = first * height, rows.wanted
        if count > 1:
            return Steps(range(at, at + count * height))
        return Steps(range(at + taken.start, at + taken.stop, taken.step), rows.backwards)

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        ends = accumulate(self.chunks[0])
        for end in (min(end, stop) for end in ends):
            if start < end:
                yield self.entries(start, end, verify=verify)
                start = end


def _sorted(along: Along) -> NDArray[np.int64]:
    """The wanted places along an axis, ascending."""
    return np.array(along.wanted, np.int64)


def _arranged(along: Along) -> Take:
    """The index that puts entries in ascending order into the wanted order."""
    if isinstance(along, Listed):
        return np.argsort(along.order)
    return slice(None, None, -1 if along.backwards else None)
