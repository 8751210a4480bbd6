"""The second decoder restores TIFF files in Group 4, LZW and PackBits byte for byte."""

from __future__ import annotations

import subprocess
from itertools import chain
from pathlib import Path

import pytest

import bitsback
from bitsback.archive.inputs import folders, request
from folders import contents_of, write_files
from images.test_tiff_encoders import NAMES, written
from second_decoder import PROGRAM
from zoo import library_files, tool_files

pytestmark = pytest.mark.rust


@pytest.fixture(autouse=True)
def by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes all possible pictures by their pixels, also where their files are smaller."""
    monkeypatch.setattr(folders, "pixel_cost", lambda *_: (0, False))
    monkeypatch.setattr(request.FolderFiles, "outgrown", lambda *_: frozenset())


def check_folder(folder: Path) -> None:
    archive, out = folder.with_suffix(".bb"), folder.with_suffix(".out")
    bitsback.compress(folder, archive, files="exact", model="fast")
    subprocess.run([PROGRAM, archive, out], check=True)
    assert contents_of(out) == contents_of(folder)


def test_files_of_any_encoder(tmp_path: Path) -> None:
    write_files(tmp_path / "in", {f"{' '.join(each)}.tif": written(*each) for each in NAMES})
    check_folder(tmp_path / "in")


def test_files_of_the_zoo(tmp_path: Path) -> None:
    """Of libraries, and of the tools that are installed."""
    (tmp_path / "in").mkdir()
    methods = ("packbits", "group4", "lzw", "-g4-", "Group4", "LZW", "RLE")
    for name, make in chain(library_files.files(), tool_files.files()):
        if name.endswith(".tif") and any(each in name for each in methods):
            data = make()
            if data is not None:
                (tmp_path / "in" / name).write_bytes(data)
    check_folder(tmp_path / "in")
