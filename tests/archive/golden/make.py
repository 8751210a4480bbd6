"""The arrays of the golden archives, and the archives themselves: run this file to write them again.

They pin what bytes mean. A change of them is a change of the format, and raises its version.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.demo.digits import binarised_mnist_test_images, mnist_test_images

FOLDER = Path(__file__).parent


def grey() -> NDArray[np.uint8]:
    return (np.arange(600) * 7919 % 251).astype(np.uint8).reshape(30, 4, 5)


GOLDEN: dict[str, tuple[Callable[[], NDArray[Any]], dict[str, Any]]] = {
    "digits": (lambda: binarised_mnist_test_images()[:30], {"block": 8}),
    "digits-two-lanes": (lambda: binarised_mnist_test_images()[:40].view(np.uint8) * np.uint8(255), {}),
    "one-digit": (lambda: binarised_mnist_test_images()[0], {}),
    "paper": (lambda: binarised_mnist_test_images()[:9].astype(">f4"), {"model": "mnist-binary-paper"}),
    "embedded-model": (
        lambda: binarised_mnist_test_images()[:9],
        {"model": "mnist-binary-paper", "embed": "always"},
    ),
    "grey-digits": (lambda: mnist_test_images()[:30], {"block": 8}),
    "grey-digits-paper": (lambda: mnist_test_images()[:9], {"model": "mnist-paper"}),
    "inverted": (lambda: ~binarised_mnist_test_images()[:9], {}),
    "packed": (lambda: grey() > 100, {"block": 12}),
    "raw": (lambda: grey().astype("<i2"), {}),
    "empty": (lambda: np.zeros((0, 28, 28), bool), {}),
    "number": (lambda: np.array(2.5), {}),
}
"""For each archive its array, and the options that it was made with."""


def make(name: str) -> bytes:
    array, options = GOLDEN[name]
    stream = io.BytesIO()
    bitsback.compress(array(), stream, **options)
    return stream.getvalue()


if __name__ == "__main__":
    for name in GOLDEN:
        (FOLDER / f"{name}.bb").write_bytes(make(name))
