"""An output file appears complete or not at all, and an existing one stays until then."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.archive.restoring.staging import staging
from bitsback.io.output import open_output
from in_memory import pack


@pytest.fixture
def place(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    np.save(tmp_path / "x.npy", digits)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_existing_file_is_kept_unless_forced(place: Path, digits: NDArray[np.bool_]) -> None:
    path = place / "x.bb"
    path.write_text("mine")
    path.chmod(0o640)
    with pytest.raises(bitsback.InputError, match=r"x\.bb: exists already.*--force"):
        bitsback.compress(place / "x.npy", path)
    assert path.read_text() == "mine"
    bitsback.compress(place / "x.npy", path, force=True)
    assert path.read_bytes() == pack(digits)
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(bitsback.InputError, match=r"x\.npy: exists already"):
        bitsback.decompress(path, place / "x.npy")
    assert names(place) == ["x.bb", "x.npy"]


def test_the_input_is_not_overwritten(place: Path) -> None:
    with pytest.raises(bitsback.InputError, match="is the input too"):
        bitsback.compress(place / "x.npy", place / "x.npy", force=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_after_an_error(place: Path, error: type[BaseException]) -> None:
    (place / "x.bb").write_text("mine")

    def progress(done: int, total: int) -> None:
        if done > 100:
            raise error

    for threads in (1, 2):
        with pytest.raises(error):
            bitsback.compress(
                place / "x.npy",
                place / "x.bb",
                block=20,
                threads=threads,
                progress=progress,
                force=True,
            )
    assert (place / "x.bb").read_text() == "mine"
    assert names(place) == ["x.bb", "x.npy"]


def test_nothing_is_left_after_a_damaged_archive(place: Path, digits: NDArray[np.bool_]) -> None:
    data = bytearray(pack(digits, block=50))
    data[-600] ^= 1
    (place / "x.bb").write_bytes(data)
    with pytest.raises(bitsback.ArchiveError, match=r"x\.bb: block 5 \(items 250 to 299\)"):
        bitsback.decompress(place / "x.bb", place / "y.npy")
    assert names(place) == ["x.bb", "x.npy"]


def test_a_folder_is_no_output(place: Path) -> None:
    with pytest.raises(bitsback.InputError, match="is a folder"):
        bitsback.compress(place / "x.npy", place)


def test_a_link_stays_a_link(place: Path, digits: NDArray[np.bool_]) -> None:
    (place / "real.bb").write_text("old")
    (place / "x.bb").symlink_to("real.bb")
    bitsback.compress(place / "x.npy", place / "x.bb", force=True)
    assert (place / "x.bb").is_symlink()
    assert (place / "real.bb").read_bytes() == pack(digits)


def test_a_device_is_written_to_and_stays(place: Path) -> None:
    bitsback.compress(place / "x.npy", os.devnull)
    assert not Path(os.devnull).is_file()


def test_folders_of_an_output_are_made(tmp_path: Path) -> None:
    """They are removed again if the output fails."""
    new = tmp_path / "new" / "er"
    with pytest.raises(bitsback.InputError):
        bitsback.compress(np.zeros(3, complex), new / "x.bb")
    with pytest.raises(KeyboardInterrupt), open_output(new / "x.bb"):
        raise KeyboardInterrupt
    assert not (tmp_path / "new").exists()
    bitsback.compress(np.zeros((9, 5, 5), bool), new / "x.bb")
    bitsback.decompress(new / "x.bb", tmp_path / "other" / "x.npy")
    bitsback.merge([new / "x.bb", new / "x.bb"], tmp_path / "third" / "x.bb")
    assert (tmp_path / "other" / "x.npy").exists() and (tmp_path / "third" / "x.bb").exists()
    (tmp_path / "file").touch()
    with pytest.raises(bitsback.InputError, match=r"x\.bb: cannot be written: (Not a|File exists)"):
        bitsback.compress(np.zeros(3), tmp_path / "file" / "x.bb")


def test_folders_of_a_folder_are_made(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("text")
    bitsback.compress(tmp_path / "in", tmp_path / "a.bb")
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / "new" / "er", ["a"], False):
        raise KeyboardInterrupt
    assert not (tmp_path / "new").exists()
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "new" / "er")
    assert (tmp_path / "new" / "er" / "a.txt").read_text() == "text"
