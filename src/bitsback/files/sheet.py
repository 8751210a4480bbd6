"""The sheet of a file of frames: one picture with all of them (docs/format.md, A6.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.files.axes import Place
from bitsback.files.bands import Read, Rows, rows_of_band
from bitsback.files.drawing import Drawing
from bitsback.format.grid import Shape


def sheet_of(frames: Sequence[Shape]) -> tuple[list[Place], Shape]:
    """The places of frames, and the rows and columns of the sheet, which is as wide as the widest.

    frames: the rows and columns of each. Frames are side by side, if there is space.

    >>> sheet_of([(2, 3), (1, 2), (4, 1)])[1]
    (6, 3)
    """
    sheet = Sheet(max(columns for _, columns in frames))
    for frame in frames:
        sheet.add(frame)
    return sheet.places, (sheet.rows_with((0, 0)), sheet.width)


class Sheet:
    """The places of frames on a sheet of a given width, which has that of the widest frame."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.places: list[Place] = []
        self._top = self._left = self._tallest = 0

    def rows_with(self, frame: Shape) -> int:
        """The rows of the sheet with one more frame."""
        rows, columns = frame
        if self._left + columns > self.width:
            return self._top + self._tallest + rows
        return self._top + max(self._tallest, rows)

    def add(self, frame: Shape) -> None:
        rows, columns = frame
        if self._left + columns > self.width:
            self._top, self._left, self._tallest = self._top + self._tallest, 0, 0
        place = slice(self._top, self._top + rows), slice(self._left, self._left + columns)
        self.places.append(place)
        self._left, self._tallest = self._left + columns, max(self._tallest, rows)


MOVING = 4
"""The number of first frames of one size from which on they are like the slices of a stack."""


def sheet_of_pages(pages: Sequence[Shape]) -> tuple[list[Place], Shape]:
    """`sheet_of` for a TIFF file. Many first pages of one size divide the rows of the sheet.

    >>> sheet_of_pages([(4, 3)] * 4 + [(2, 2)] * 3)[1]
    (24, 3)
    """
    places, (height, width) = sheet_of(pages)
    if len(pages) >= MOVING and len(set(pages[:MOVING])) == 1:
        height += -height % pages[0][0]
    return places, (height, width)


def shelves(places: Sequence[Place]) -> Iterator[list[Place]]:
    """The frames that are beside each other."""
    return (list(group) for _, group in groupby(places, key=lambda place: place[0].start))


def waiting_pixels(places: Sequence[Place]) -> int:
    """The most pixels of frames that are beside the first one of a shelf."""
    return max(sum(map(_pixels, others)) for _, *others in shelves(places))


def _pixels(place: Place) -> int:
    rows, columns = ((part.start, part.stop) for part in place)
    return int((rows[1] - rows[0]) * (columns[1] - columns[0]))


def bands_on_sheet(
    places: Sequence[Place], shape: Shape, dtype: np.dtype[Any], frames: Sequence[Read]
) -> Iterator[NDArray[Any]]:
    """The rows of a sheet of this shape, with the rows of its frames; other pixels are zeros."""
    readers = iter(frames)
    step, bottom = rows_of_band(int(np.prod(shape[1:])) * dtype.itemsize), 0
    for shelf in shelves(places):
        top, bottom = shelf[0][0].start, max(rows.stop for rows, _ in shelf)
        sources = [next(readers) for _ in shelf]
        if shelf[0][1].stop == shape[1]:
            yield from sources[0]()
            continue
        opened = [Rows(source()) for source in sources]
        for first in range(top, bottom, step):
            band = np.zeros((min(step, bottom - first), *shape[1:]), dtype)
            for (rows, columns), source in zip(shelf, opened, strict=True):
                count = min(rows.stop - first, len(band))
                if count > 0:
                    band[:count, columns] = source.take(count)
            yield band
    below = shape[0] - bottom
    if below:
        yield np.zeros((below, *shape[1:]), dtype)


class SheetDrawing:
    """Takes the rows of a sheet apart into those of its frames, one frame after the other. Those
    beside the first one of a shelf are in memory until it is complete.
    """

    def __init__(self, drawing: Drawing, places: Sequence[Place]) -> None:
        """drawing: takes the rows of all frames."""
        self._drawing, self._shelves = drawing, shelves(places)
        self._at = self._bottom = 0
        self._shelf = list[Place]()
        self._waiting = list[list[NDArray[Any]]]()

    def add(self, rows: NDArray[Any]) -> None:
        while len(rows):
            if self._at == self._bottom:
                self._shelf = next(self._shelves, [])
                if not self._shelf:  # rows below all frames
                    return
                self._bottom = max(place.stop for place, _ in self._shelf)
                self._waiting = [[] for _ in self._shelf]
            taken, rows = np.split(rows, [self._bottom - self._at])
            for (place, columns), waiting in zip(self._shelf, self._waiting, strict=True):
                part = taken[: max(place.stop - self._at, 0), columns]
                if waiting is self._waiting[0]:
                    self._drawing.add(part)
                else:
                    waiting.append(part.copy())
            self._at += len(taken)
            if self._at == self._bottom:
                for part in (part for waiting in self._waiting for part in waiting):
                    self._drawing.add(part)
                self._waiting.clear()

    def close(self) -> int:
        return self._drawing.close()
