"""The whole test sets of digits through the context models and back, by one engine and by
another.
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
from bitsback.peers.units import Images
from bitsback_lab.digits import binarised_mnist_test_images, mnist_test_images

MODELS: dict[str, tuple[Callable[[], Images], float]] = {
    "mnist-binary-context": (binarised_mnist_test_images, 0.1482),
    "mnist-context": (mnist_test_images, 1.015),
    "mnist-context-small": (mnist_test_images, 1.031),
}
"""Their images, and a rate in bits per pixel that the archive stays below."""


@pytest.mark.parametrize("name", MODELS)
def test_all_images_come_back(name: str, tmp_path: Path) -> None:
    images, rate = MODELS[name][0](), MODELS[name][1]
    stream = io.BytesIO()
    bitsback.compress(images, stream, model=name)
    assert 8 * len(stream.getvalue()) < rate * images.size
    (tmp_path / "all.bb").write_bytes(stream.getvalue())
    engines = _core.simd_paths()
    other = engines[len(engines) // 2]  # not the fastest, which wrote it, where there are two
    code = "import bitsback, sys, numpy; numpy.save(sys.argv[2], bitsback.decompress(sys.argv[1]))"
    paths = [str(tmp_path / "all.bb"), str(tmp_path / "all.npy")]
    subprocess.run(
        [sys.executable, "-c", code, *paths], env={**os.environ, "BITSBACK_SIMD": other}, check=True
    )
    assert np.array_equal(np.load(tmp_path / "all.npy"), images)
