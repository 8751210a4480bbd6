"""The images of whatever `bitsback compress` reads, in the pieces that an archive would hold."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback.archive import planes
from bitsback.archive.asked import Asked
from bitsback.archive.collection import ONE, Collection
from bitsback.archive.cutting import blocks_of
from bitsback.archive.inputs import Source, open_input
from bitsback.archive.taking import PieceReader
from bitsback.errors import InputError, InputWarning
from bitsback.images.npy import Items
from bitsback.models import Model
from bitsback.train.job.called import called
from bitsback.train.job.free.image_pool import ImagePool, read_pool
from bitsback.train.job.free.roles import Shape, assign_roles


@dataclass(frozen=True)
class ImageSource:
    """name: for messages. shapes: of which image each piece is, and its shape."""

    name: str
    shapes: list[tuple[int, Shape]]
    parts: list[tuple[Items, Collection]]

    @property
    def images(self) -> int:
        """Pictures, and slices of stacks."""
        return sum(
            part.items if part.axes != ONE else 1 if part.picture else part.entries
            for _, part in self.parts
        )

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Values [slices, rows, columns, channels], one piece after the other, once."""
        for items, part in self.parts:
            reader = PieceReader(items, part)
            for first, count in blocks_of(part, None, items.name):
                for piece in reader.read(first, count):
                    yield piece.reshape(_as_stack(part, piece.shape))
            items.finish()

    def pool(self, seed: int) -> ImagePool:
        """All of them, by what they are for. Raises InputError where there is too little."""
        roles = assign_roles(self.shapes, seed, self.name)
        return read_pool(self.pieces(), roles, seed, self.name)

    def in_words(self) -> str:
        """What they are, for people."""
        kinds = {
            (str(part.dtype), shape[3]) for (_, part) in self.parts for _, shape in self.shapes
        }
        sizes = {shape[:3] for _, shape in self.shapes}
        (dtype, channels) = min(kinds)
        colours = "" if channels == 1 else f", {channels} channels"
        slices, rows, columns = min(sizes)
        size = f"{rows} x {columns}" if len(sizes) == 1 else "several sizes"
        stacks = f"{slices} slices of " if slices > 1 and len(sizes) == 1 else ""
        return f"{stacks}{size}, {dtype}{colours}"


@contextmanager
def open_source(source: Source, model: Model | None) -> Iterator[ImageSource]:
    """source: whatever `bitsback.compress` takes. model: a free one, which tells by a trial whether
    arrays are stacks. Raises InputError for what no free model codes.
    """
    name = called(source)
    with warnings.catch_warnings():
        # Of what an archive would not keep, which is nothing to who trains.
        warnings.simplefilter("ignore", InputWarning)
        with open_input(source, Asked(model)) as found:
            parts = [(items, part) for items, part in found.parts if part.elements]
            shapes: list[tuple[int, Shape]] = []
            for _, part in parts:
                before = shapes[-1][0] + 1 if shapes else 0
                for number in range(part.pieces):
                    item, at = part.item_of(number)
                    shape = part.grid(item).shape_of(at)
                    if not planes.layouts_for(part.dtype, shape):
                        raise InputError(
                            f"{name}: holds {part.dtype} of the shape {shape}, and models are for"
                            " pictures and stacks of bool or of integers of 8 or 16 bits; convert"
                            " them, for example with .astype('uint16')"
                        )
                    shapes.append((before + item, _as_stack(part, shape)))
            if not shapes:
                raise InputError(f"{name}: holds no pixels to train on")
            yield ImageSource(name, shapes, parts)


def _as_stack(part: Collection, shape: tuple[int, ...]) -> Shape:
    """Slices, rows, columns and channels of a piece."""
    stack = part.axes == ONE and not part.picture
    if not stack and planes.PICTURES in planes.layouts_for(part.dtype, shape):
        shape = (1, *shape)
    slices, rows, columns, *channels = shape
    return slices, rows, columns, math.prod(channels)
