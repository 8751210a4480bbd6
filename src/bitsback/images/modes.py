"""The modes of pictures that archives hold; dtype and shape of an array give its mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command's help must not import NumPy
    import numpy as np

Shape = tuple[int, ...]

_GREY = {"|b1": "1", "|u1": "L", "<u2": "I;16"}
_COLOUR = {2: "LA", 3: "RGB", 4: "RGBA"}

MODES = (*_GREY.values(), *_COLOUR.values())
"""Pillow's names. `1` is black and white, `L` grey, `I;16` grey of 16 bits, `LA` grey with
transparency.
"""


def mode_of(dtype: np.dtype[Any], shape: Shape) -> str | None:
    """The mode of a picture with this array, [height, width] or [height, width, channels], or None
    if there is none.
    """
    if len(shape) == 2:
        return _GREY.get(dtype.str)
    return _COLOUR.get(shape[2]) if len(shape) == 3 and dtype.str == "|u1" else None


def array_of(mode: str, size: tuple[int, int]) -> tuple[np.dtype[Any], Shape]:
    """The dtype and shape of the array of a picture with this mode and size (width, height)."""
    import numpy as np

    width, height = size
    for text, grey in _GREY.items():
        if grey == mode:
            return np.dtype(text), (height, width)
    channels = next(count for count, colour in _COLOUR.items() if colour == mode)
    return np.dtype("|u1"), (height, width, channels)
