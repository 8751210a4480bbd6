"""`bitsback.embed` puts models into an archive; its blocks stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback.models import bundled
from bitsback.models.embed import unpack_model
from reference import archive as spec
from reference.embedded import read_model

from .golden.make import woven


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    return woven(30, 40)


def sections(path: Path) -> list[tuple[str, bytes]]:
    return [(one.kind, one.payload) for one in spec.read_sections(path.read_bytes())]


def test_the_specification_decodes_it_alone(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path, model = tmp_path / "x.bb", "universal-fast"
    bitsback.compress(picture, path, model=model)
    before = sections(path)
    assert [one.name for one in bitsback.embed(path)] == [model]
    after = sections(path)
    assert [part for part in after if part[0] not in "MI"] == [p for p in before if p[0] != "I"]
    assert read_model(dict(after)["M"]).identity == bundled.identity(model)
    assert np.array_equal(spec.decode(path.read_bytes()), picture)
    assert np.array_equal(bitsback.decompress(path), picture)
    again = path.read_bytes()
    bitsback.embed(path)
    assert path.read_bytes() == again


def test_models_are_whole(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    """Also one that is embedded by its differences to another bundled one, if that is allowed."""
    path, model = tmp_path / "x.bb", "universal-mixed"
    bitsback.compress(picture, path, model=model, embed="always")
    found = dict(sections(path))["M"]
    assert unpack_model(found, lambda prefix: None).name == model
    bitsback.compress(picture, path, model=model, force=True)
    bitsback.embed(path)
    assert dict(sections(path))["M"] == found


def test_a_folder_keeps_all_else(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 6, (60, 80), np.uint8)
        Image.fromarray(woven(60, 80) + noise).save(folder / f"{number}.png")
    (folder / "notes.txt").write_text("three pictures")
    path, out = tmp_path / "x.bb", tmp_path / "y.bb"
    bitsback.compress(folder, path, model="universal-fast", hashes="sha256")
    result = CliRunner().invoke(command, ["embed", str(path), "-o", str(out), "--json"])
    assert result.exit_code == 0 and json.loads(result.stdout)["models"] == ["universal-fast"]
    bitsback.decompress(out, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "three pictures"
    for file in folder.glob("*.png"):
        pixels = (np.asarray(Image.open(one / file.name)) for one in (folder, tmp_path / "out"))
        assert np.array_equal(*pixels)
    with bitsback.open(out) as archive:
        assert not list(archive.verify())


def test_an_archive_without_blocks_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(np.zeros((0, 28, 28), bool), path)
    before = path.read_bytes()
    assert bitsback.embed(path) == []
    assert path.read_bytes() == before


def test_a_damaged_archive_is_refused_and_stays(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(picture, path, model="universal-fast")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(bitsback.ArchiveError, match="checksum"):
        bitsback.embed(path)
    assert path.read_bytes() == data and [one.name for one in tmp_path.iterdir()] == ["x.bb"]
