"""Start matrices: the initial sums of least squares, learned from planes like those to code
(docs/model-format.md, M10 and M10.1).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.models.distributions.wavefront import TRIANGLE
from bitsback.models.item_shape import ItemShape
from bitsback_train.fit.items import Item
from bitsback_train.fit.pixels import MOST_REFERENCES, count_pixels, pixels_of, planes

PSEUDO_COUNT = 16
"""The pseudo-count of a start matrix in pixels, unless another number is better."""

MOST_ENTRY = 1 << 24
FEWEST = 4_096
"""Pixels with a number of references from which their own sums are better than others'."""

Offset = tuple[int, int]  # rows and columns
OWN: tuple[Offset, ...] = (
    (-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2), (-2, 1), (-1, -2), (-1, 2),
)  # fmt: skip
ALONE: tuple[Offset, ...] = (
    (-2, -1), (-3, 0), (0, -3), (-2, -2), (-2, 2), (-1, -3), (-1, 3), (-3, -1), (-3, 1),
)  # fmt: skip
"""More of the plane itself, if it has no reference."""
FIRST: tuple[Offset, ...] = ((0, 0), (-1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1))
SECOND: tuple[Offset, ...] = ((0, 0), (-1, 0), (0, -1))
_RECENT = (((0, -1), 2), ((-1, 0), 2), ((-1, -1), 1), ((-1, 1), 1), ((0, -2), 1), ((-2, 0), 1))
_LAG, _SHEET = 16, 4  # columns between the rows of a front, and channels that are coded at once
_MOST, _MOST_STEP = 1_023, 511
_WORD = (1 << 15) - 1

Integers = NDArray[np.int64]
Start = NDArray[np.int32]
"""A lower triangle with the target as its last row, for each number of references: [3, 190]."""


@dataclass(frozen=True)
class Sums:
    """Sums of products of inputs and targets over pixels with 0, 1 and 2 references, float64 [3,
    190], and the numbers of these pixels, [3].
    """

    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, TRIANGLE)))
    pixels: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))


def no_start() -> Start:
    """The matrices of least squares without prior knowledge."""
    return np.zeros((3, TRIANGLE), np.int32)


def sum_products(settings: _core.Wavefront, items: Iterable[Item]) -> Sums:
    """Sums over all pixels of the items, as the codec with these settings predicts them."""
    sums = Sums()
    for item in items:
        predictions = np.empty(item.symbols.shape, np.int64)
        for references in range(MOST_REFERENCES + 1):
            if count_pixels([item], references):
                values, _ = pixels_of(settings, [item], references)
                predictions.reshape(-1)[_order(item.shape, references)] = values[:, 1]
        _add(sums, item, predictions)
    return sums


def adapted(sums: Sums, base: Start, pseudo_count: float) -> Start:
    """Matrices that count like `pseudo_count` pixels, or fewer if an entry would exceed its range;
    those of `base` for numbers of references that hardly occurred.
    """
    means = sums.products / np.maximum(sums.pixels, 1)[:, None]
    pseudo_count = min(pseudo_count, MOST_ENTRY / max(float(np.abs(means).max()), 1.0))
    known = (sums.pixels >= FEWEST)[:, None]
    return np.where(known, np.rint(means * pseudo_count).astype(np.int32), base)


def _order(shape: ItemShape, references: int) -> Integers:
    """The places of the pixels in planes with so many references, in the order of coding."""
    places = np.arange(shape.elements).reshape(shape[:4])
    row, column = np.indices(shape.size)
    found = []
    for number, (s, channel, count) in enumerate(planes(shape)):
        if count == references:
            sheet, plane = divmod(number % shape.channels, _SHEET)
            time = column + _LAG * row + (_LAG + 2) * plane
            same = (np.full_like(row, value) for value in (plane, shape.channels * s + sheet))
            found.append(np.stack([row, time, places[s, :, :, channel], *same]).reshape(5, -1))
    row, time, place, plane, sheet = np.concatenate(found, 1)
    order: Integers = place[np.lexsort((row, plane, time, sheet))]
    return order


def _add(sums: Sums, item: Item, predictions: Integers) -> None:
    levels = item.levels
    greatest_error = (1 << (max((levels - 1).bit_length(), 8) + 4)) - 1
    earlier: dict[tuple[int, int], _Extended] = {}
    for number, (s, channel, count) in enumerate(planes(item.shape)):
        c = number % item.shape.channels
        plane = _Extended(item.symbols[s, :, :, channel], levels >> 1)
        near = ((s, c - 1), (s - 1, c), (s, c - 2), (s - 2, c))
        references = [earlier[at] for at in near if at in earlier][:count]
        earlier[s, c] = plane
        error = np.abs(64 * plane.at((0, 0)) - predictions[s, :, :, channel])
        recent = _recent(_Extended(np.minimum(error, greatest_error), 2 * levels))
        shift = np.maximum(np.frexp(recent)[1] - 12, 0).astype(np.int64)
        reciprocal = np.minimum((1 << 19) // ((recent + 16) >> shift), _WORD)
        u = 64 * _inputs(plane, references, partial(_step, shift=shift))
        v = np.clip((u * reciprocal + (1 << 14)) >> 15, -_MOST, _MOST).astype(np.float64)
        v = v.reshape(len(u), -1)
        lower = (v @ v.T)[np.tril_indices(len(v))]
        sums.products[count, : len(lower)] += lower
        sums.pixels[count] += error.size


def _inputs(
    plane: "_Extended", references: list["_Extended"], step: Callable[[Integers], Integers]
) -> Integers:
    """The inputs of least squares and its target, [inputs + 1, rows, columns]."""
    offsets = [OWN + ALONE] if not references else [OWN, FIRST, SECOND][: len(references) + 1]
    found = [
        step(image.at(offset) - image.median())
        for image, several in zip([plane, *references], offsets, strict=True)
        for offset in several
    ]
    return np.stack([*found, step(plane.at((0, 0)) - plane.median())])


def _step(d: Integers, shift: Integers) -> Integers:
    """Differences of levels in units of 2^shift levels."""
    doubled = np.clip(2 * np.clip(d, -_WORD - 1, _WORD), -_WORD - 1, _WORD)
    scaled: Integers = (doubled * ((1 << 14) >> shift) + (1 << 14)) >> 15
    return np.clip(scaled, -_MOST_STEP, _MOST_STEP)


def _recent(error: "_Extended") -> Integers:
    total = sum(weight * error.at(offset) for offset, weight in _RECENT)
    return (np.asarray(total, np.int64) + 4) >> 3


class _Extended:
    """A plane [rows, columns] with the values assumed before and beside it."""

    def __init__(self, plane: NDArray[Any], start: int) -> None:
        self.shape = rows, columns = plane.shape
        around = np.full((rows + 3, columns + 6), start, np.int64)
        around[3:, 3:-3] = plane
        around[3:, :3] = around[2:-1, 3][:, None]
        around[3:, -3:] = around[3:, -4][:, None]
        self.around = around

    def at(self, offset: Offset) -> Integers:
        """The elements at this offset from each pixel, [rows, columns]."""
        r, q = (3 + shift for shift in offset)
        rows, columns = self.shape
        return self.around[r : r + rows, q : q + columns]

    def median(self) -> Integers:
        """MED of each pixel."""
        west, north, corner = self.at((0, -1)), self.at((-1, 0)), self.at((-1, -1))
        low, high = np.minimum(west, north), np.maximum(west, north)
        median: Integers = np.clip(west + north - corner, low, high)
        return median
