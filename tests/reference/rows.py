"""Rows of pictures (docs/format.md, the form 2 of the method fallback), from their content to the
bytes of the items.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .fields import require

GREEN, WHOLE, INDEXES = 1, 2, 4


@dataclass
class Rows:
    dtype: np.dtype[Any]
    pictures: list[tuple[int, int, int, int]]  # how many, rows, columns, channels
    transform: int
    colours: int

    @classmethod
    def of(
        cls,
        dtype: np.dtype[Any],
        shapes: list[tuple[int, tuple[int, ...]]],
        transform: int,
        colours: int,
    ) -> "Rows":
        pictures = [picture(count, shape) for count, shape in shapes if math.prod(shape)]
        require(len(pictures) > 0, "elements")
        require(transform <= 7, "a transform of the list")
        if transform >= INDEXES:
            require(len({channels for *_, channels in pictures}) == 1, "pixels of one size")
            require(colours <= 2**2 ** (transform - INDEXES), "indexes of all colours")
        else:
            require(dtype.kind in "bui" and dtype.itemsize <= 2, "integers of at most 16 bits")
            require(not transform & WHOLE or dtype.itemsize == 2, "elements of 16 bits")
            if transform & GREEN:
                require(len({channels for *_, channels in pictures}) == 1, "pixels of one size")
                require(pictures[0][3] >= 3, "a green channel between two others")
        return cls(dtype, pictures, transform, colours)

    @property
    def bits(self) -> int:
        """The bits of an index; 0 without a palette."""
        return 2 ** (self.transform - INDEXES) if self.transform >= INDEXES else 0

    @property
    def palette(self) -> int:
        """Bytes of the colours."""
        return self.colours * self.pictures[0][3] * self.dtype.itemsize if self.bits else 0

    @property
    def whole(self) -> bool:
        return not self.bits and self.transform & WHOLE > 0

    def width(self, columns: int, channels: int) -> tuple[int, int]:
        """Numbers of a row, and of a pixel."""
        if self.bits:
            return -(-columns * self.bits // 8), 1
        stride = channels if self.whole else channels * self.dtype.itemsize
        return columns * stride, stride

    @property
    def size(self) -> int:
        """Bytes of the content."""
        sizes = [
            count * rows * (1 + self.width(columns, channels)[0] * (1 + self.whole))
            for count, rows, columns, channels in self.pictures
        ]
        return self.palette + sum(sizes)

    def decode(self, content: bytearray) -> bytes:
        palette, content = content[: self.palette], content[self.palette :]
        rows = sum(count * rows for count, rows, _, _ in self.pictures)
        filters, left = list(content[:rows]), list(content[rows:])
        require(max(filters) <= 4, "filters of the list")
        if self.whole:
            half = len(left) // 2
            folded = [low + 256 * high for low, high in zip(left[:half], left[half:], strict=True)]
            left = [z // 2 if z % 2 == 0 else -(z + 1) // 2 for z in folded]
        out = bytearray()
        for count, rows, columns, channels in self.pictures:
            width, stride = self.width(columns, channels)
            for _ in range(count):
                above = [0] * width
                for _ in range(rows):
                    row, left = left[:width], left[width:]
                    above = self.unfilter(filters.pop(0), row, above, stride)
                    if self.bits:
                        out += self.of_colours(above, columns, palette)
                    else:
                        out += self.of_numbers(above, channels)
        return bytes(out)

    def unfilter(self, kind: int, row: list[int], above: list[int], stride: int) -> list[int]:
        found: list[int] = []
        for i, difference in enumerate(row):
            a = found[i - stride] if i >= stride else 0
            b, c = above[i], above[i - stride] if i >= stride else 0
            near = min((a, b, c), key=lambda neighbour: abs(a + b - c - neighbour))
            expected = (0, a, b, (a + b) // 2, near)[kind]
            found.append((difference + expected) % (65536 if self.whole else 256))
        return found

    def of_colours(self, row: list[int], columns: int, palette: bytearray) -> bytes:
        size, each = len(palette) // self.colours, 8 // self.bits
        indexes = [
            byte >> (8 - self.bits * (i + 1)) & (2**self.bits - 1)
            for byte in row
            for i in range(each)
        ]
        require(not any(indexes[columns:]), "the last byte of a row is filled with zeros")
        require(max(indexes) < self.colours, "numbers of colours")
        return b"".join(palette[i * size : (i + 1) * size] for i in indexes[:columns])

    def of_numbers(self, row: list[int], channels: int) -> bytes:
        size = self.dtype.itemsize
        if size == 2 and not self.whole:
            row = [low + 256 * high for low, high in zip(row[::2], row[1::2], strict=True)]
        if self.transform & GREEN:
            greens = [
                row[i - i % channels + 1] if i % channels in (0, 2) else 0 for i in range(len(row))
            ]
            row = [(n + green) % 256**size for n, green in zip(row, greens, strict=True)]
        if self.dtype.kind == "i":
            row = [n ^ 128 * 256 ** (size - 1) for n in row]
        order = "big" if self.dtype.str[0] == ">" else "little"
        return b"".join(n.to_bytes(size, order) for n in row)


def picture(count: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    coloured = len(shape) > 2 and shape[-1] <= 4
    channels, axes = (shape[-1], shape[:-1]) if coloured else (1, shape)
    if len(axes) < 2:
        return (1, count, axes[0], channels) if axes else (1, 1, count, channels)
    return count * math.prod(axes[:-2]), axes[-2], axes[-1], channels
