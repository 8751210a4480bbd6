"""Small pictures beside the large ones of a folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.format.layout import PREVIEWS
from folders import save
from reference import archive as spec
from reference.parity import read_previews

from .conftest import noise


def smooth(number: int) -> np.ndarray:
    y, x, c = np.mgrid[:140, :150, :3]
    waves = np.sin(y / (20 + number)) * 60 + np.cos(x / 30) * 50 + 128 + c
    return (waves + np.random.default_rng(number).integers(0, 9, waves.shape)).astype(np.uint8)


@pytest.fixture
def smooths(tmp_path: Path) -> Path:
    for number in range(2):
        save(smooth(number), tmp_path / "in" / f"{number}.png")
    save(smooth(4)[..., 0].astype("<u2") * 200, tmp_path / "in" / "deep.png")
    save(smooth(5), tmp_path / "in" / "held.jpg")
    save(noise("L"), tmp_path / "in" / "small.png")
    (tmp_path / "in" / "a.txt").write_text("no picture")
    return tmp_path / "in"


def shown(archive: bitsback.Archive, name: str) -> tuple[int, int]:
    preview = archive.preview(name)
    assert preview is not None
    with Image.open(io.BytesIO(preview)) as image:
        return image.size


def test_previews_of_a_folder(smooths: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(smooths, tmp_path / "without.bb", model="fast")
    bitsback.compress(smooths, path, model="fast", previews=True)
    size = (tmp_path / "without.bb").stat().st_size
    assert size < path.stat().st_size < size * 1.02
    with bitsback.open(path) as archive:
        assert archive.verify() == []
        for name in ("0.png", "1.png", "deep.png", "held.jpg"):
            assert 48 <= max(shown(archive, name)) <= 128
        assert archive.preview("small.png") is archive.preview("a.txt") is None
        assert archive.preview(0) == archive.preview("0.png")
        with pytest.raises(KeyError):
            archive.preview("none.png")
        preview = archive.preview("0.png")
        assert preview is not None
        with Image.open(io.BytesIO(preview)) as image:
            small = np.asarray(image.convert("RGB").resize((15, 14)), int)
        assert abs(small - smooth(0)[5::10, 5::10]).mean() < 12
        told = [archive.preview(name) or b"" for name in archive.names]
    found: dict[int, bytes] = {}
    for section in spec.read_sections(path.read_bytes()):
        found |= read_previews(section.payload) if section.kind == "v" else {}
    assert [found[number] for number in range(len(found))] == told


def test_previews_of_changed_and_merged_archives(smooths: Path, tmp_path: Path) -> None:
    path, merged = tmp_path / "x.bb", tmp_path / "merged.bb"
    bitsback.compress(smooths, path, model="fast", previews=True)
    save(smooth(9)[:75], tmp_path / "two" / "9.png")
    bitsback.add(path, tmp_path / "two", model="fast", previews=True)
    with bitsback.open(path) as archive:
        gone = archive.preview("1.png")
    bitsback.remove(path, ["1.png", "held.jpg"])
    bitsback.compress([smooths / "1.png"], tmp_path / "one.bb", model="fast")
    bitsback.merge([tmp_path / "one.bb", path], merged)
    for each in (path, merged):
        with bitsback.open(each) as archive:
            assert shown(archive, "9.png")[0] == 2 * shown(archive, "9.png")[1]
            assert shown(archive, "0.png")[0] > shown(archive, "0.png")[1]
            assert archive.verify() == []
            pictures = [
                archive.reader.file.read_place(p)
                for p in archive.reader.directory.sections
                if p.kind == PREVIEWS
            ]
            assert gone is not None and all(gone not in section for section in pictures)
    with bitsback.open(merged) as archive:
        assert archive.preview("1.png") is None
    with pytest.raises(bitsback.InputError, match="previews"):
        bitsback.compress(np.arange(9), tmp_path / "y.bb", previews=True)
    with pytest.raises(bitsback.InputError, match="previews"):
        bitsback.compress(smooths, tmp_path / "y.bb", previews=True, unordered=True)
