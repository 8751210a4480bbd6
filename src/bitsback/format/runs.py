"""Runs: what the tiles of a block are, so that a block can be read on its own (docs/format.md,
`runs`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.layout import Cursor, pack_shape
from bitsback.format.levels import Levels
from bitsback.format.values import Values
from bitsback.wire import varint

_NONE, _SPAN, _TWO, _RANKS, _AS_BEFORE = range(5)


@dataclass(frozen=True, slots=True)
class Run:
    """Tiles in a row that are alike."""

    items: int
    dtype: np.dtype[Any]
    shape: Shape
    """Of each tile."""
    levels: Levels | Values | None
    """What the symbols stand for: two values that elements have, as they are stored, or a range;
    None: elements stand for themselves.
    """

    @property
    def elements(self) -> int:
        return self.items * math.prod(self.shape)

    @property
    def pair(self) -> Levels | None:
        """The two values that elements have, if they are told."""
        return None if isinstance(self.levels, Values) else self.levels


def pack_levels(levels: Levels | Values | None) -> bytes:
    if levels is None:
        return bytes([_NONE])
    if isinstance(levels, Values):
        return bytes([_SPAN if levels.occurring is None else _RANKS]) + levels.pack()
    return bytes([_TWO]) + b"".join(levels)


def pack_runs(runs: Sequence[Run]) -> bytes:
    parts = [varint(len(runs))]
    before: Levels | Values | None = None
    for run in runs:
        again = run.levels is not None and run.levels == before
        levels = bytes([_AS_BEFORE]) if again else pack_levels(run.levels)
        parts += [varint(run.items), run.dtype.str.encode(), pack_shape(run.shape), levels]
        before = run.levels
    return b"".join(parts)


def read_runs(cursor: Cursor) -> list[Run]:
    """Raises ArchiveError where the field breaks a rule."""
    runs: list[Run] = []
    for _ in range(cursor.varint()):
        items, dtype, shape = cursor.varint(), cursor.dtype(), cursor.shape()
        if items == 0:
            raise ArchiveError("a run of its items is empty")
        runs.append(Run(items, dtype, shape, read_levels(cursor, dtype, runs)))
    if not runs:
        raise ArchiveError("it has no items")
    return runs


def read_levels(
    cursor: Cursor, dtype: np.dtype[Any], before: Sequence[Run] = ()
) -> Levels | Values | None:
    """The levels of a run that follows those `before`. Raises ArchiveError."""
    kind = cursor.byte()
    if kind == _NONE:
        return None
    if kind == _TWO:
        pair = cursor.take(dtype.itemsize), cursor.take(dtype.itemsize)
        if pair[0] == pair[1]:
            raise ArchiveError("its two levels are the same")
        return pair
    if kind in (_SPAN, _RANKS):
        if before:  # else a few bytes could claim much memory
            raise ArchiveError("its levels are told again")
        return Values.unpack(cursor, dtype, kind == _RANKS)
    if kind != _AS_BEFORE:
        raise ArchiveError(f"levels of the kind {kind}: it needs a newer bitsback")
    if not before or before[-1].levels is None or before[-1].dtype != dtype:
        raise ArchiveError("its levels are those of a run that has none")
    return before[-1].levels
