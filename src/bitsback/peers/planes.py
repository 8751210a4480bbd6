"""Pictures of more planes than a format holds: several files in one, three planes each as long as
there are so many.

    file of one picture           whatever the format is, none of which begins with the byte 1
    files of several planes       1, then for each: planes (1 byte), length (4, little-endian), file
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bitsback.peers.units import Picture

_MARK = b"\1"


def encode_planes(encode: Callable[[Picture], bytes], picture: Picture, most: int) -> bytes:
    """A picture [height, width] or [height, width, channels], by a format that holds `most`
    planes.
    """
    if picture.ndim == 2 or picture.shape[2] <= most:
        return encode(np.ascontiguousarray(picture))
    parts = [_MARK]
    first, channels = 0, picture.shape[2]
    while first < channels:
        planes = 3 if most >= 3 and channels - first >= 3 else 1
        group = picture[..., first : first + planes]
        file = encode(np.ascontiguousarray(group if planes > 1 else group[..., 0]))
        parts += [bytes([planes]), len(file).to_bytes(4, "little"), file]
        first += planes
    return b"".join(parts)


def decode_planes(decode: Callable[[bytes], Picture], data: bytes) -> Picture:
    """The inverse, of a format that may give back more planes than there were, grey as colour."""
    if data[:1] != _MARK:
        return decode(data)
    found: list[NDArray[np.generic]] = []
    at = 1
    while at < len(data):
        planes, size = data[at], int.from_bytes(data[at + 1 : at + 5], "little")
        picture = decode(data[at + 5 : at + 5 + size])
        found.append(np.atleast_3d(picture)[..., :planes])
        at += 5 + size
    return np.concatenate(found, axis=2)
