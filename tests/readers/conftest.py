"""Archives that the plug-ins of other packages read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive.container.sections import Blocks
from bitsback.format.array_part import BYTES
from folders import save

BLOCK = 4


@pytest.fixture(scope="session")
def volume() -> NDArray[np.uint8]:
    """uint8 [12, 10, 9], of which archives have blocks of 4 slices."""
    return np.random.default_rng(0).integers(0, 50, (12, 10, 9), np.uint8)


@pytest.fixture(scope="session")
def pictures() -> dict[str, NDArray[Any]]:
    """By the names of files: three of one shape, and another one."""
    rng = np.random.default_rng(1)
    shapes = {"a/1.png": (7, 8), "a/2.png": (7, 8), "b.png": (7, 8), "c.png": (5, 6, 3)}
    return {name: rng.integers(0, 20, shape, np.uint8) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def made(
    tmp_path_factory: pytest.TempPathFactory,
    volume: NDArray[np.uint8],
    pictures: dict[str, NDArray[Any]],
) -> Path:
    """A folder with volume.bb, folder.bb, of pictures and a text, and scan.bb, of one picture."""
    folder = tmp_path_factory.mktemp("made")
    bitsback.compress(volume, folder / "volume.bb", block=BLOCK)
    for name, pixels in pictures.items():
        save(pixels, folder / "in" / name)
    (folder / "in/notes.txt").write_text("no picture")
    bitsback.compress(folder / "in", folder / "folder.bb")
    bitsback.compress(folder / "in/c.png", folder / "scan.bb")
    return folder


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first tiles of the blocks of arrays and pictures that are decoded."""
    first: list[int] = []
    decode: Callable[..., Any] = Blocks.decode_at

    def counted(self: Blocks, tile: int, stop: int | None = None) -> Any:
        found = decode(self, tile, stop)
        if self.archive.collection.part_of(tile)[1].axes != BYTES:
            first.append(found[0])
        return found

    monkeypatch.setattr(Blocks, "decode_at", counted)
    return first
