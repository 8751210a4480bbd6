"""The modes of pictures in archives, as in Pillow. Dtype and shape of an array give its mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bitsback.format.grid import Shape

if TYPE_CHECKING:  # the command's help must not import NumPy
    import numpy as np

_GREY = {"|b1": "1", "|u1": "L", "<u2": "I;16"}
_COLOUR = {2: "LA", 3: "RGB", 4: "RGBA"}
DEEP = tuple(f"{name};16" for name in _COLOUR.values())
"""Modes of 16 bits per channel. Pillow reads and writes only 8 of these bits."""

MODES = (*_GREY.values(), *_COLOUR.values())
"""Pillow's names of modes.

`1` is black and white, `L` grey, `I;16` grey of 16 bits, `LA` grey with transparency.
"""
NAMED = (*MODES, *DEEP)
"""The modes with a name.

Pages of TIFF files may have others: any number of channels up to MOST_CHANNELS, and any dtype.
"""
MOST_CHANNELS = 256


def mode_of(dtype: np.dtype[Any], shape: Shape) -> str | None:
    """The mode of a picture with this array, [height, width] or [height, width, channels].

    A mode without a name consists of the dtype and the number of channels. None if the array cannot
    be a picture.

    >>> import numpy as np
    >>> mode_of(np.dtype("<u2"), (5, 9, 3)), mode_of(np.dtype("<f4"), (5, 9, 7))
    ('RGB;16', 'float32 x 7')
    """
    if dtype.str[0] == ">" or not 2 <= len(shape) <= 3:
        return None
    if len(shape) == 2:
        return _GREY.get(dtype.str, dtype.name)
    if not 2 <= shape[2] <= MOST_CHANNELS:
        return None
    name = _COLOUR.get(shape[2])
    if name is not None and dtype.str in ("|u1", "<u2"):
        return name if dtype.itemsize == 1 else f"{name};16"
    return f"{dtype.name} x {shape[2]}"


def array_of(mode: str, size: tuple[int, int]) -> tuple[np.dtype[Any], Shape]:
    """The dtype and shape of the array of a picture.

    mode: one of NAMED. size: (width, height).
    """
    import numpy as np

    width, height = size
    for text, grey in _GREY.items():
        if grey == mode:
            return np.dtype(text), (height, width)
    name, deep, _ = mode.partition(";")
    channels = next(count for count, colour in _COLOUR.items() if colour == name)
    return np.dtype("<u2" if deep else "|u1"), (height, width, channels)
