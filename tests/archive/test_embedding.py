"""`bitsback.embed` puts models into an archive; its blocks stay as they are. `compress` puts
bundled ones into it where they cost next to nothing.
"""

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
from bitsback.summary import Compressed
from folders import save
from in_memory import Pipe, packed, unpack
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
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 6, (60, 80), np.uint8)
        save(woven(60, 80) + noise, folder / f"{number}.png")
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


def walk_of(steps: int) -> NDArray[np.int32]:
    """A series, of about a byte for each step."""
    random = np.random.default_rng(0)
    return random.normal(0, 60, (steps, 1)).cumsum(0).astype(np.int32)


@pytest.fixture(scope="module")
def series() -> NDArray[np.int32]:
    """Long enough for its model to be embedded."""
    return walk_of(130_000)


@pytest.fixture(scope="module")
def coded(series: NDArray[np.int32]) -> tuple[bytes, Compressed]:
    return packed(series)


def kinds(archive: bytes) -> str:
    return "".join(one.kind for one in spec.read_sections(archive))


def test_a_bundled_model_is_embedded_where_it_costs_next_to_nothing(
    series: NDArray[np.int32], coded: tuple[bytes, Compressed]
) -> None:
    """Behind the blocks, since only they tell the size of the archive."""
    archive, summary = coded
    assert 0 < summary.model_bytes < summary.bytes_out / 200
    assert set(kinds(archive)) == set("CBMI") and kinds(archive).endswith("BMI")
    assert np.array_equal(unpack(archive), series)
    assert read_model(spec.read_sections(archive)[-2].payload).identity == bundled.identity(
        "series"
    )
    assert packed(series[:90_000])[1].model_bytes == 0
    assert packed(series, embed="never")[1].model_bytes == 0


def test_it_is_embedded_in_pipes(
    series: NDArray[np.int32], coded: tuple[bytes, Compressed]
) -> None:
    pipe = Pipe()
    bitsback.compress(series, pipe)
    assert bytes(pipe.written) == coded[0]
    assert np.array_equal(bitsback.decompress(Pipe(bytes(pipe.written))), series)
    damaged = bytearray(pipe.written)
    damaged[-100] ^= 1
    with pytest.raises(bitsback.ArchiveError, match="the model in the archive is damaged"):
        bitsback.decompress(Pipe(bytes(damaged)))
    assert np.array_equal(bitsback.decompress(Pipe(bytes(damaged)), model="series"), series)


def test_it_is_embedded_once_when_something_is_added(tmp_path: Path) -> None:
    series, path = walk_of(90_000), tmp_path / "x.bb"
    assert bitsback.compress(series, path).model_bytes == 0
    assert [bitsback.add(path, series).model_bytes > 0 for _ in range(2)] == [True, False]
    assert kinds(path.read_bytes()).count("M") == 1
    assert np.array_equal(bitsback.decompress(path), np.concatenate([series] * 3))


def test_damage_to_a_bundled_model_matters_to_no_block(
    series: NDArray[np.int32], coded: tuple[bytes, Compressed]
) -> None:
    archive = bytearray(coded[0])
    archive[-100] ^= 1
    with bitsback.open(bytes(archive)) as opened:
        assert np.array_equal(opened[100:200], series[100:200])
        assert [str(problem) for _, problem in opened.verify()] != []
