"""The arrays of the golden archives, and the archives; run this file to write them again
(`PYTHONPATH=tests python tests/archive/golden/make.py`).

They pin the meaning of bytes. A change of them is a change of the format, and raises its version.
The autoregressive models beside them are random: random_models.random_context_model_file made them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from plane_models import only_one_shape

FOLDER = Path(__file__).parent


def model_file(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def drawn(name: str) -> NDArray[np.uint8]:
    """30 items that the model of this name decodes from the words of the implicit tail."""
    model, message = bitsback.load_model(model_file(name)), bitsback.Message([2**40], depth=0)
    z = model.prior(30).pop(message)
    return model.likelihood(z).pop(message).reshape(30, *model.item_shape)


def jpeg_colours(ycc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours that JPEG's conversion makes of Y, Cb and Cr."""
    y, cb, cr = np.moveaxis(ycc.astype(np.int64) - [0, 128, 128], -1, 0)
    half = 1 << 15
    red, blue = (91881 * cr + half) >> 16, (116130 * cb + half) >> 16
    green = (-46802 * cr - 22554 * cb + half) >> 16
    return np.clip(np.stack([y + red, y + green, y + blue], -1), 0, 255).astype(np.uint8)


def noise(dtype: str, *shape: int) -> NDArray[Any]:
    """Random bytes, which no compressor makes smaller."""
    words = bitsback._core.splitmix64(0, 0, int(np.prod(shape)))
    return words.astype(dtype).reshape(shape)


def photo(dtype: str, *shape: int) -> NDArray[Any]:
    """Smooth in both directions, with a little noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = (x * x * 3 + y * y * 5) // 64 % 240
    channels = np.broadcast_to(smooth.reshape(*smooth.shape, *[1] * (len(shape) - 2)), shape)
    values = channels + noise("u1", *shape) % 8
    return np.ascontiguousarray(values * (np.dtype(dtype).itemsize * 100 - 99)).astype(dtype)


def roots(dtype: str, rows: int, columns: int) -> NDArray[Any]:
    """Smooth, with many values; roots are correctly rounded everywhere."""
    values = photo("u1", rows, columns) + noise("u4", rows, columns) * 2.0**-32
    return np.sqrt(values).astype(dtype)


def swinging(dtype: str, steps: int) -> NDArray[Any]:
    """Five columns that swing like springs, with a little noise: [steps, 5]."""
    found = np.zeros((steps, 5), np.int64)
    for step, push in enumerate(noise("u1", steps, 5) % 16):
        one, two = found[step - 1], found[step - 2]
        found[step] = (31 * one - 16 * two) // 16 + push - 7
    return found.astype(dtype)


def woven(rows: int, columns: int) -> NDArray[np.uint8]:
    """Each pixel is the sum of what its row and its column swing to, with a little noise."""
    sums = np.add.outer(swinging("<i2", rows)[:, 0], swinging("<i2", columns)[:, 1])
    return (np.clip(sums // 4 + 100, 0, 250) + noise("u1", rows, columns) % 4).astype(np.uint8)


def sorted_items(array: NDArray[Any]) -> NDArray[Any]:
    """Sorted by the bytes of the items, as a multiset comes back."""
    return array[sorted(range(len(array)), key=lambda item: array[item].tobytes())]


GOLDEN: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "digits": (lambda: binarised_mnist_test_images()[:30], {"block": 8, "model": "mnist-binary"}),
    "digits-two-lanes": (
        lambda: binarised_mnist_test_images()[:40].view(np.uint8) * np.uint8(255),
        {"model": "mnist-binary"},
    ),
    "one-digit": (lambda: binarised_mnist_test_images()[0], {"model": "mnist-binary"}),
    "paper": (
        lambda: binarised_mnist_test_images()[:9].astype(">f4"),
        {"model": "mnist-binary-paper"},
    ),
    "embedded-model": (
        lambda: binarised_mnist_test_images()[:9],
        {"model": "mnist-binary-paper", "embed": "always"},
    ),
    "grey-digits": (lambda: mnist_test_images()[:30], {"block": 8, "model": "mnist"}),
    "grey-digits-paper": (lambda: mnist_test_images()[:9], {"model": "mnist-paper"}),
    "inverted": (lambda: ~binarised_mnist_test_images()[:9], {"model": "mnist-binary"}),
    **{
        name: (partial(drawn, name), {"model": model_file(name), "embed": "always", "block": 12})
        for name in ("context-bernoulli", "context-exponential", "context-mixture")
    },
    "multiset": (
        lambda: sorted_items(binarised_mnist_test_images()[[*range(30), 3, 3, 7]]),
        {"model": "mnist-binary", "unordered": True},
    ),
    "multiset-of-planes": (
        lambda: sorted_items(woven(100, 48).reshape(5, 20, 48)),
        {"model": "universal", "unordered": True},
    ),
    "packed": (lambda: noise("u1", 30, 4, 20) > 100, {"block": 12}),
    "raw": (lambda: noise("<i2", 30, 4, 20), {}),
    "tiles": (lambda: noise("u1", 2, 40, 50), {"tile": 16, "block": 5}),
    "planes-colour": (lambda: photo("u1", 40, 50, 3), {"model": "universal", "tile": 32}),
    "planes-deep": (lambda: photo("<i2", 3, 20, 30), {"model": "universal", "stack": True}),
    "series": (lambda: swinging("<i2", 900)[:, 0], {"model": "series"}),
    "table": (lambda: swinging("<i2", 300), {"model": "series"}),
    "counted": (
        lambda: np.kron(noise("u1", 30, 35) > 99, np.ones((3, 2), bool)),
        {"model": "bilevel", "tile": 64},
    ),
    "colours-of-jpeg": (
        lambda: jpeg_colours(photo("u1", 40, 50, 3)),
        {"model": "universal", "tile": 32},
    ),
    "candidates": (lambda: photo("u1", 40, 50, 3) // 8, {"model": "graphics"}),
    "wavefronts": (lambda: photo("u1", 60, 90, 3), {"model": "universal-fast", "tile": 64}),
    "wavefronts-deep": (
        lambda: photo("u1", 3, 20, 30),
        {"model": "universal-fast", "stack": True},
    ),
    "wavefronts-of-jpeg": (
        lambda: jpeg_colours(photo("u1", 40, 50, 3)),
        {"model": "universal-fast", "tile": 32},
    ),
    "listed": (lambda: photo("u1", 40, 50).astype("<u4") * 100003, {"model": "universal"}),
    "listed-floats": (
        lambda: (photo("u1", 40, 50, 2) * 0.1 - 9.5).astype(">f4"),
        {"model": "universal", "tile": 32},
    ),
    "range-of-64-bits": (
        lambda: photo("<i2", 20, 30).astype(">i8") - 2**62,
        {"model": "universal"},
    ),
    "cut-floats": (lambda: -roots("<f4", 60, 70), {}),
    "cut-doubles": (lambda: roots(">f8", 20, 30), {}),
    "cut-integers": (
        lambda: (roots("f8", 41, 30) * 2.0**15).astype("<i4") - 2**17,
        {"tile": 30},
    ),
    "mixed": (lambda: photo("u1", 40, 50, 3), {"model": "universal-mixed", "tile": 32}),
    "fallback-plain": (lambda: np.sqrt(noise("<u4", 40, 60) % 900), {}),
    "fallback-shuffled": (lambda: np.arange(1200.0).reshape(30, 40), {}),
    "fallback-rows": (lambda: photo("u1", 40, 60), {"model": "fast"}),
    "fallback-green": (
        lambda: photo("u1", 40, 60)[None, ..., None] + np.array([0, 3, 7], np.uint8),
        {"model": "fast"},
    ),
    "fallback-deep": (
        lambda: photo(">i2", 50, 70) + np.arange(70, dtype=">i2") * np.int16(3),
        {"model": "fast", "block": 20},
    ),
    "fallback-colours": (lambda: photo("u1", 40, 61, 3)[None] // 80, {"model": "fast"}),
    "fallback-bits": (
        lambda: np.kron(noise("u1", 30, 35) > 99, np.ones((3, 2), bool)),
        {"model": "fast"},
    ),
    "empty": (lambda: np.zeros((0, 28, 28), bool), {}),
    "number": (lambda: np.array(2.5), {}),
}
"""For each archive, its array and its options."""


PINNED = [name for name in GOLDEN if not name.startswith(("fallback", "cut"))]
"""The archives whose bytes do not depend on the machine that writes them."""


def make(name: str) -> bytes:
    array, options = GOLDEN[name]
    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        if name.startswith("fallback"):
            only_one_shape(patch)
        bitsback.compress(array(), stream, **options)
    return stream.getvalue()


if __name__ == "__main__":
    for name in GOLDEN:
        (FOLDER / f"{name}.bb").write_bytes(make(name))
