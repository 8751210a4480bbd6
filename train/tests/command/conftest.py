"""Small images with learnable structure."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

if find_spec("torch") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py")]


@pytest.fixture(scope="session")
def stripes() -> NDArray[np.uint8]:
    """Noisy stripes with random starts: uint8 [400, 8, 10] of 0 to 15."""
    random = np.random.default_rng(3)
    phase = random.integers(0, 10, (400, 1, 1))
    bright = (np.arange(10) + np.arange(8)[:, None] + phase) % 10 < 5
    images: NDArray[np.uint8] = (bright * 12 + random.integers(0, 4, bright.shape)).astype(np.uint8)
    return images


@pytest.fixture
def folder(tmp_path: Path, stripes: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, with grey.npy and bilevel.npy."""
    np.save(tmp_path / "grey.npy", stripes)
    np.save(tmp_path / "bilevel.npy", stripes > 7)
    monkeypatch.chdir(tmp_path)
    return tmp_path
