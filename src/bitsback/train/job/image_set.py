"""The images of a run of `bitsback train`: what can be trained on, and which images are for
what.
"""

import hashlib
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.archive.asked import Asked
from bitsback.archive.collection import VARIED
from bitsback.archive.inputs import Source, open_input
from bitsback.archive.levels import find_levels, to_symbols
from bitsback.compress_options import CompressOptions
from bitsback.downloads import TEST_IMAGES, TRAIN_IMAGES
from bitsback.errors import InputError, InputWarning
from bitsback.images.npy import Items
from bitsback.peers.units import Images
from bitsback.train.fit.split import Split, read_idx_images
from bitsback.train.job.called import called

Symbols = NDArray[np.uint8]

SMALLEST, LARGEST = 8, 128  # pixels, of a side
FEWEST = 100  # images
MOST_BYTES = 1 << 30  # in memory; of more images, evenly spaced ones are taken
TENTH = 10  # each of validation and held-out images is a tenth of all,
MOST_PIXELS = 1 << 21  # but no more pixels than this,
MOST_IMAGES = 2_000  # and no more images,
LEAST_IMAGES = 20  # nor fewer
RUNS = 10  # of images that follow one another, that make up either of them
MANY_ARRAYS = 40  # of which some can be held out whole, unless they are very uneven


@dataclass(frozen=True)
class ImageSet:
    """Images as symbols, uint8 [n, height, width] of 0 ... levels - 1."""

    name: str
    images: Symbols
    levels: int
    test: Symbols | None = None
    """Images that whoever made the data has set apart."""
    starts: tuple[int, ...] = (0,)
    """Where each of the arrays begins that it is made of."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.images.shape[1], self.images.shape[2]

    @property
    def kind(self) -> str:
        """What the images are, for people."""
        return "bilevel" if self.levels == 2 else f"grey ({self.levels} levels)"

    @property
    def everything(self) -> Symbols:
        """All images."""
        return self.images if self.test is None else np.concatenate((self.images, self.test))

    def digest(self) -> str:
        """SHA-256 over all that training sees, hexadecimal."""
        digest = hashlib.sha256(f"{self.images.shape} {self.levels} {self.starts}".encode())
        for images in (self.images, self.test):
            if images is not None:
                digest.update(np.ascontiguousarray(images).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Parts:
    """Images, uint8 [n, height, width], to train on, to make choices by, and to report on: no image
    is in two.
    """

    train: Symbols
    validation: Symbols
    held_out: Symbols


def read_image_set(source: Source) -> ImageSet:
    """The images of whatever `bitsback.compress` takes. Raises InputError if they cannot be trained
    on.
    """
    path = called(source)
    with warnings.catch_warnings():
        # Of what an archive would not keep, which is nothing to who trains.
        warnings.simplefilter("ignore", InputWarning)
        with open_input(source, Asked(options=CompressOptions(stack=False))) as found:
            arrays = [items for items, _ in found.parts]
            kinds = {
                (shape, part.dtype)
                for items, part in found.parts
                for shape in (
                    (size for _, size in part.runs) if part.axes == VARIED else (items.shape[1:],)
                )
            }
            if len(kinds) != 1:
                some = [f"{shape} {dtype}" for shape, dtype in sorted(kinds, key=str)[:3]]
                raise InputError(
                    f"{path}: holds images of {len(kinds)} kinds"
                    f" ({', '.join(some) or 'none'}{', ...' if len(kinds) > 3 else ''}), and a"
                    " model is for images of one shape and kind; give those of each kind on their"
                    " own"
                )
            ((inner, dtype),) = kinds
            whole = (sum(items.shape[0] for items in arrays if items.shape), *inner)
            shape = _image_shape(whole, path)
            _check_dtype(dtype, path)
            size = int(np.prod(shape)) * dtype.itemsize
            stride = -(-whole[0] * size // MOST_BYTES)
            kept = [_read(items, stride, size) for items in arrays]
    counts = [len(images) for images in kept]
    starts = tuple(sum(counts[:i]) for i in range(len(counts)))
    made = as_image_set(np.concatenate(kept).reshape(-1, *shape), path)
    return replace(made, starts=starts)


def _read(items: Items, stride: int, size: int) -> NDArray[Any]:
    """Each stride-th image of an array, which have `size` bytes."""
    count = items.shape[0]
    piece = stride * max(1, (1 << 24) // (size * stride))
    kept = [items.read(min(piece, count - first), 1)[::stride] for first in range(0, count, piece)]
    items.finish()
    return np.concatenate(kept) if kept else np.empty((0, *items.shape[1:]), items.dtype)


def as_image_set(array: NDArray[Any], name: str, test: NDArray[Any] | None = None) -> ImageSet:
    """Images [n, height, width] of bool, uint8, or any two integers. `name` is for error messages.

    Two values make a bilevel collection. Other images have as many levels as their greatest value
    asks for, and all 256 where it is above 127, so that the model can code images like them. Raises
    InputError.
    """
    _image_shape(array.shape, name)
    whole = np.ascontiguousarray(array if test is None else np.concatenate((array, test)))
    if (whole == whole.flat[0]).all():
        raise InputError(
            f"{name}: all pixels of all images have the same value, and there is nothing to learn"
        )
    pair = find_levels(whole)
    if pair is not None:
        symbols, levels = to_symbols(whole, pair).reshape(whole.shape), 2
    elif whole.dtype == np.uint8:
        symbols, top = whole, int(whole.max())
        levels = 256 if top > 127 else top + 1
    else:
        raise InputError(
            f"{name}: its elements are {whole.dtype} of more than two values, and models are for"
            " bool or uint8; if all lie within 0 to 255, convert them with .astype('uint8')"
        )
    return ImageSet(
        name, symbols[: len(array)], levels, None if test is None else symbols[len(array) :]
    )


def named_image_set(name: str, folder: Path) -> ImageSet:
    """A data set that comes as IDX files in `folder`, with a test set of its own."""
    return as_image_set(
        read_idx_images(folder / TRAIN_IMAGES), name, read_idx_images(folder / TEST_IMAGES)
    )


def split(collection: ImageSet, seed: int) -> Parts:
    """Drawn at random by the seed: a tenth to make choices by, and a tenth to report on unless
    there is a test set.

    Tiles of one picture follow one another, and they are so alike that those trained on would tell
    of the others. So not images are drawn but runs of them, or whole arrays where there are many.
    """
    count, pixels = len(collection.images), int(np.prod(collection.shape))
    size = max(LEAST_IMAGES, min(count // TENTH, MOST_IMAGES, MOST_PIXELS // pixels))
    random = np.random.default_rng(seed)
    runs = np.split(np.arange(count), collection.starts[1:])
    if len(runs) < MANY_ARRAYS or max(map(len, runs)) > size:
        runs = np.split(np.arange(count), range(0, count, size // RUNS)[1:])
    drawn = [runs[number] for number in random.permutation(len(runs))]

    def take() -> NDArray[np.intp]:
        taken = [drawn.pop()]
        while sum(map(len, taken)) < size:
            taken.append(drawn.pop())
        return np.concatenate(taken)

    validation = collection.images[take()]
    held_out = collection.images[take()] if collection.test is None else collection.test
    rest = random.permutation(np.concatenate(drawn))
    return Parts(collection.images[rest], validation, held_out)


def training_split(parts: Parts, levels: int) -> Split:
    """What `Training` takes. It draws bilevel pixels by their grey value: black and white stay what
    they are.
    """

    def flat(images: Symbols) -> torch.Tensor:
        grey = images * np.uint8(255) if levels == 2 else images
        return torch.from_numpy(np.ascontiguousarray(grey.reshape(len(grey), -1)))

    return Split(flat(parts.train), flat(parts.validation))


def as_images(symbols: Symbols, levels: int) -> Images:
    """As compressors take them: bool for two levels."""
    return symbols.astype(np.bool_) if levels == 2 else symbols


def _check_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind == "f":
        raise InputError(
            f"{name}: its elements are {dtype}, and models are for pixels of bool or uint8; convert"
            " them, for example with (255 * x).round().astype('uint8')"
        )


def _image_shape(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Height and width of the images of an array. Raises InputError."""
    sides = tuple(side for side in shape[1:] if side != 1)
    if len(sides) == 3 and sides[2] in (3, 4):
        raise InputError(
            f"{name}: holds colour images (its shape is {shape}), and grey or bilevel ones are"
            " needed; convert them, for example with Pillow's convert('L')"
        )
    if len(sides) != 2:
        raise InputError(
            f"{name}: its shape is {shape}, and grey or bilevel images are needed: [images, height,"
            " width]"
        )
    if min(sides) < SMALLEST or max(sides) > LARGEST:
        raise InputError(
            f"{name}: its images have {sides[0]} x {sides[1]} pixels, and models are trained for"
            f" {SMALLEST} x {SMALLEST} to {LARGEST} x {LARGEST}; cut them into tiles, or scale them"
        )
    if shape[0] < FEWEST:
        raise InputError(
            f"{name}: has {shape[0]} images, and {FEWEST} are the fewest that can be trained on"
        )
    return sides[0], sides[1]
