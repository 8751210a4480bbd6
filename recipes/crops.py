"""Crops of images in folders, as items."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import InputError
from bitsback_train.fit.items import Item, as_items

MIRRORED = 0.3  # the probability that a part is mirrored, along each axis
Values = NDArray[Any]  # [slices, rows, columns, channels]
PATCH = 64  # rows and columns
MOST_CHANNELS = 16  # a longer last axis is not one of channels
VOLUME = "volume"  # the kind whose arrays of three dimensions are stacks


def as_item(values: NDArray[Any]) -> Item | None:
    """The symbols of [slices, rows, columns, channels]; None if there is only one value."""
    items = as_items([values])
    return items[0] if items else None


@dataclass(frozen=True)
class Crop:
    """The largest crop of an item: slices, and rows or columns."""

    slices: int
    side: int


def random_crop(
    values: NDArray[Any], crop: Crop, random: np.random.Generator, mirror: bool
) -> NDArray[Any]:
    """A part of [slices, rows, columns, channels] at a random place, sometimes mirrored."""
    at = []
    for size, most in zip(values.shape, (crop.slices, crop.side, crop.side), strict=False):
        first = int(random.integers(0, max(size - most, 0) + 1))
        at.append(slice(first, first + most))
    part = values[tuple(at)]
    if mirror:
        for axis in (1, 2, 0):
            if random.random() < MIRRORED:
                part = np.flip(part, axis)
    return part


@dataclass(frozen=True)
class Kind:
    """The folder of a kind of images, with the number and size of crops of each."""

    name: str
    crops: int
    crop: Crop


def patches(path: Path) -> Values:
    """The squares of PATCH x PATCH pixels that tile a picture, [n, PATCH, PATCH, 3]."""
    try:
        picture = np.asarray(Image.open(path).convert("RGB"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    rows, columns = (size // PATCH for size in picture.shape[:2])
    tiles = picture[: rows * PATCH, : columns * PATCH].reshape(rows, PATCH, columns, PATCH, 3)
    return tiles.swapaxes(1, 2).reshape(-1, PATCH, PATCH, 3)


def turned_patches(path: Path, random: np.random.Generator) -> list[Item]:
    """The same as items, each turned or mirrored at random."""
    found = []
    for patch in patches(path):
        turned = patch[:, ::-1] if random.random() < 0.5 else patch
        if random.random() < 0.5:
            turned = turned.transpose(1, 0, 2)
        found.append(Item(np.ascontiguousarray(turned)[np.newaxis], 256))
    return found


def arrays(folder: Path, kind: str) -> Iterator[Values]:
    """The .npy files of integers of 8 or 16 bits in the folder of a kind, by name.

    Arrays of more than two dimensions are stacks if the kind is VOLUME; otherwise a short axis, the
    last or the first, is that of channels.
    """
    paths = sorted((folder / kind).glob("*.npy"))
    if not paths:
        raise InputError(f"{folder / kind}: holds no .npy files")
    for path in paths:
        array = np.load(path)
        if array.dtype.kind not in "ui" or array.dtype.itemsize > 2 or array.ndim not in (2, 3):
            continue
        if array.ndim == 2:
            yield array[np.newaxis, :, :, np.newaxis]
        elif kind == VOLUME:
            yield array[..., np.newaxis]
        elif array.shape[2] <= MOST_CHANNELS:
            yield array[np.newaxis]
        elif array.shape[0] <= MOST_CHANNELS:
            yield np.moveaxis(array, 0, 2)[np.newaxis]
        else:
            yield array[..., np.newaxis]


def crops(folder: Path, kind: Kind, random: np.random.Generator) -> Iterator[Item]:
    """Random parts of all images of a kind, sometimes mirrored; none with a single value."""
    for values in arrays(folder, kind.name):
        for _ in range(kind.crops):
            item = as_item(random_crop(values, kind.crop, random, mirror=True))
            if item is not None:
                yield item
