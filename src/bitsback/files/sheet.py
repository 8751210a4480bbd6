"""The sheet of a file of frames: one picture on which all of them stand (docs/format.md, A6.5)."""

from __future__ import annotations

from collections.abc import Sequence

from bitsback.format.modes import Shape

Place = tuple[slice, slice]
"""The rows and columns of a frame."""


def sheet_of(frames: Sequence[Shape]) -> tuple[list[Place], Shape]:
    """The places of frames, (rows, columns) each, which stand side by side as far as the widest one
    is wide, and the rows and columns of the sheet.

    >>> sheet_of([(2, 3), (1, 2), (4, 1)])[1]
    (6, 3)
    """
    widest = max(columns for _, columns in frames)
    places, top, left, tallest = list[Place](), 0, 0, 0
    for rows, columns in frames:
        if left + columns > widest:
            top, left, tallest = top + tallest, 0, 0
        places.append((slice(top, top + rows), slice(left, left + columns)))
        left, tallest = left + columns, max(tallest, rows)
    return places, (top + tallest, widest)
