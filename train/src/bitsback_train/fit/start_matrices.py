"""Start matrices: the initial sums of a predictor, learned from planes like those to code
(docs/model-format.md, the codec predictive).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback_train.fit.items import Item, flat, together
from bitsback_train.fit.pixels import GROUP, Starts, make_predictor
from bitsback_train.network.pixel_predictor import REACH, Offset, Places, PredictiveArchitecture

PSEUDO_COUNT = 16
"""The pseudo-count of a start matrix in pixels, unless another number is better."""

MOST_ENTRY = 1 << 26
FEWEST = (
    4_096  # pixels with a number of references from which their own sums are better than others'
)
_PARTS = np.array([256, 205, 171, 146])  # 2^8 over a unit's leading quarters
_MOST = 1_023
_RECENT = (((0, -1), 2), ((-1, 0), 2), ((-1, -1), 1), ((-1, 1), 1), ((0, -2), 1), ((-2, 0), 1))

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Sums of products of inputs and targets over pixels with 0, 1 and 2 references, float64 [3,
    entries] for each predictor, and the numbers of these pixels, [3].
    """

    of: list[NDArray[np.float64]]
    pixels: NDArray[np.float64]

    def means(self) -> list[NDArray[np.float64]]:
        """Mean products per pixel; zeros if there were no pixels."""
        return [sums / np.maximum(self.pixels, 1)[:, None] for sums in self.of]


def entries(places: Places, references: int) -> int:
    """The entries of the lower triangle of a predictor's matrix, with the target as its last
    row.
    """
    inputs = places.count(references)
    return (inputs + 1) * (inputs + 2) // 2


def no_starts(architecture: PredictiveArchitecture) -> Starts:
    """The start matrices of a predictor without prior knowledge."""
    return [np.zeros((3, entries(one.places, 2)), np.int32) for one in architecture.predictors]


def sum_products(
    architecture: PredictiveArchitecture, starts: Starts, items: Iterable[Item]
) -> Sums:
    """Sums over all pixels of the items, as predictors with the start matrices `starts` see
    them.
    """
    predictor = make_predictor(architecture, starts)
    sums = Sums([np.zeros(start.shape) for start in starts], np.zeros(3))
    for group in together(list(items), GROUP):
        _, predictions, _ = predictor.contexts(flat(group), [item.shape for item in group])
        ends = np.cumsum([0, *(item.symbols.size for item in group)])
        for item, (start, end) in zip(group, pairwise(ends), strict=True):
            _add(sums, architecture, item, predictions[start:end].reshape(item.symbols.shape))
    return sums


def as_starts(means: list[NDArray[np.float64]], pseudo_count: float) -> Starts:
    """Matrices that count like `pseudo_count` pixels, or fewer if an entry would exceed its
    range.
    """
    greatest = max(float(np.abs(mean).max()) for mean in means)
    pseudo_count = min(pseudo_count, (MOST_ENTRY - 1) / max(greatest, 1.0))
    return [np.rint(mean * pseudo_count).astype(np.int32) for mean in means]


def adapted(sums: Sums, base: Starts, pseudo_count: float) -> Starts:
    """The matrices of `sums`, or those of `base` for numbers of references that hardly occurred."""
    told = as_starts(sums.means(), pseudo_count)
    known = (sums.pixels >= FEWEST)[:, None]
    return [np.where(known, new, old) for new, old in zip(told, base, strict=True)]


def _add(
    sums: Sums, architecture: PredictiveArchitecture, item: Item, predictions: NDArray[np.int32]
) -> None:
    slices, _, _, channels = item.symbols.shape
    order = (1, 0, 2, 3)[:channels] if channels in (3, 4) else range(channels)
    planes = {
        (s, c): _Extended(item.symbols[s, :, :, channel], item.levels >> 1)
        for s in range(slices)
        for c, channel in enumerate(order)
    }
    for (s, c), plane in planes.items():
        near = ((s, c - 1), (s - 1, c), (s, c - 2), (s - 2, c))
        references = [planes[at] for at in near if at in planes][:2]
        prediction = predictions[s, :, :, order[c]].astype(np.int64)
        error = np.abs(256 * plane.at((0, 0)) - prediction)
        lead, part = _unit(_recent(_Extended(error, (256 * item.levels) >> 5)) + 64)
        sums.pixels[len(references)] += error.size
        for number, one in enumerate(architecture.predictors):
            inputs = _inputs(one.places, plane, references)
            scaled = (256 * inputs * part + (1 << (lead + 3))) >> (lead + 4)
            v = np.clip(scaled, -_MOST, _MOST).astype(np.float64).reshape(len(inputs), -1)
            lower = (v @ v.T)[np.tril_indices(len(v))]
            sums.of[number][len(references), : len(lower)] += lower


def _inputs(places: Places, plane: "_Extended", references: list["_Extended"]) -> Integers:
    """The inputs of a predictor and its target, [inputs + 1, rows, columns]."""
    median = plane.median()
    found = [plane.at(offset) - median for offset in places.own]
    for reference, offsets in zip(references, (places.first, places.second), strict=False):
        other = reference.median()
        found += [reference.at(offset) - other for offset in offsets]
    return np.stack([*found, plane.at((0, 0)) - median])


def _recent(error: "_Extended") -> Integers:
    total = sum(weight * error.at(offset) for offset, weight in _RECENT)
    return (np.asarray(total, np.int64) + 4) >> 3


def _unit(unit: Integers) -> tuple[Integers, Integers]:
    """The places of the leading bits, and 2^8 over the number from 1 to 2 given by the two bits
    after each.
    """
    lead = np.frexp(unit.astype(np.float64))[1].astype(np.int64) - 1
    return lead, _PARTS[(unit >> (lead - 2)) & 3]


class _Extended:
    """A plane [rows, columns] with the values assumed around it."""

    def __init__(self, plane: NDArray[Any], start: int) -> None:
        self.shape = rows, columns = plane.shape
        m = REACH + 1
        around = np.full((rows + 2 * m, columns + 2 * m), start, np.int64)
        around[m : m + rows, m : m + columns] = plane
        around[m : m + rows, :m] = around[m - 1 : m + rows - 1, m][:, None]
        around[m : m + rows, m + columns :] = around[m : m + rows, m + columns - 1][:, None]
        around[m + rows :] = around[m + rows - 1]
        self.around = around

    def at(self, offset: Offset) -> Integers:
        """The elements at this offset from each pixel, [rows, columns]."""
        r, q = (REACH + 1 + shift for shift in offset)
        rows, columns = self.shape
        return self.around[r : r + rows, q : q + columns]

    def median(self) -> Integers:
        """MED of each pixel."""
        west, north, corner = self.at((0, -1)), self.at((-1, 0)), self.at((-1, -1))
        low, high = np.minimum(west, north), np.maximum(west, north)
        median: Integers = np.clip(west + north - corner, low, high)
        return median
