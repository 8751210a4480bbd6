"""Old archives of files restore the same files, and are written with the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

import bitsback
from zoo.compared import difference

from .conftest import files, pixels
from .golden.make import FOLDER, GOLDEN, PINNED, make


@pytest.fixture(params=GOLDEN)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_its_files_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    if name in PINNED:
        assert make(name, tmp_path) == (FOLDER / f"{name}.bb").read_bytes()


def test_it_is_restored(name: str, tmp_path: Path) -> None:
    GOLDEN[name](tmp_path / name)
    bitsback.decompress(FOLDER / f"{name}.bb", tmp_path / "out")
    assert_same(tmp_path / name, tmp_path / "out")
    if name in ("files", "changed", "kinds", "scans", "volumes", "gifs", "animations-exact"):
        for file in files(tmp_path / name):
            before, after = tmp_path / name / file, tmp_path / "out" / file
            assert after.read_bytes() == before.read_bytes()
            assert (
                name in ("kinds", "scans", "volumes", "gifs", "animations-exact")
                or after.stat().st_mtime_ns == before.stat().st_mtime_ns
            )


def assert_same(there: Path, here: Path) -> None:
    if there.is_dir():
        assert files(here) == files(there)
        for file in files(there):
            if file == "pages.tiff":
                assert frames(here / file) == frames(there / file)
            if Path(file).suffix not in (".png", ".apng", ".bmp", ".webp"):
                continue
            if there.name == "animations":
                one, other = (folder / file for folder in (there, here))
                assert difference("a.png", one.read_bytes(), other.read_bytes()) is None
            assert pixels(here / file)[0] == pixels(there / file)[0]
            assert np.array_equal(pixels(here / file)[1], pixels(there / file)[1])
    elif there.suffix == ".npz":
        with np.load(there) as expected, np.load(here) as restored:
            assert restored.files == expected.files
            for name in expected.files:
                assert restored[name].dtype == expected[name].dtype
                assert np.array_equal(restored[name], expected[name])
    elif there.suffix == ".gz":
        assert gzip.decompress(here.read_bytes()) == gzip.decompress(there.read_bytes())
    else:
        assert here.read_bytes() == there.read_bytes()


def frames(file: Path) -> list[list[list[int]]]:
    with Image.open(file) as image:
        return [np.asarray(page).tolist() for page in ImageSequence.Iterator(image)]


def test_there_are_no_others() -> None:
    assert {path.name.removesuffix(".bb") for path in FOLDER.glob("*.bb")} == set(GOLDEN)
