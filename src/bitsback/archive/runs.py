"""Runs: what the items of a block are, so that a block can be read on its own (docs/format.md,
`runs`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.archive.layout import Cursor, Shape, pack_shape
from bitsback.errors import ArchiveError
from bitsback.wire import varint


@dataclass(frozen=True, slots=True)
class Run:
    """Items in a row that are alike."""

    items: int
    dtype: np.dtype[Any]
    shape: Shape
    """Of each item."""
    levels: tuple[bytes, bytes] | None
    """The two values that elements have, as they are stored, if they have no others."""

    @property
    def elements(self) -> int:
        return self.items * math.prod(self.shape)


def pack_runs(runs: Sequence[Run]) -> bytes:
    parts = [varint(len(runs))]
    for run in runs:
        levels = run.levels or ()
        parts += [
            varint(run.items),
            run.dtype.str.encode(),
            pack_shape(run.shape),
            bytes([len(levels)]),
            *levels,
        ]
    return b"".join(parts)


def read_runs(cursor: Cursor) -> list[Run]:
    """Raises ArchiveError where the field breaks a rule."""
    runs = []
    for _ in range(cursor.varint()):
        items, dtype, shape, levels = cursor.varint(), cursor.dtype(), cursor.shape(), cursor.byte()
        if items == 0:
            raise ArchiveError("a run of its items is empty")
        if levels not in (0, 2):
            raise ArchiveError(f"{levels} levels: it needs a newer bitsback")
        values = cursor.take(levels * dtype.itemsize)
        pair = (values[: dtype.itemsize], values[dtype.itemsize :]) if levels else None
        if pair is not None and pair[0] == pair[1]:
            raise ArchiveError("its two levels are the same")
        runs.append(Run(items, dtype, shape, pair))
    if not runs:
        raise ArchiveError("it has no items")
    return runs
