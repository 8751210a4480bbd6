"""Runs of equal tiles, which describe the content of a block (docs/format.md, `runs`).

With them a block can be decoded without other sections.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.layout import Cursor, pack_shape
from bitsback.format.two_values import TwoValues
from bitsback.format.value_list import ValueList
from bitsback.format.value_range import JpegColours, Ordered, ValueMap, ValueRange
from bitsback.wire import varint

_NONE, _SPAN, _TWO, _RANKS, _AS_BEFORE, _JPEG, _LIST = range(7)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive tiles of one dtype, shape and value map."""

    items: int
    dtype: np.dtype[Any]
    shape: Shape
    """The shape of each tile."""
    value_map: ValueMap | None
    """The values of the symbols; None if elements are their own symbols.

    It is the bytes of two values, a range, a list, or the colours of JPEG.
    """

    @property
    def elements(self) -> int:
        return self.items * math.prod(self.shape)

    @property
    def pair(self) -> TwoValues | None:
        """The two values of the elements; None if the run has another value map."""
        return self.value_map if isinstance(self.value_map, tuple) else None


def pack_value_map(value_map: ValueMap | None) -> bytes:
    if value_map is None:
        return bytes([_NONE])
    if isinstance(value_map, ValueRange):
        return bytes([_SPAN if value_map.occurring is None else _RANKS]) + value_map.pack()
    if isinstance(value_map, ValueList):
        return bytes([_LIST]) + value_map.pack()
    if isinstance(value_map, JpegColours):
        return bytes([_JPEG])
    return bytes([_TWO]) + b"".join(value_map)


def pack_runs(runs: Sequence[Run]) -> bytes:
    parts = [varint(len(runs))]
    before: ValueMap | None = None
    for run in runs:
        again = isinstance(run.value_map, tuple | Ordered) and run.value_map == before
        value_map = bytes([_AS_BEFORE]) if again else pack_value_map(run.value_map)
        parts += [varint(run.items), run.dtype.str.encode(), pack_shape(run.shape), value_map]
        before = run.value_map
    return b"".join(parts)


def read_runs(cursor: Cursor) -> list[Run]:
    """Reads the field `runs`. Raises ArchiveError if it breaks a rule."""
    runs: list[Run] = []
    for _ in range(cursor.varint()):
        items, dtype, shape = cursor.varint(), cursor.dtype(), cursor.shape()
        if items == 0:
            raise ArchiveError("a run of its items is empty")
        runs.append(Run(items, dtype, shape, read_value_map(cursor, dtype, runs)))
    if not runs:
        raise ArchiveError("it has no items")
    return runs


def read_value_map(
    cursor: Cursor, dtype: np.dtype[Any], before: Sequence[Run] = ()
) -> ValueMap | None:
    """The value map of a run. before: the earlier runs of the block. Raises ArchiveError."""
    kind = cursor.byte()
    if kind == _NONE:
        return None
    if kind == _TWO:
        pair = cursor.take(dtype.itemsize), cursor.take(dtype.itemsize)
        if pair[0] == pair[1]:
            raise ArchiveError("its two values are the same")
        return pair
    if kind in (_SPAN, _RANKS, _LIST):
        if before:  # otherwise a few bytes could request much memory
            raise ArchiveError("its value map is repeated")
        if kind == _LIST:
            return ValueList.unpack(cursor, dtype)
        return ValueRange.unpack(cursor, dtype, kind == _RANKS)
    if kind == _JPEG:
        return JpegColours()
    if kind != _AS_BEFORE:
        raise ArchiveError(f"a value map of the kind {kind}: it needs a newer bitsback")
    last = before[-1].value_map if before and before[-1].dtype == dtype else None
    if not isinstance(last, tuple | Ordered):
        raise ArchiveError("its value map refers to a run without one")
    return last
