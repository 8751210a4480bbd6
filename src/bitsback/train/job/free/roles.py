"""Which pieces of the images are trained on, which make the choices, and which are held out.

Whole images, if there are enough of them; else the pieces that an archive would cut them into; and
of few and small pieces parts: slabs of slices, or bands of rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from bitsback.errors import InputError

Shape = tuple[int, int, int, int]  # slices, rows, columns, channels

ENOUGH = 20  # images, or pieces, of which some can be held out whole
TENTH = 10  # each of validation and held-out images is a tenth of all,
MOST = 1 << 21  # but no more elements than this, unless a single one has
RUNS = 10  # of images that follow one another, that make up either of them
LEAST_SIDE = 8  # rows of a band, or slices of a slab

TRAIN, VALIDATION, HELD_OUT = range(3)


@dataclass(frozen=True)
class Part:
    """Of piece `piece` the slices, or rows, from `start` to `end`. axis: 0 for slices, 1 for
    rows.
    """

    piece: int
    axis: int
    start: int
    end: int
    elements: int


Roles = list[list[tuple[int, Part]]]
"""For each piece its parts, and what each is for."""


def assign_roles(pieces: Sequence[tuple[int, Shape]], seed: int, name: str) -> Roles:
    """pieces: of which image each is, in ascending order, and its shape.

    Images that follow one another are often alike: so runs of them are drawn, which leave few
    neighbours of what is trained on. Raises InputError where there is too little.
    """
    units = _units(pieces)
    if len(units) < 3:
        raise InputError(
            f"{name}: is too small to train on; at least {3 * LEAST_SIDE} rows of an image are"
            " needed, of which some are held out"
        )
    run = max(1, len(units) // (TENTH * RUNS))
    runs = [units[first : first + run] for first in range(0, len(units), run)]
    random = np.random.default_rng(seed)
    drawn = [runs[number] for number in random.permutation(len(runs))]
    total = sum(part.elements for unit in units for part in unit)
    wanted = min(total // TENTH, MOST)
    roles: Roles = [[] for _ in pieces]
    for role in (VALIDATION, HELD_OUT):
        taken = 0
        while taken < wanted and len(drawn) > 3 - role:
            for part in (part for unit in drawn.pop() for part in unit):
                roles[part.piece].append((role, part))
                taken += part.elements
    for part in (part for run in drawn for unit in run for part in unit):
        roles[part.piece].append((TRAIN, part))
    return [sorted(of, key=lambda one: one[1].start) for of in roles]


def _units(pieces: Sequence[tuple[int, Shape]]) -> list[list[Part]]:
    """What is not to be parted: lists of parts."""
    whole = [Part(n, 1, 0, shape[1], math.prod(shape)) for n, (_, shape) in enumerate(pieces)]
    images = [
        [part for part, _ in group]
        for _, group in groupby(zip(whole, pieces, strict=True), key=lambda of: of[1][0])
    ]
    if len(images) >= ENOUGH:
        return images
    if len(pieces) >= ENOUGH:
        return [[part] for part in whole]
    wanted = -(-ENOUGH // max(len(pieces), 1))
    return [[part] for n, (_, shape) in enumerate(pieces) for part in _bands(n, shape, wanted)]


def _bands(piece: int, shape: Shape, wanted: int) -> list[Part]:
    """About so many parts of a piece, none of them very thin."""
    axis = 0 if shape[0] >= 3 * LEAST_SIDE else 1
    size = shape[axis]
    count = max(1, min(wanted, size // LEAST_SIDE))
    ends = [number * size // count for number in range(count + 1)]
    each = math.prod(shape) // size
    return [Part(piece, axis, start, end, each * (end - start)) for start, end in pairwise(ends)]
