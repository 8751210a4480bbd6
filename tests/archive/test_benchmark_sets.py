"""The photographs of Kodak and the test images of CIFAR-10 come back from the universal model, with
one engine and with another: `BITSBACK_DATA=FOLDER make test-slow`.
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

SETS: dict[str, tuple[Callable[[], Any], float]] = {
    "kodak": (kodak, 2.80),
    "cifar10": (cifar10, 3.70),
}
"""The sets' images, with upper bounds in bits per sub-pixel for their archives."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_all_images_come_back(name: str, tmp_path: Path) -> None:
    if ENVIRONMENT not in os.environ:
        pytest.skip(f"{name} does not ship: set {ENVIRONMENT} to a folder that has it")
    read, rate = SETS[name]
    images = read()
    arrays: dict[str, NDArray[Any]] = (
        {f"{number:02}": image for number, image in enumerate(images)}
        if isinstance(images, list)
        else {"all": images}
    )
    np.savez(tmp_path / "all.npz", **arrays)  # type: ignore[arg-type]
    bitsback.compress(tmp_path / "all.npz", tmp_path / "all.bb", model="best")
    size = (tmp_path / "all.bb").stat().st_size
    assert 8 * size < rate * sum(image.size for image in arrays.values())
    slower = _core.simd_paths()[:-1] or ("scalar",)  # the fastest wrote it
    code = "import bitsback, sys; bitsback.decompress(sys.argv[1], sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "all.bb"), str(tmp_path / "restored.npz")],
        env={**os.environ, "BITSBACK_SIMD": slower[-1]},
        check=True,
    )
    with np.load(tmp_path / "restored.npz") as restored:
        assert set(restored.files) == set(arrays)
        assert all(np.array_equal(restored[key], image) for key, image in arrays.items())
