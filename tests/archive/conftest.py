"""Data to archive, a small model of its own kind, and archives in memory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images
from random_models import random_model

TINY_SHAPE = (6, 10)


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [300, 28, 28]."""
    return binarised_mnist_test_images()[:300]


@pytest.fixture(scope="session")
def tiny() -> bitsback.Model:
    """An unbundled model for items of 6 x 10 that are nearly all zeros."""
    description, tensors = random_model(shape=TINY_SHAPE, latents=1, hidden=4, bits=8)
    tensors["likelihood.probability"] = np.full(256, 300, np.uint16)
    tensors["posterior.inverse_scale"] = np.full(256, 70000, np.uint32)
    return bitsback.Model.build(json.dumps(json.loads(description) | {"name": "tiny"}), tensors)


@pytest.fixture(scope="session")
def dots() -> NDArray[np.uint8]:
    """uint8 [100, 6, 10] of values 0 and 255, nearly all 0, for the tiny model."""
    chance = np.random.RandomState(1).random_sample((100, *TINY_SHAPE))
    return np.where(chance < 0.004, 255, 0).astype(np.uint8)


def assert_same(restored: NDArray[Any], array: NDArray[Any]) -> None:
    """Equal in dtype, byte order, shape and every bit."""
    assert restored.dtype.str == array.dtype.str
    assert restored.shape == array.shape
    assert restored.tobytes() == array.tobytes()
