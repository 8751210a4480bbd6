"""The axes of the pixels of a file that has several frames or pages, and what its header says about
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bitsback.format.grid import Shape

FRAME, PAGE, Z, T, C, Y, X = "frame", "page", "z", "t", "c", "y", "x"


@dataclass(frozen=True)
class Axes:
    """The axes of an array. An archive stores the pixels of such a file as one picture, frame below
    frame, so all axes but the last ones are those of frames.

    >>> Axes((FRAME, Y, X), (20, 384, 384)).stored
    (7680, 384)
    """

    dims: tuple[str, ...]
    """The name of each axis: `t`, `z`, `c` (channels), `y`, `x`, `frame` or `page`, if the file
    does not say what follows, or another letter.
    """
    shape: Shape
    attrs: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the axes, as far as the file states them:

    - `spacing`: the distance of neighbours along an axis, by its name;
    - `units`: the unit of that, by the name of the axis;
    - `channels`: the names of the channels;
    - `window`: the least and the greatest value to be shown;
    - `modality`: that of a DICOM file, such as `CT`.

    Nothing else of a header is shown, so patients stay anonymous.
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
"""The rows and columns of a frame in a picture of several."""


@dataclass(frozen=True)
class Level:
    """The frames of one size in a file that has its pixels in several, as pyramids do."""

    axes: Axes
    places: list[Place]
    """Of each frame in the picture of the file."""


def plain_axes(frames: int, name: str, shape: Shape, attrs: Mapping[str, Any]) -> Axes | None:
    """Axes of frames that follow each other. shape: of the picture, [rows, columns] or [rows,
    columns, channels]. None if so many frames cannot stand in it.
    """
    if frames < 1 or shape[0] % frames:
        return None
    dims, inner = (Y, X, C)[: len(shape)], (shape[0] // frames, *shape[1:])
    if frames == 1:
        return Axes(dims, inner, attrs)
    return Axes((name, *dims), (frames, *inner), attrs)
