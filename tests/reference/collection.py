"""The content of an archive, and its tiles (docs/format.md, `C`)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .fields import Reader, check_size, require

Shape = tuple[int, ...]
IDX = ("|u1", "|i1", ">i2", ">i4", ">f4", ">f8")


@dataclass
class Part:
    """An array, or pictures of several sizes."""

    dtype: np.dtype[Any]
    axes: int
    shape: Shape
    sizes: list[tuple[int, Shape]]
    """Runs of items: their number and their shape."""
    cut: Shape | None

    @property
    def elements(self) -> int:
        return sum(count * math.prod(shape) for count, shape in self.sizes)

    @property
    def tiles(self) -> int:
        return sum(count * math.prod(self.grid(shape)) for count, shape in self.sizes)

    def grid(self, item: Shape) -> Shape:
        """The number of tiles along each dimension."""
        if self.cut is None:
            return (1,) * len(item)
        return tuple(-(-size // most) for size, most in zip(item, self.cut, strict=True))

    def regions(self, item: Shape) -> Iterator[tuple[slice, ...]]:
        """The tiles' regions of an item of this shape, in order."""
        grid = self.grid(item)
        steps = [max(-(-size // count), 1) for size, count in zip(item, grid, strict=True)]
        for place in product(*map(range, grid)):
            yield tuple(
                slice(at * step, min((at + 1) * step, size))
                for at, step, size in zip(place, steps, item, strict=True)
            )

    def tile_runs(self) -> Iterator[tuple[int, Shape]]:
        """Runs of tiles: their number and their shape."""
        for count, item in self.sizes:
            if math.prod(self.grid(item)) == 1:
                yield count, item
                continue
            for _ in range(count):
                for region in self.regions(item):
                    yield 1, tuple(part.stop - part.start for part in region)

    def join(self, content: bytes) -> bytes:
        """Joins the bytes of tiles to the bytes of items."""
        if self.cut is None:
            return content
        flat, joined = np.frombuffer(content, self.dtype), b""
        for count, item in self.sizes:
            for _ in range(count):
                array = np.empty(item, self.dtype)
                for region in self.regions(item):
                    shape = [part.stop - part.start for part in region]
                    tile, flat = flat[: math.prod(shape)], flat[math.prod(shape) :]
                    array[region] = tile.reshape(shape)
                joined += array.tobytes()
        return joined


def read_collection(payload: bytes) -> tuple[int | None, list[Part], int]:
    """The kind of files, or None for an array, the parts, and the features."""
    reader = Reader(payload)
    features = reader.varint()
    require(features & ~0b111111 == 0, "no feature that this reader does not understand")
    container = reader.byte()
    require(container <= 4, "a container of the list")
    kind = reader.byte() if container == 1 else None
    count = reader.varint() if container in (1, 4) else 1
    require(kind in (None, 0, 1), "a kind of the list")
    require(kind == 0 or not features & 16, "files are removed from a folder")
    parts = [read_part(reader) for _ in range(count)]
    reader.done()
    require(len(parts) > 0, "at least one part")
    require(sum(part.tiles for part in parts) < 2**63, "tiles can be counted")
    if kind == 0:
        require(sum(part.shape[0] for part in parts if part.shape) < 2**63, "files can be counted")
        for part in parts:
            if part.axes >= 3:
                require(part.shape[0] > 0 or part.elements > 0, "files, or metadata")
                continue
            require(part.elements > 0, "a part has pictures")
            channels = part.shape[1:] if part.axes == 2 else part.shape[3:]
            require(part.axes == 2 or len(part.shape) > 2, "pictures have rows and columns")
            require(part.dtype.str[0] != ">", "a mode of the list")
            require(channels == () or 2 <= channels[0] <= 256, "channels of a mode")
            require(len(channels) < 2, "pictures have three axes at most")
    else:
        require(all(part.axes < 2 for part in parts), "an array has items of one shape")
    if container in (2, 3):
        require(parts[0].dtype.str in IDX, "a dtype of an idx file")
        shape = parts[0].shape
        require(len(shape) > 0 and max(shape) < 2**32, "a shape of an idx file")
    if container == 4:
        require(all(part.shape[:1] > (0,) for part in parts), "a first dimension")
        require(len({(part.dtype, part.shape[1:]) for part in parts}) == 1, "parts that are alike")
        entries = sum(part.shape[0] for part in parts)
        check_size(parts[0].dtype, (entries, *parts[0].shape[1:]))
    return kind, parts, features


def read_part(reader: Reader) -> Part:
    dtype, axes, shape = reader.dtype(), reader.byte(), reader.shape()
    require(axes <= 4, "one item, items along the first axis, bytes of files, or copies")
    require(axes == 0 or len(shape) > 0, "a first axis")
    if axes == 2:
        require(len(shape) <= 2, "a number of items, and of channels")
        sizes = [
            (reader.varint(), (reader.varint(), reader.varint(), *shape[1:]))
            for _ in range(reader.varint())
        ]
        require(all(n > 0 and min(size[:2]) > 0 for n, size in sizes), "sizes are of pictures")
        require(sum(n for n, _ in sizes) == shape[0], "every item has a size")
    else:
        require(axes < 3 or (len(shape) == 5 - axes and dtype == np.uint8), "files of bytes")
        sizes = [] if axes == 4 else [(shape[0] if axes == 1 else 1, shape[min(axes, 1) :])]
    cut = None
    kind = reader.byte()
    require(kind <= 1, "cut or not")
    if kind:
        dimensions = 1 + len(shape) if axes == 2 else len(shape) - min(axes, 1)
        cut = tuple(reader.varint() for _ in range(dimensions))
        require(0 not in cut, "tiles have an extent")
    part = Part(dtype, axes, shape, sizes, cut)
    check_size(dtype, shape if axes < 2 else (part.elements,))
    require(cut is None or part.elements > 0, "what is cut has elements")
    return part
