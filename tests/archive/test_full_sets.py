"""Test sets come back from the models that are made for them, with one engine and with another: a
sample of digits always, all of them with `make test-slow`; with `BITSBACK_DATA=FOLDER make
test-slow` the photographs of Kodak and the images of CIFAR-10, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback import _core
from bitsback_lab.bench.subject import cifar10, kodak
from bitsback_lab.datasets import ENVIRONMENT
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

MODELS: dict[str, tuple[Callable[[], NDArray[Any]], float, float]] = {
    "mnist-binary-context": (binarised_mnist_test_images, 0.1479, 0.1495),
    "mnist-context": (mnist_test_images, 0.9745, 0.98),
    "mnist-context-small": (mnist_test_images, 0.998, 0.990),
}
"""The sets' images, with upper bounds in bits per pixel for archives of all and of a sample."""
DOWNLOADED: dict[str, tuple[Callable[[], Any], float]] = {
    "kodak": (kodak, 2.80),
    "cifar10": (cifar10, 3.70),
}
"""The same in bits per sub-pixel, of all."""


def assert_come_back(
    images: NDArray[Any] | list[NDArray[Any]], model: str, rate: float, folder: Path
) -> None:
    arrays = dict(enumerate(images)) if isinstance(images, list) else {0: images}
    np.savez(folder / "all.npz", **{f"{number}": array for number, array in arrays.items()})  # type: ignore[arg-type]
    bitsback.compress(folder / "all.npz", folder / "all.bb", model=model)
    size = (folder / "all.bb").stat().st_size
    assert 8 * size < rate * sum(array.size for array in arrays.values())
    slower = _core.simd_paths()[:-1] or ("scalar",)  # the fastest wrote it
    code = "import bitsback, sys; bitsback.decompress(sys.argv[1], sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", code, str(folder / "all.bb"), str(folder / "restored.npz")],
        env={**os.environ, "BITSBACK_SIMD": slower[-1]},
        check=True,
    )
    with np.load(folder / "restored.npz") as restored:
        assert len(restored.files) == len(arrays)
        assert all(np.array_equal(restored[f"{key}"], array) for key, array in arrays.items())


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_comes_back(name: str, tmp_path: Path) -> None:
    read, _, rate = MODELS[name]
    assert_come_back(read()[::20], name, rate, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_all_images_come_back(name: str, tmp_path: Path) -> None:
    read, rate, _ = MODELS[name]
    assert_come_back(read(), name, rate, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOWNLOADED)
def test_all_images_of_a_download_come_back(name: str, tmp_path: Path) -> None:
    if ENVIRONMENT not in os.environ:
        pytest.skip(f"{name} does not ship: set {ENVIRONMENT} to a folder that has it")
    read, rate = DOWNLOADED[name]
    assert_come_back(read(), "best", rate, tmp_path)
