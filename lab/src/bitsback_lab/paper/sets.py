"""The test sets of the exhibits."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import BitsbackError, InputError
from bitsback.files.formats import ONE_ARRAY
from bitsback_lab import digits
from bitsback_lab.datasets import ENVIRONMENT, TEST_IMAGES
from bitsback_lab.peers.units import Images

FASHION = "fashion-mnist"
FASHION_PIXELS = "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a"  # SHA-256
COUNT = 10_000


def mnist(levels: int) -> Images:
    """The MNIST test set [10000, 28, 28] in the package: binarised, bool, for two levels, otherwise
    grey, uint8.

    Raises BitsbackError if the file cannot be read.
    """
    try:
        return digits.binarised_mnist_test_images() if levels == 2 else digits.mnist_test_images()
    except (OSError, EOFError, ValueError, AssertionError, zlib.error) as error:
        raise BitsbackError(
            f"the test images that come with bitsback-lab cannot be read ({error}): install"
            " bitsback-lab again"
        ) from error


def fashion() -> NDArray[np.uint8] | None:
    """Fashion-MNIST's test set, uint8 [10000, 28, 28], from the folder that BITSBACK_DATA names;
    None if none is named.

    Raises InputError if it is missing, or is another file.
    """
    named = os.environ.get(ENVIRONMENT)
    if not named:
        return None
    path = next((path for path in _places(Path(named)) if path.is_file()), None)
    remedy = (
        f"put {TEST_IMAGES} of Fashion-MNIST there, or unset {ENVIRONMENT} to take the figures"
        " that come along"
    )
    if path is None:
        raise InputError(f"{_places(Path(named))[0]}: there is no such file; {remedy}")
    try:
        with path.open("rb") as file:
            items = ONE_ARRAY["idx.gz"].open(file, str(path))
            images = items.read(COUNT, 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}); {remedy}") from None
    except InputError as error:
        raise InputError(f"{error}; {remedy}") from None
    if pixels_digest(images) != FASHION_PIXELS:
        raise InputError(
            f"{path}: contains other images than the test set of Fashion-MNIST; {remedy}"
        )
    return images


def pixels_digest(images: NDArray[np.uint8]) -> str:
    """SHA-256 of the pixels, hexadecimal."""
    return hashlib.sha256(images.tobytes()).hexdigest()


def _places(folder: Path) -> tuple[Path, ...]:
    return folder / FASHION / TEST_IMAGES, folder / TEST_IMAGES
