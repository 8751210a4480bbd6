"""The images of a run for a free model, as much of them as memory is meant to hold."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.train.fit.items import Item, as_items
from bitsback.train.job.free.roles import HELD_OUT, TRAIN, VALIDATION, Part, Roles

Values = NDArray[Any]  # [slices, rows, columns, channels]

MOST_BYTES = 1 << 28  # of what is trained on; of more, random parts are kept
LEAST_SIDE = 64  # rows and columns of such a part
BLOCK = 1 << 20  # elements whose values have one meaning together, as in a block of an archive


@dataclass
class ImagePool:
    """Values by what they are for. The held-out ones are whole images or pieces of them."""

    train: list[Values] = field(default_factory=list)
    validation: list[Values] = field(default_factory=list)
    held_out: list[Values] = field(default_factory=list)
    part_held_out: float = 0.0
    """Of all values."""

    def items(self, of: list[Values]) -> list[Item]:
        """As symbols; parts without anything to learn are left out."""
        return [item for block in self.blocks(of) for item in block]

    def blocks(self, of: list[Values]) -> Iterator[list[Item]]:
        """The same, in groups like the blocks of an archive."""
        return map(as_items, _blocks(of))

    def digest(self) -> str:
        """SHA-256 over all that training sees, hexadecimal."""
        digest = hashlib.sha256()
        for values in (*self.train, *self.validation):
            digest.update(f"{values.shape} {values.dtype.str}".encode())
            digest.update(np.ascontiguousarray(values).view(np.uint8).data)
        return digest.hexdigest()


def read_pool(pieces: Iterable[Values], roles: Roles, seed: int, name: str) -> ImagePool:
    """pieces: in the order of their roles. Holds one of them beside what is kept.

    Raises InputError where nothing can be learned from what there is to train on.
    """
    trained = [part for of in roles for role, part in of if role == TRAIN]
    random = np.random.default_rng(seed)
    elements = sum(part.elements for part in trained)
    every = sum(part.elements for of in roles for _, part in of)
    held_out = sum(part.elements for of in roles for role, part in of if role == HELD_OUT)
    pool = ImagePool(part_held_out=held_out / every)
    for values, of in zip(pieces, roles, strict=True):
        kept = min(1.0, MOST_BYTES / (elements * values.itemsize))
        for role, part in of:
            cut = _cut(values, part)
            if role == HELD_OUT:
                pool.held_out.append(cut.copy())
            elif role == VALIDATION:
                pool.validation.append(cut.copy())
            elif (thinned := _thinned(cut, kept, random)) is not None:
                pool.train.append(thinned.copy())
    if not pool.items(pool.train) or not pool.items(pool.validation):
        raise InputError(
            f"{name}: all its pixels have the same value, and there is nothing to learn"
        )
    return pool


def _cut(values: Values, part: Part) -> Values:
    if part.axis == 0:
        return values[part.start : part.end]
    return values[:, part.start : part.end]


def _thinned(values: Values, kept: float, random: np.random.Generator) -> Values | None:
    """At random this part of the rows and columns, if it is not too small; else sometimes such a
    smallest part.
    """
    if kept >= 1:
        return values
    side = math.sqrt(kept)
    rows, columns = (
        min(size, max(LEAST_SIDE, math.ceil(size * side))) for size in values.shape[1:3]
    )
    share = rows * columns / (values.shape[1] * values.shape[2])
    if random.random() * share > kept:
        return None
    r = int(random.integers(0, values.shape[1] - rows + 1))
    q = int(random.integers(0, values.shape[2] - columns + 1))
    return values[:, r : r + rows, q : q + columns]


def _blocks(of: list[Values]) -> Iterator[list[Values]]:
    block: list[Values] = []
    size = 0
    for values in of:
        if block and (size >= BLOCK or values.dtype != block[0].dtype):
            yield block
            block, size = [], 0
        block.append(values)
        size += values.size
    if block:
        yield block
