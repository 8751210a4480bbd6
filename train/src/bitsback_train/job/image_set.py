"""The images of a run by their splits, as many as the memory limit allows."""

import hashlib
import math
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.opening import Source, open_input
from bitsback.archive.inputs.request import Input, Request
from bitsback.archive.inputs.tile_reader import TileReader
from bitsback.coding import layouts
from bitsback.errors import InputError, InputWarning
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.value_range import is_narrow
from bitsback.io.file_io import name_of
from bitsback.io.remote.url import Url
from bitsback.models import Model
from bitsback.planner.cutting import blocks_of
from bitsback_train.fit.items import Item, as_items
from bitsback_train.job.splits import (
    HELD_OUT,
    TRAIN,
    VALIDATION,
    Part,
    Shape,
    Splits,
    assign_splits,
)

Values = NDArray[Any]  # [slices, rows, columns, channels]

MOST_BYTES = 1 << 28  # of training images; from more, random parts are cut
LEAST_SIDE = 64  # the least rows and columns of such a part
BLOCK = 1 << 20  # elements with a common value map, as in a block of an archive


@dataclass
class ImageSet:
    """`train`, `validation` and `held_out` are images or parts of images, without common pixels."""

    name: str
    """The name for messages."""
    kind: str = ""
    """The kind of images, for people."""
    count: int = 0
    """The number of images: pictures, and slices of stacks."""
    train: list[Values] = field(default_factory=list)
    validation: list[Values] = field(default_factory=list)
    held_out: list[Values] = field(default_factory=list)
    part_held_out: float = 0.0
    """The share of the values that are held out."""

    def items(self, images: list[Values]) -> list[Item]:
        """The images as symbols, without parts from which nothing can be learned."""
        return [item for block in self.blocks(images) for item in block]

    def blocks(self, images: list[Values]) -> Iterator[list[Item]]:
        """The same, in groups like the blocks of an archive."""
        return map(as_items, _blocks(images))

    @property
    def levels(self) -> int:
        """The most levels of an image."""
        splits = self.train, self.validation, self.held_out
        return max((item.levels for split in splits for item in self.items(split)), default=2)

    def digest(self) -> str:
        """SHA-256 over everything that training sees, hexadecimal."""
        digest = hashlib.sha256()
        for values in (*self.train, *self.validation):
            digest.update(f"{values.shape} {values.dtype.str}".encode())
            digest.update(np.ascontiguousarray(values).view(np.uint8).data)
        return digest.hexdigest()


@contextmanager
def opened(source: Source, request: Request) -> Iterator[tuple[str, Input]]:
    """The inputs as `bitsback.compress` takes them, and their names for messages. There are no
    warnings about what an archive would lose, which does not matter for training.
    """
    name = name_of(source) if isinstance(source, str | os.PathLike | Url) else "the images"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        with open_input(source, request) as found:
            yield name, found


def read_image_set(source: Source, model: Model | None, seed: int) -> ImageSet:
    """Reads images of any size, kind and depth, in the tiles of an archive.

    source: any input of `bitsback.compress`. model: a size-agnostic one, with which a trial finds
    whether arrays are stacks. Raises InputError for data that no such model codes, and for too
    little data.
    """
    request = Request(model)
    elements = request.policy.block_elements
    with opened(source, request) as (name, found):
        parts = [(items, part) for items, part in found.parts if part.elements]
        shapes: list[tuple[int, Shape]] = []
        for _, part in parts:
            before = shapes[-1][0] + 1 if shapes else 0
            for number in range(part.tiles):
                item, at = part.item_of(number)
                shape = part.grid(item).shape_of(at)
                if not (is_narrow(part.dtype) and layouts.layouts_for(part.dtype, shape)):
                    raise InputError(
                        f"{name}: contains {part.dtype} of the shape {shape}, and models are for"
                        " pictures and stacks of bool or of integers of 8 or 16 bits; convert"
                        " them, for example with .astype('uint16')"
                    )
                shapes.append((before + item, _as_stack(part, shape)))
        if not shapes:
            raise InputError(f"{name}: contains no pixels to train on")

        def tiles() -> Iterator[Values]:
            for items, part in parts:
                reader = TileReader(items, part)
                for first, count in blocks_of(part, None, items.name, elements):
                    for tile in reader.read(first, count):
                        yield tile.reshape(_as_stack(part, tile.shape))
                items.finish()

        images = ImageSet(name, _in_words([part for _, part in parts], shapes))
        images.count = sum(
            part.items if part.axes != ONE else 1 if part.picture else part.entries
            for _, part in parts
        )
        fill(images, tiles(), assign_splits(shapes, seed, name), seed)
        return images


def fill(images: ImageSet, tiles: Iterable[Values], splits: Splits, seed: int) -> None:
    """tiles: in the order of their splits. Memory holds one of them besides those that are kept.

    Raises InputError if nothing can be learned from the training part.
    """

    def elements(*uses: int) -> int:
        return sum(part.elements for parts in splits for use, part in parts if use in uses)

    random = np.random.default_rng(seed)
    trained = elements(TRAIN)
    images.part_held_out = elements(HELD_OUT) / elements(TRAIN, VALIDATION, HELD_OUT)
    for values, parts in zip(tiles, splits, strict=True):
        share = min(1.0, MOST_BYTES / (trained * values.itemsize))
        for use, part in parts:
            cut = _cut(values, part)
            if use == HELD_OUT:
                images.held_out.append(cut.copy())
            elif use == VALIDATION:
                images.validation.append(cut.copy())
            elif (thinned := _thinned(cut, share, random)) is not None:
                images.train.append(thinned.copy())
    if not images.items(images.train) or not images.items(images.validation):
        raise InputError(
            f"{images.name}: all its pixels have the same value, and there is nothing to learn"
        )


def _in_words(parts: list[ArrayPart], shapes: list[tuple[int, Shape]]) -> str:
    kinds = {(str(part.dtype), shape[3]) for part in parts for _, shape in shapes}
    sizes = {shape[:3] for _, shape in shapes}
    (dtype, channels) = min(kinds)
    colours = "" if channels == 1 else f", {channels} channels"
    slices, rows, columns = min(sizes)
    size = f"{rows} x {columns}" if len(sizes) == 1 else "several sizes"
    stacks = f"{slices} slices of " if slices > 1 and len(sizes) == 1 else ""
    return f"{stacks}{size}, {dtype}{colours}"


def _as_stack(part: ArrayPart, shape: tuple[int, ...]) -> Shape:
    """Slices, rows, columns and channels of a tile."""
    stack = part.axes == ONE and not part.picture
    if not stack and layouts.PICTURES in layouts.layouts_for(part.dtype, shape):
        shape = (1, *shape)
    slices, rows, columns, *channels = shape
    return slices, rows, columns, math.prod(channels)


def _cut(values: Values, part: Part) -> Values:
    if part.axis == 0:
        return values[part.start : part.end]
    return values[:, part.start : part.end]


def _thinned(values: Values, share: float, random: np.random.Generator) -> Values | None:
    """A random part of the rows and columns, if it is not too small; otherwise, with some
    probability, a part of the smallest size.
    """
    if share >= 1:
        return values
    side = math.sqrt(share)
    rows, columns = (
        min(size, max(LEAST_SIDE, math.ceil(size * side))) for size in values.shape[1:3]
    )
    area = rows * columns / (values.shape[1] * values.shape[2])
    if random.random() * area > share:
        return None
    r = int(random.integers(0, values.shape[1] - rows + 1))
    q = int(random.integers(0, values.shape[2] - columns + 1))
    return values[:, r : r + rows, q : q + columns]


def _blocks(images: list[Values]) -> Iterator[list[Values]]:
    block: list[Values] = []
    size = 0
    for values in images:
        if block and (size >= BLOCK or values.dtype != block[0].dtype):
            yield block
            block, size = [], 0
        block.append(values)
        size += values.size
    if block:
        yield block
