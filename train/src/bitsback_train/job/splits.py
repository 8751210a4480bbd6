"""Split the images for training, validation, and testing on held-out ones.

Consecutive images are often similar, so runs of them are drawn, which have few neighbours in the
training part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from bitsback.errors import InputError

Shape = tuple[int, int, int, int]  # slices, rows, columns, channels

TENTH = 10  # each of validation and held-out images is a tenth of all
RUNS = 10  # the runs of adjacent images that make up each part
ENOUGH = 20  # images, or tiles, of which some can be held out whole
MOST = 1 << 21  # elements of validation and of held-out images, unless a single one has more
LEAST_SIDE = 8  # rows of a band, or slices of a slab

TRAIN, VALIDATION, HELD_OUT = range(3)


def draw(
    runs: Sequence[list["Part"]], wanted: int, random: np.random.Generator
) -> tuple[list[list["Part"]], list[list["Part"]], list[list["Part"]]]:
    """Random runs for training, validation and testing; the latter two have `wanted` elements each,
    if this leaves anything for training.
    """
    drawn = [runs[number] for number in random.permutation(len(runs))]

    def take(left: int) -> list[list[Part]]:
        taken: list[list[Part]] = []
        while sum(map(_size, taken)) < wanted and len(drawn) > left:
            taken.append(drawn.pop())
        return taken

    validation, held_out = take(2), take(1)
    return drawn, validation, held_out


@dataclass(frozen=True)
class Part:
    """The slices, or rows, from `start` to `end` of tile `tile`. axis: 0 for slices, 1 for rows."""

    tile: int
    axis: int
    start: int
    end: int
    elements: int


Splits = list[list[tuple[int, Part]]]
"""The parts of each tile, and their splits."""


def assign_splits(tiles: Sequence[tuple[int, Shape]], seed: int, name: str) -> Splits:
    """The parts of tiles. tiles: the number of each one's image, in ascending order, and its shape.

    The parts are whole images, if there are enough of them; otherwise the tiles of an archive, or
    slabs of slices or bands of rows of few and small tiles. Raises InputError if there is too
    little.
    """
    units = _units(tiles)
    if len(units) < 3:
        raise InputError(
            f"{name}: is too small to train on; at least {3 * LEAST_SIDE} rows of an image are"
            " needed, of which some are held out"
        )
    run = max(1, len(units) // (TENTH * RUNS))
    runs = [
        [part for unit in units[first : first + run] for part in unit]
        for first in range(0, len(units), run)
    ]

    wanted = min(sum(map(_size, runs)) // TENTH, MOST)
    drawn = draw(runs, wanted, np.random.default_rng(seed))
    splits: Splits = [[] for _ in tiles]
    for use, split in zip((TRAIN, VALIDATION, HELD_OUT), drawn, strict=True):
        for part in (part for parts in split for part in parts):
            splits[part.tile].append((use, part))
    return [sorted(parts, key=lambda pair: pair[1].start) for parts in splits]


def _size(run: list[Part]) -> int:
    return sum(part.elements for part in run)


def _units(tiles: Sequence[tuple[int, Shape]]) -> list[list[Part]]:
    """The units of splitting: lists of parts that stay together."""
    whole = [Part(n, 1, 0, shape[1], math.prod(shape)) for n, (_, shape) in enumerate(tiles)]
    images = [
        [part for part, _ in group]
        for _, group in groupby(zip(whole, tiles, strict=True), key=lambda pair: pair[1][0])
    ]
    if len(images) >= ENOUGH:
        return images
    if len(tiles) >= ENOUGH:
        return [[part] for part in whole]
    wanted = -(-ENOUGH // max(len(tiles), 1))
    return [[part] for n, (_, shape) in enumerate(tiles) for part in _bands(n, shape, wanted)]


def _bands(tile: int, shape: Shape, wanted: int) -> list[Part]:
    """About `wanted` parts of a tile, none of them very thin."""
    axis = 0 if shape[0] >= 3 * LEAST_SIDE else 1
    size = shape[axis]
    count = max(1, min(wanted, size // LEAST_SIDE))
    ends = [number * size // count for number in range(count + 1)]
    each = math.prod(shape) // size
    return [Part(tile, axis, start, end, each * (end - start)) for start, end in pairwise(ends)]
