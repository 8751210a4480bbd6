"""Pictures, folders of them, and archives of those."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback_lab.digits import binarised_mnist_test_images

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [60, 28, 28]."""
    return binarised_mnist_test_images()[:60]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(command, [str(argument) for argument in arguments])


def noise(mode: str, size: tuple[int, int] = (7, 5), seed: int = 0) -> NDArray[Any]:
    """A picture of a mode and a size (width, height)."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0])
    if mode == "1":
        return rng.integers(0, 2, shape).astype(bool)
    if mode == "I;16":
        return rng.integers(0, 65536, shape, np.uint16).astype("<u2")
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[mode]
    return rng.integers(0, 256, (*shape, *channels), np.uint8)


def pixels(path: Path) -> tuple[str, NDArray[Any]]:
    """The mode and the pixels of a picture file."""
    with Image.open(path) as image:
        return image.mode, np.asarray(image)


def files(folder: Path) -> list[str]:
    """The names of all files in a folder, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )


def warnings_of(source: Any, destination: Any, **options: Any) -> tuple[Any, list[str]]:
    """The summary of a compression, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        summary = bitsback.compress(source, destination, **options)
    assert all(issubclass(warning.category, bitsback.InputWarning) for warning in caught)
    return summary, [str(warning.message) for warning in caught]


def restored(source: Any, folder: Path, **options: Any) -> tuple[Path, list[str]]:
    """A folder or a list of pictures compressed and restored: the folder, and the warnings."""
    _, warned = warnings_of(source, folder / "round.bb", **options)
    bitsback.decompress(folder / "round.bb", folder / "round")
    return folder / "round", warned
