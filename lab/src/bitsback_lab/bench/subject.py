"""The images that a comparison is made on: whatever `bitsback compress` reads, if it is grey or
bilevel.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import Collection
from bitsback.archive.inputs import Asked, Source, open_input
from bitsback.archive.levels import find_levels, to_symbols
from bitsback.errors import InputError, InputWarning
from bitsback.images.npy import Items
from bitsback.peers.units import Images
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

BUNDLED: dict[str, Callable[[], Images]] = {
    "mnist": mnist_test_images,
    "mnist-binary": binarised_mnist_test_images,
}
"""Words for test sets that ship."""

MOST_BYTES = 1 << 30  # of the images; a compressor may need many times as much

_PIECE = 1 << 24  # bytes to read at once


@dataclass(frozen=True)
class Data:
    """Images [n, height, width], bool if they have two values and uint8 otherwise, evenly spaced
    among `total`.
    """

    name: str
    images: Images
    total: int

    @property
    def levels(self) -> int:
        return 2 if self.images.dtype == np.bool_ else 256


def read(source: Source, name: str, sample: int | None = None) -> Data:
    """The images of a source, or `sample` of them. Raises InputError if they are not grey or
    bilevel, of one shape.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", InputWarning
        )  # of what does not come back, which is not the question here
        with open_input(source, Asked(stack=False)) as found:
            kinds_found = [(shape, part.dtype) for _, part in found.parts for _, shape in part.runs]
            if len(kinds_found) != 1:
                kinds = ", ".join(f"{shape} {dtype}" for shape, dtype in kinds_found[:3]) or "none"
                raise InputError(
                    f"{name}: its images have to be of one shape and kind for this, and it holds"
                    f" {len(kinds_found)} ({kinds}{', ...' if len(kinds_found) > 3 else ''}); give"
                    " those of each kind on their own"
                )
            return _read(*found.parts[0], name, sample)


def read_bundled(name: str, sample: int | None = None) -> Data:
    """One of `BUNDLED`."""
    images: Images = BUNDLED[name]()
    return Data(name, images[_spaced(len(images), sample)], len(images))


def _read(items: Items, part: Collection, name: str, sample: int | None) -> Data:
    shape = _image_shape(part, name)
    wanted = _spaced(part.items, sample)
    item_bytes = part.nbytes // part.items
    size = len(wanted) * item_bytes
    if size > MOST_BYTES:
        raise InputError(
            f"{name}: its images take {size / 1e9:.1f} GB; take some of them with --sample, at most"
            f" {MOST_BYTES // item_bytes:,}"
        )
    kept = np.concatenate(list(_pieces(items, part, wanted))).reshape(-1, *shape)
    return Data(name, _images(kept, name), part.items)


def _pieces(items: Items, part: Collection, wanted: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    """The wanted ones among the items, which are read once, from beginning to end."""
    step = max(1, _PIECE * part.items // part.nbytes)
    for first in range(0, part.items, step):
        count = min(step, part.items - first)
        start, stop = np.searchsorted(wanted, (first, first + count))
        yield items.read(count, part.axes)[wanted[start:stop] - first]
    items.finish()


def _spaced(total: int, sample: int | None) -> NDArray[np.int64]:
    """The numbers of `sample` items, or of all, evenly spaced."""
    count = total if sample is None else min(sample, total)
    return np.arange(count, dtype=np.int64) * total // max(count, 1)


def _images(items: NDArray[Any], name: str) -> Images:
    """As compressors take them. Raises InputError for other values than grey or two."""
    items = np.ascontiguousarray(items)
    pair = find_levels(items)
    if pair is not None:
        return to_symbols(items, pair).reshape(items.shape).view(np.bool_)
    if items.dtype == np.uint8:
        return items
    raise InputError(
        f"{name}: its elements are {items.dtype} of more than two values, and this compares grey"
        " images of 8 bits (uint8) and bilevel ones; convert them first"
    )


def _image_shape(part: Collection, name: str) -> tuple[int, int]:
    """Height and width. Raises InputError."""
    sides = part.item_shape
    if len(sides) > 2:
        sides = tuple(side for side in sides if side != 1)
    if len(sides) != 2 or part.elements == 0:
        raise InputError(
            f"{name}: its shape is {part.shape}, and this compares grey or bilevel images: [images,"
            " height, width]; reshape or convert them first"
        )
    return sides[0], sides[1]
