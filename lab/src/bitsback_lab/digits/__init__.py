"""The 10,000 test images of MNIST, which ship with the lab (their licence lies beside them)."""

from __future__ import annotations

import gzip
from importlib import resources

import numpy as np
from numpy.typing import NDArray


def mnist_test_images() -> NDArray[np.uint8]:
    """The images as published: uint8 [10000, 28, 28], 0 is the background."""
    packed = resources.files(__name__).joinpath("mnist-test-images.idx3.gz").read_bytes()
    data = gzip.decompress(packed)
    # idx3: a magic number, then the three dimensions, each a big-endian 32-bit number, then the
    # pixels.
    magic, *shape = np.frombuffer(data, ">u4", 4)
    assert magic == 0x803
    return np.frombuffer(data, np.uint8, offset=16).reshape([int(size) for size in shape])


def binarise(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Draw each pixel from its gray value, with a fixed seed: bool, of the same shape.

    This is the method of Salakhutdinov and Murray (2008), as in the bits-back papers. The result
    depends on the shape: binarise the whole set, then take a part of it.
    """
    noise = np.random.RandomState(0).random_sample(images.shape)
    binary: NDArray[np.bool_] = noise < images / 255
    return binary


def binarised_mnist_test_images() -> NDArray[np.bool_]:
    """bool [10000, 28, 28]."""
    return binarise(mnist_test_images())
