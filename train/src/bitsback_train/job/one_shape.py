"""Images of one shape for training a VAE, and the choice whether a VAE suits images better."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.opening import Source
from bitsback.archive.inputs.request import Request
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.files.npy import Items
from bitsback.format.array_part import VARIED
from bitsback.format.two_values import find_two_values, to_symbols
from bitsback_train.downloads import SETS, TEST_IMAGES, TRAIN_IMAGES
from bitsback_train.fit.vae_training import read_idx_images
from bitsback_train.job.image_set import ImageSet, opened
from bitsback_train.job.splits import MOST, RUNS, TENTH, draw

SMALLEST, LARGEST = 8, 128  # pixels, of a side
FEWEST = 100  # images
MOST_BYTES = 1 << 30  # in memory; more images are sampled evenly
MOST_IMAGES, LEAST_IMAGES = 2_000, 20  # validation and held-out images each
MANY_ARRAYS = 40  # from this number whole arrays are held out, unless they are very uneven
LARGEST_CHOSEN = 32  # rows and columns of images for which a VAE is better
FEWEST_CHOSEN = 1_000  # images


def suits_vae(source: Source) -> bool:
    """Whether these are many small grey or bilevel images of one shape, of which a VAE learns more
    than a size-agnostic model.

    source: whatever `bitsback.compress` takes, or the name of public data. Raises InputError if it
    cannot be read.
    """
    if isinstance(source, str) and source in SETS:
        return True
    with opened(source, Request(options=CompressOptions(stack=False))) as (_, found):
        shapes = {shape for _, part in found.parts for _, shape in part.runs}
        grey = all(part.dtype in (np.uint8, np.bool_) for _, part in found.parts)
        count = sum(part.items for _, part in found.parts)
    if len(shapes) != 1 or not grey or count < FEWEST_CHOSEN:
        return False
    sides = [side for side in shapes.pop() if side != 1]
    return len(sides) == 2 and min(sides) >= SMALLEST and max(sides) <= LARGEST_CHOSEN


def read_one_shape(source: Source, seed: int) -> ImageSet:
    """The images of anything that `bitsback.compress` takes. Raises InputError if they are
    unsuitable for training.
    """
    with opened(source, Request(options=CompressOptions(stack=False))) as (name, found):
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
                f"{name}: holds images of {len(kinds)} kinds"
                f" ({', '.join(some) or 'none'}{', ...' if len(kinds) > 3 else ''}), and a"
                " model is for images of one shape and kind; give those of each kind on their"
                " own"
            )
        ((inner, dtype),) = kinds
        whole = (sum(items.shape[0] for items in arrays if items.shape), *inner)
        shape = _image_shape(whole, name)
        _check_dtype(dtype, name)
        size = int(np.prod(shape)) * dtype.itemsize
        stride = -(-whole[0] * size // MOST_BYTES)
        kept = [_read(items, stride, size) for items in arrays]
    starts = np.cumsum([0, *map(len, kept)])[:-1]
    images = np.concatenate(kept).reshape(-1, *shape)
    return one_shape(images, name, seed, starts=tuple(map(int, starts)))


def read_public(name: str, folder: Path, seed: int) -> ImageSet:
    """A data set that comes as IDX files in `folder`, with a test set of its own."""
    images, test = (read_idx_images(folder / file) for file in (TRAIN_IMAGES, TEST_IMAGES))
    return one_shape(images, name, seed, test)


def _read(items: Items, stride: int, size: int) -> NDArray[Any]:
    """Every stride-th image of an array, of `size` bytes each."""
    count = items.shape[0]
    some = stride * max(1, (1 << 24) // (size * stride))
    kept = [items.read(min(some, count - first), 1)[::stride] for first in range(0, count, some)]
    items.finish()
    return np.concatenate(kept) if kept else np.empty((0, *items.shape[1:]), items.dtype)


def one_shape(
    array: NDArray[Any],
    name: str,
    seed: int,
    test: NDArray[Any] | None = None,
    starts: tuple[int, ...] = (0,),
) -> ImageSet:
    """Images [n, height, width] of bool, uint8, or any two integers, in splits.

    name: for error messages. test: the test set of the data, if any, which becomes the held-out
    part. starts: the first image of each of its arrays.

    Two values make a bilevel collection. Other images have as many levels as their greatest value
    needs, or all 256 if it is above 127, so that the model can code similar images. Raises
    InputError.
    """
    rows, columns = _image_shape(array.shape, name)
    whole = np.ascontiguousarray(array if test is None else np.concatenate((array, test)))
    if (whole == whole.flat[0]).all():
        raise InputError(
            f"{name}: all pixels of all images have the same value, and there is nothing to learn"
        )
    pair = find_two_values(whole)
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
    values = symbols.reshape(-1, rows, columns, 1)
    random = np.random.default_rng(seed)
    train, validation, held_out = _split(len(array), rows * columns, starts, test is None, random)
    own = values[: len(array)]
    reported = own[held_out] if test is None else values[len(array) :]
    kind = "bilevel" if levels == 2 else f"grey ({levels} levels)"
    return ImageSet(
        name,
        kind,
        len(values),
        [own[train]],
        [own[validation]],
        [reported],
        len(reported) / len(values),
        levels,
        values,
    )


def _split(
    count: int, pixels: int, starts: tuple[int, ...], held_out: bool, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of images for training, validation and testing: a tenth each for the latter two,
    unless there is a test set.

    Consecutive images, such as tiles of one picture, are so similar that training on some reveals
    the others. So runs of images are drawn, or whole arrays if there are many.
    """
    size = max(LEAST_IMAGES, min(count // TENTH, MOST_IMAGES, MOST // pixels))
    runs = np.split(np.arange(count), starts[1:])
    if len(runs) < MANY_ARRAYS or max(map(len, runs)) > size:
        runs = np.split(np.arange(count), range(0, count, size // RUNS)[1:])
    rest, validation, reported = draw(runs, len, size, random, held_out)
    none = np.empty(0, np.intp)
    train = random.permutation(np.concatenate(rest))
    return train, np.concatenate(validation), np.concatenate([none, *reported])


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
