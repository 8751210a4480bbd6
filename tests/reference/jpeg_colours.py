"""The colours of JPEG: those that the conversion from YCbCr gives."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .values import Ints


def to_rgb(y: int | Ints, cb: int | Ints, cr: int | Ints) -> Ints:
    """cb and cr: from -128 to 127."""
    red = y + ((91881 * cr + 2**15) >> 16)
    green = y + ((-46802 * cr - 22554 * cb + 2**15) >> 16)
    blue = y + ((116130 * cb + 2**15) >> 16)
    return np.clip(np.stack(np.broadcast_arrays(red, green, blue)), 0, 255)


@cache
def colours() -> NDArray[np.bool_]:
    """Whether there is a colour: [green, red, blue]."""
    found = np.zeros((256, 256, 256), bool)
    cb, cr = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    for y in range(256):
        red, green, blue = to_rgb(y, cb, cr)
        found[green, red, blue] = True
    return found


def blues(green: int, red: int) -> list[int]:
    """Those that a colour of this green and red may have, in ascending order."""
    found: list[int] = np.flatnonzero(colours()[green, red]).tolist()
    return found
