"""`--rm` removes what went in, and only when it has been read back and compared."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive import readback
from bitsback.errors import InputError

from .conftest import Run, assert_one_line_error


@pytest.fixture
def pictures(folder: Path) -> Path:
    for number, name in enumerate(["in/a/1.png", "in/a/2.png", "in/3.png"]):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 9, (20, 30), np.uint8)
        Image.fromarray(pixels).save(name)
    return folder


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*")}


def test_a_folder_goes_with_its_pictures(run: Run, pictures: Path) -> None:
    result = run("compress", "in", "--rm")
    assert result.exit_code == 0, result.output
    assert "in: removed, 3 files" in result.stderr
    assert not Path("in").exists()
    assert run("decompress", "in.bb", "--rm").exit_code == 0
    assert not Path("in.bb").exists()
    assert sorted(path.name for path in Path("in").rglob("*.png")) == ["1.png", "2.png", "3.png"]


def test_what_did_not_go_in_stays(run: Run, pictures: Path) -> None:
    Path("in/notes.txt").write_text("x")
    Path("in/a/bad.png").write_bytes(b"bad")
    assert run("compress", "in", "--rm", "--skip-bad").exit_code == 0
    assert {name for name in files() if name.startswith("in")} == {
        *("in", "in.bb", "in/notes.txt", "in/a", "in/a/bad.png")
    }


def test_by_default_all_stays(run: Run, pictures: Path) -> None:
    before = files()
    assert run("compress", "in").exit_code == 0
    assert run("compress", "in", "-o", "again.bb", "--keep").exit_code == 0
    assert files() == before | {"in.bb", "again.bb"}


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.idx"])
def test_arrays(run: Run, folder: Path, name: str) -> None:
    images = np.load("digits.npy").astype(np.uint8)
    if name == "x.npy":
        np.save(name, images)
    elif name == "x.npz":
        np.savez_compressed(name, images=images, labels=np.arange(3))
    else:
        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
        Path(name).write_bytes(header + images.tobytes())
    assert run("compress", name, "--rm").exit_code == 0
    assert not Path(name).exists()
    assert run("decompress", "x.bb", "--rm").exit_code == 0
    assert Path(name).exists() and not Path("x.bb").exists()


def test_a_list_of_pictures(run: Run, pictures: Path) -> None:
    assert run("compress", "in/a/1.png", "in/3.png", "-o", "two.bb", "--rm").exit_code == 0
    assert [path.name for path in Path("in").rglob("*.png")] == ["2.png"]


def test_pipes_are_refused(run: Run, folder: Path) -> None:
    before = files()
    for arguments in (
        *(["compress", "-"], ["compress", "digits.npy", "-o", "-"]),
        *(["decompress", "-"], ["decompress", "digits.bb", "-o", "-"]),
    ):
        assert_one_line_error(run(*arguments, "--rm"), "--rm", "pipes")
    assert files() == before


def test_nothing_goes_if_something_does_not_come_back(run: Run, folder: Path) -> None:
    page = Image.fromarray(np.zeros((4, 4), np.uint8))
    page.save("pages.tif", description="which is not kept", save_all=True, append_images=[page])
    before = files()
    result = run("compress", "pages.tif", "--rm")
    assert result.exit_code != 0 and "pages.tif" in result.stderr and "kept" in result.stderr
    assert before <= files()


def test_nothing_goes_if_the_compression_fails(run: Run, pictures: Path) -> None:
    Path("in/bad.png").write_bytes(b"bad")
    before = files()
    assert_one_line_error(run("compress", "in", "--rm"), "bad.png")
    assert_one_line_error(run("compress", "digits.npy", "--rm"), "digits.bb", "--force")
    assert_one_line_error(run("decompress", "digits.bb", "--rm"), "digits.npy", "--force")
    assert files() == before


def test_nothing_goes_to_a_device(run: Run, folder: Path) -> None:
    assert run("compress", "digits.npy", "--rm", "-o", os.devnull).exit_code == 2
    assert run("decompress", "digits.bb", "--rm", "-o", os.devnull).exit_code == 2
    assert {"digits.npy", "digits.bb"} <= files()


@pytest.mark.parametrize("change", ["pixel", "size", "gone"])
def test_what_was_changed_is_told(pictures: Path, change: str) -> None:
    bitsback.compress("in", "in.bb")
    pixels = np.asarray(Image.open("in/a/2.png")).copy()
    if change == "pixel":
        pixels[3, 4] ^= 1
    Image.fromarray(pixels[:-1] if change == "size" else pixels).save("in/a/2.png")
    if change == "gone":
        Path("in/a/2.png").unlink()
    with bitsback.open("in.bb") as archive, pytest.raises(InputError):
        readback.compare(archive, Path("in"), archive.names)


def test_an_array_that_was_changed_is_told(folder: Path) -> None:
    digits = np.load("digits.npy")
    others = [digits[:-1], digits.astype(np.uint8), digits.copy()]
    others[-1][-1, -1, -1] ^= True
    with bitsback.open("digits.bb") as archive:
        readback.compare(archive, Path("digits.npy"))
        for other in others:
            np.save("other.npy", other)
            with pytest.raises(InputError, match="differ"):
                readback.compare(archive, Path("other.npy"))
