"""Pixels to train a network on: what the network sees of each, and what its cost follows from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback import _core
from bitsback.models.item_shape import ItemShape
from bitsback_train.fit.items import Item, flat

MOST_REFERENCES = 2


@dataclass(frozen=True)
class Pixels:
    """values: symbols, predictions and units in 1/64 levels, and numbers of levels, int32 [n, 4].
    features: -64 to 63, int8 [n, inputs].
    """

    values: Tensor
    features: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def at(self, index: Tensor | slice) -> "Pixels":
        return Pixels(self.values[index], self.features[index])

    @classmethod
    def joined(cls, parts: Sequence["Pixels"]) -> "Pixels":
        return cls(
            torch.cat([part.values for part in parts]),
            torch.cat([part.features for part in parts]),
        )


def planes(shape: ItemShape) -> Iterator[tuple[int, int, int]]:
    """Slice, channel and number of references of each plane, in the order of coding."""
    order = (1, 0, 2, 3)[: shape.channels] if shape.channels in (3, 4) else range(shape.channels)
    for s in range(shape.slices):
        for c, channel in enumerate(order):
            yield s, channel, min(s + c, MOST_REFERENCES)


def count_pixels(items: Sequence[Item], references: int) -> int:
    """The number of pixels in planes with so many references."""
    return sum(
        item.shape.rows * item.shape.columns
        for item in items
        for _, _, number in planes(item.shape)
        if number == references
    )


def pixels_of(
    settings: _core.Wavefront, items: list[Item], references: int
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The values and features of all pixels in planes with so many references, in the order of
    coding. All items have one dtype.
    """
    shapes = [(*item.shape[:5], False) for item in items]
    features, values = settings.features(flat(items), shapes, references)
    return values, (features - np.uint8(64)).view(np.int8)


def sample_pixels(
    settings: _core.Wavefront,
    items: list[Item],
    references: int,
    part: float,
    random: np.random.Generator,
) -> Pixels:
    """A random part of these pixels, or all of them if `part` is 1."""
    values, features = pixels_of(settings, items, references)
    if part < 1:
        kept = random.random(len(values)) < part
        values, features = values[kept], features[kept]
    return Pixels(torch.from_numpy(values), torch.from_numpy(features))
