"""The test sets of digits come back from the context models, with one engine and with another: a
sample always, all of them with `make test-slow`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback import _core
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images
from bitsback_lab.peers.units import Images

MODELS: dict[str, tuple[Callable[[], Images], float, float]] = {
    "mnist-binary-context": (binarised_mnist_test_images, 0.1482, 0.1495),
    "mnist-context": (mnist_test_images, 1.016, 1.016),
    "mnist-context-small": (mnist_test_images, 1.031, 1.028),
}
"""The sets' images, with upper bounds in bits per pixel for archives of all and of a sample."""


def assert_come_back(images: Images, name: str, rate: float, folder: Path) -> None:
    stream = io.BytesIO()
    bitsback.compress(images, stream, model=name)
    assert 8 * len(stream.getvalue()) < rate * images.size
    (folder / "all.bb").write_bytes(stream.getvalue())
    slower = _core.simd_paths()[:-1] or ("scalar",)  # the fastest wrote it
    code = "import bitsback, sys, numpy; numpy.save(sys.argv[2], bitsback.decompress(sys.argv[1]))"
    paths = [str(folder / "all.bb"), str(folder / "all.npy")]
    subprocess.run(
        [sys.executable, "-c", code, *paths],
        env={**os.environ, "BITSBACK_SIMD": slower[-1]},
        check=True,
    )
    assert np.array_equal(np.load(folder / "all.npy"), images)


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_comes_back(name: str, tmp_path: Path) -> None:
    read, _, rate = MODELS[name]
    assert_come_back(read()[::20], name, rate, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_all_images_come_back(name: str, tmp_path: Path) -> None:
    read, rate, _ = MODELS[name]
    assert_come_back(read(), name, rate, tmp_path)
