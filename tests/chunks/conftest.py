"""Chunks for the tests of blocks alone and of the codecs of Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.models import known
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from random_models import random_model


@pytest.fixture(scope="session")
def grey() -> NDArray[np.uint8]:
    return mnist_test_images()[:64]


@pytest.fixture(scope="session")
def bilevel() -> NDArray[np.bool_]:
    return binarised_mnist_test_images()[:64]


@pytest.fixture(scope="session")
def volume() -> NDArray[np.uint16]:
    """uint16 [6, 24, 30], each slice like the one before it."""
    z, y, x = np.mgrid[:6, :24, :30]
    smooth = 900 + 300 * np.sin((x + z) / 7) + 200 * np.cos(y / 5)
    noise: NDArray[Any] = np.random.default_rng(0).normal(0, 3, smooth.shape)
    return (smooth + noise).astype(np.uint16)


@pytest.fixture
def own() -> bitsback.Model:
    """An unbundled model for bilevel items of 12 x 12 pixels."""
    return bitsback.Model.build(*random_model(shape=(12, 12), latents=1, hidden=99))


@pytest.fixture
def drawn(own: bitsback.Model) -> NDArray[np.uint8]:
    """Images that only the own model compresses well, since they are drawn from it: uint8 [200, 12,
    12].
    """
    words = np.random.default_rng(3).integers(0, 2**32, 60_000, np.uint32)
    message = bitsback.Message([2**40], words, 0)
    x = own.likelihood(own.prior(200).pop(message)).pop(message)
    return x.reshape(200, 12, 12)


@pytest.fixture
def own_file(own: bitsback.Model, tmp_path: Path) -> Path:
    path = tmp_path / "own.safetensors"
    path.write_bytes(own.to_bytes())
    return path


@pytest.fixture(autouse=True)
def forgetting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undoes the registrations that a test makes."""
    monkeypatch.setattr(known, "_models", dict(known._models))
    monkeypatch.delenv(known.VARIABLE, raising=False)
    yield
