"""The colours of JPEG: those that the conversion from YCbCr gives."""

from functools import cache
from itertools import product


def level(x: int) -> int:
    return min(max(x, 0), 255)


def to_rgb(y: int, cb: int, cr: int) -> tuple[int, int, int]:
    """cb and cr: from -128 to 127."""
    red = y + ((91881 * cr + 2**15) >> 16)
    green = y + ((-46802 * cr - 22554 * cb + 2**15) >> 16)
    blue = y + ((116130 * cb + 2**15) >> 16)
    return level(red), level(green), level(blue)


@cache
def blues(green: int, red: int) -> list[int]:
    """Those that a colour of this green and red may have, in ascending order."""
    found = set()
    for y, cr in product(range(256), range(-128, 128)):
        if to_rgb(y, 0, cr)[0] == red:
            found |= {
                blue for cb in range(-128, 128) for _, g, blue in [to_rgb(y, cb, cr)] if g == green
            }
    return sorted(found)
