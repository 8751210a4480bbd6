"""Bands of a picture whose pixels stand in its file as they are: BMP and PNM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands.bands import Read, pixels_as_they_are, reader_of, rows_of_band
from bitsback.images.file_io import Reader

_BITS = {
    "1": 1, "1;I": 1, "L": 8, "L;I": 8, "P": 8, "P;1": 1, "P;2": 2, "P;4": 4, "I;16": 16,
    "I;16B": 16, "LA": 16, "RGB": 24, "BGR": 24, "RGBA": 32, "RGBX": 32, "BGRA": 32, "BGRX": 32,
}  # fmt: skip
"""Of a pixel, by Pillow's names for how it stands in a file."""


@dataclass(frozen=True)
class _Box:
    """Some rows, or a part of them, at one place of the file."""

    left: int
    top: int
    right: int
    bottom: int
    offset: int
    kind: str
    stride: int
    upwards: bool
    """Whether the last row comes first."""

    def read(self, file: Reader, mode: str, first: int, last: int) -> NDArray[Any]:
        """The pixels of the rows first ... last - 1 of the picture."""
        at = self.bottom - last if self.upwards else first - self.top
        data = file.read(self.offset + at * self.stride, (last - first) * self.stride)
        size = self.right - self.left, last - first
        order = -1 if self.upwards else 1
        part = Image.frombytes(mode, size, data, "raw", self.kind, self.stride, order)
        return pixels_as_they_are(part)

    def continues(self, other: _Box) -> bool:
        """Whether this follows on the other in picture and file."""
        return (
            not self.upwards
            and not other.upwards
            and (self.left, self.right, self.kind, self.stride)
            == (other.left, other.right, other.kind, other.stride)
            and self.top == other.bottom
            and self.offset == other.offset + (other.bottom - other.top) * other.stride
        )


def raw_bands(image: Image.Image) -> Read | None:
    """None if the pixels of an open picture stand in another way in its file."""
    boxes = _boxes(image)
    if boxes is None:
        return None
    file, mode = reader_of(image), image.mode
    bands = [list(band) for _, band in groupby(boxes, key=lambda box: box.top)]
    row = 0
    for band in bands:
        sides = [(box.left, box.right) for box in band]
        joined = [0, *(right for _, right in sides)]
        same = {(box.top, box.bottom) for box in band}
        if [left for left, _ in sides] != joined[:-1] or joined[-1] != image.width:
            return None
        if len(same) > 1 or band[0].top != row:
            return None
        row = band[0].bottom
    if row != image.height:
        return None

    def read() -> Iterator[NDArray[Any]]:
        for band in bands:
            step = rows_of_band(sum(box.stride for box in band))
            for first in range(band[0].top, band[0].bottom, step):
                last = min(first + step, band[0].bottom)
                parts = [box.read(file, mode, first, last) for box in band]
                yield parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    return read


def _boxes(image: Image.Image) -> list[_Box] | None:
    found: list[_Box] = []
    for kind, box, offset, told in getattr(image, "tile", ()):
        name, *more = (told,) if isinstance(told, str) else told
        if kind != "raw" or box is None or name not in _BITS:
            return None
        left, top, right, bottom = box
        stride = (more[0] if more else 0) or -(-(right - left) * _BITS[name] // 8)
        upwards = len(more) > 1 and more[1] < 0
        one = _Box(left, top, right, bottom, offset, name, stride, upwards)
        if found and one.continues(found[-1]):
            found[-1] = replace(found[-1], bottom=bottom)
        else:
            found.append(one)
    return found or None
