"""The axes of a file with several frames or pages, and their properties in the file's header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bitsback.format.grid import Shape

FRAME, PAGE, Z, T, C, Y, X = "frame", "page", "z", "t", "c", "y", "x"


@dataclass(frozen=True)
class Axes:
    """The axes of an array.

    An archive stores the pixels of such a file as one picture, frame below frame. All axes except
    the last ones are therefore axes of frames.

    >>> Axes((FRAME, Y, X), (20, 384, 384)).stored
    (7680, 384)
    """

    dims: tuple[str, ...]
    """The name of each axis: `t`, `z`, `c` (channels), `y`, `x`, or another letter.

    `frame` or `page` is an axis whose meaning the file does not state.
    """
    shape: Shape
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """Properties of the axes, as far as the file states them:

    - `spacing`: the distance of neighbours along an axis, by the name of the axis;
    - `units`: the unit of the spacing, by the name of the axis;
    - `channels`: the names of the channels;
    - `window`: the least and the greatest value to show;
    - `modality`: that of a DICOM file, such as `CT`.

    Nothing else of a header is included, so patients stay anonymous.
    """

    @property
    def row(self) -> int:
        """The number of the axis of rows."""
        return self.dims.index(Y)

    @property
    def frames(self) -> Shape:
        """The lengths of the axes of frames."""
        return self.shape[: self.row]

    @property
    def stored(self) -> Shape:
        """The shape of the picture with the frames below each other."""
        rows = 1
        for length in self.shape[: self.row + 1]:
            rows *= length
        return rows, *self.shape[self.row + 1 :]


Place = tuple[slice, slice]
"""The rows and columns of a frame in a picture of several frames."""


@dataclass(frozen=True)
class Level:
    """The frames of one size in a file with its pixels in several sizes, such as a pyramid."""

    axes: Axes
    places: list[Place]
    """The place of each frame in the picture of the file."""


def plain_axes(frames: int, name: str, shape: Shape, attrs: Mapping[str, Any]) -> Axes | None:
    """The axes of consecutive frames; None if the picture cannot have so many frames.

    shape: of the picture, [rows, columns] or [rows, columns, channels].
    """
    if frames < 1 or shape[0] % frames:
        return None
    dims, inner = (Y, X, C)[: len(shape)], (shape[0] // frames, *shape[1:])
    if frames == 1:
        return Axes(dims, inner, attrs)
    return Axes((name, *dims), (frames, *inner), attrs)
