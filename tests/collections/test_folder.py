"""A folder of pictures comes back with the same names, sizes, modes and pixels."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.format.modes import MODES
from folders import save

from .conftest import Run, files, noise, pixels, restored, warnings_of


@pytest.fixture
def mixed(tmp_path: Path, digits: NDArray[np.bool_]) -> Path:
    """Digits of two modes among pictures of other shapes and modes, some in folders."""
    folder = tmp_path / "in"
    for number, digit in enumerate(digits[:20]):
        save(digit, folder / f"{number:03}.png")
        save(digit.astype(np.uint8) * 255, folder / "deep" / "er" / f"{number}.bmp")
        if number % 5 == 0:
            save(noise("RGB", (3 + number, 4), number), folder / f"{number:03}x.png")
            save(noise("L", seed=number), folder / "Ünïcode" / f"{number} ü.PNG")
    return folder


def test_everything_comes_back(mixed: Path, tmp_path: Path) -> None:
    out, warned = restored(mixed, tmp_path)
    assert warned == []
    assert files(out) == files(mixed)
    for name in files(mixed):
        mode, expected = pixels(mixed / name)
        assert pixels(out / name)[0] == mode
        assert np.array_equal(pixels(out / name)[1], expected)


def test_what_is_alike_is_coded_together(mixed: Path, tmp_path: Path) -> None:
    summary, _ = warnings_of(mixed, tmp_path / "a.bb")
    assert (summary.files, summary.items, summary.shape, summary.dtype) == (48, 48, (48,), "mixed")
    assert summary.methods["model"] == 2 and "mnist-binary" in summary.model
    with bitsback.open(tmp_path / "a.bb") as archive:
        assert archive.kind == "folder" and len(archive) == 48
        assert archive.names == sorted(files(mixed), key=os.fsencode)
        info = archive.info()
        assert info["names"] == 48
        kinds = [(part["mode"], part["shape"], part["items"]) for part in info["parts"]]
        assert kinds == [
            ("1", [20, 28, 28], 20), ("RGB", None, 4), ("L", [20, 28, 28], 20), ("L", [4, 5, 7], 4),
        ]  # fmt: skip
        assert info["parts"][1]["smallest"] == [4, 3, 3]
        assert info["parts"][1]["largest"] == [4, 18, 3]
        assert archive.verify() == []


def test_any_picture_by_name_and_by_number(mixed: Path, tmp_path: Path) -> None:
    warnings_of(mixed, tmp_path / "a.bb", block=3)
    with bitsback.open(tmp_path / "a.bb") as archive:
        for number, name in enumerate(archive.names):
            expected = pixels(mixed / name)[1]
            assert np.array_equal(archive[name], expected)
            assert np.array_equal(archive[number], expected)
        assert np.array_equal(archive[-1], archive[len(archive) - 1])
        with pytest.raises(KeyError, match="no file 'none'"):
            archive["none"]
        with pytest.raises(IndexError):
            archive[48]
        with pytest.raises(bitsback.InputError, match="files, not one array"):
            _ = archive.shape


def test_the_archive_is_the_same_for_any_number_of_threads(mixed: Path) -> None:
    archives = []
    for threads in (1, 3):
        stream = io.BytesIO()
        warnings_of(mixed, stream, threads=threads, block=4)
        archives.append(stream.getvalue())
    assert archives[0] == archives[1]


def test_a_model_that_is_given_codes_what_it_fits(mixed: Path, tmp_path: Path) -> None:
    summary, _ = warnings_of(mixed, tmp_path / "a.bb", model="mnist-binary-paper", embed="always")
    assert summary.model == "mnist-binary-paper" and summary.model_bytes > 0
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    for path in mixed.glob("*.png"):
        if not path.stem.endswith("x"):
            path.unlink()
    (tmp_path / "b.bb").unlink(missing_ok=True)
    for path in (mixed / "deep" / "er").iterdir():
        path.unlink()
    with pytest.raises(bitsback.InputError, match="codes items of the shape"):
        bitsback.compress(mixed, tmp_path / "b.bb", model="mnist-binary-paper")


# Pillow does not write these, or writes another mode.
UNWRITTEN = {("bmp", "I;16"), ("bmp", "LA"), ("bmp", "RGBA"), ("pnm", "LA"), ("pnm", "RGBA")}
ENDINGS = ("png", "tif", "tiff", "bmp", "pnm", "PNG")
WRITTEN = [
    (mode, ending) for mode in MODES for ending in ENDINGS if (ending, mode) not in UNWRITTEN
]


@pytest.mark.parametrize(("mode", "ending"), WRITTEN)
def test_every_mode_and_format(tmp_path: Path, mode: str, ending: str) -> None:
    """Pixels that a format cannot hold come back as PNG, with a second extension."""
    array = noise(mode)
    save(array, tmp_path / "in" / f"a.{ending}")
    before = pixels(tmp_path / "in" / f"a.{ending}")
    out, _ = restored(tmp_path / "in", tmp_path)
    (name,) = files(out)
    assert name == f"a.{ending}"
    assert pixels(out / name)[0] == before[0]
    assert np.array_equal(pixels(out / name)[1], array)


@pytest.mark.parametrize(("ending", "options"), [("jpg", {}), ("webp", {"quality": 80})])
def test_other_formats_come_back_bit_for_bit(
    tmp_path: Path, ending: str, options: dict[str, Any]
) -> None:
    save(noise("RGB"), tmp_path / "in" / f"a.{ending}", **options)
    with Image.open(tmp_path / "in" / f"a.{ending}") as image:
        expected = np.asarray(image)
    out, warned = restored(tmp_path / "in", tmp_path)
    assert warned == [] and files(out) == [f"a.{ending}"]
    before = (tmp_path / "in" / f"a.{ending}").read_bytes()
    assert (out / f"a.{ending}").read_bytes() == before
    with bitsback.open(tmp_path / "round.bb") as archive:
        picture = archive[f"a.{ending}"]
        assert picture.read() == before
        assert (picture.shape, picture.dtype, picture.ndim) == (
            expected.shape,
            expected.dtype,
            expected.ndim,
        )
        assert np.array_equal(picture, expected) and len(picture) == len(expected)
        assert np.array_equal(picture[2:4, ::-1], expected[2:4, ::-1])
        assert archive.info()["parts"][0]["held"]


def test_palettes_and_transparent_colours_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    image = Image.fromarray(np.tile(noise("L") % 4, (20, 30)))
    image.putpalette([0, 0, 0, 10, 20, 30, 255, 255, 255, 9, 8, 7])
    image.save(folder / "colour.png")
    image.save(folder / "clear.png", transparency=2)
    Image.fromarray(noise("RGB", (60, 50))).save(folder / "key.png", transparency=(1, 2, 3))
    out, warned = restored(folder, tmp_path)
    assert warned == []
    for name in ("colour", "clear", "key"):
        with Image.open(folder / f"{name}.png") as before, Image.open(out / f"{name}.png") as after:
            assert after.mode == before.mode and after.getpalette() == before.getpalette()
            assert after.info == before.info
            assert np.array_equal(np.asarray(after), np.asarray(before))


def test_a_list_of_files(tmp_path: Path) -> None:
    for name in ("in/b.png", "in/sub/a.png", "in/c.txt"):
        save(noise("L", seed=len(name)), tmp_path / name, format="PNG")
    out, _ = restored(
        [tmp_path / name for name in ("in/sub/a.png", "in/b.png", "in/c.txt")], tmp_path
    )
    assert files(out) == ["b.png", "c.txt", "sub/a.png"]
    with bitsback.open(tmp_path / "round.bb") as archive:
        assert archive.names == ["sub/a.png", "b.png", "c.txt"]


def test_one_picture(tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "a.png")
    out, _ = restored(tmp_path / "a.png", tmp_path)
    assert np.array_equal(pixels(out / "a.png")[1], noise("L"))


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    save(noise("L"), folder / "a.png")
    save(noise("L"), folder / ".hidden.png")
    save(noise("L"), folder / ".git" / "x.png")
    for name in ("b.txt", "c.txt", "Makefile", "d.HEIC"):
        (folder / name).write_text("text")
    summary, _ = warnings_of(folder, tmp_path / "a.bb", pictures_only=True)
    assert summary.files == 2, "the photograph too"
    assert {kind: sorted(names) for kind, names in summary.skipped.items()} == {
        "hidden files": [".git/", ".hidden.png"],
        "*.txt": ["b.txt", "c.txt"],
        "without an ending": ["Makefile"],
    }


def test_every_file_of_a_folder_comes_back(tmp_path: Path) -> None:
    """Every file comes back, also photographs and texts that no model codes, even without any
    picture.
    """
    folder = tmp_path / "in"
    (folder / ".git").mkdir(parents=True)
    names = ["a.heic", "b.avif", "c.jxl", "d.NEF", "e.json", "Makefile", ".git/x", "e.dng"]
    for number, name in enumerate(names):
        start = b"II*\0" if name == "e.dng" else b""
        (folder / name).write_bytes(start + np.random.default_rng(number).bytes(300))
    summary, warned = warnings_of(folder, tmp_path / "a.bb")
    assert warned == [] and summary.skipped == {} and summary.noted == {"hidden files": [".git/x"]}
    assert {reason: held.files for reason, held in summary.stored.items()} == {
        "not read: HEIC": 1,
        "not read: AVIF": 1,
        "not read: JPEG XL": 1,
        "not read: raw files of cameras": 2,
        "no pictures": 3,
    }
    bitsback.decompress(tmp_path / "a.bb", tmp_path / "out")
    assert files(tmp_path / "out") == files(folder)
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()
    for name in ("a.heic", "e.dng"):  # on its own, too
        out, _ = restored(folder / name, tmp_path)
        assert (out / name).read_bytes() == (folder / name).read_bytes()
        shutil.rmtree(out)
        (tmp_path / "round.bb").unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
def test_what_is_left_out_is_named(run: Run, tmp_path: Path) -> None:
    """A file left out changes neither the exit code nor the other files."""
    folder = tmp_path / "in"
    save(noise("L"), folder / "sub" / "a.png")
    (folder / "b.png").symlink_to("sub/a.png")
    (folder / "loop").symlink_to(folder)
    (folder / "c.png").symlink_to("nowhere")
    (folder / "d.png").symlink_to("d.png")
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "Thumbs.db").touch()
    (folder / "sub" / ".DS_Store").touch()
    (folder / ".bitsback-0123456789ab.tmp").touch()
    (folder / ".bitsback-0123456789ac.tmp").mkdir()
    result = run("compress", "in")
    assert result.exit_code == 0, result.output
    assert set(result.stderr.splitlines()[1:]) >= {
        "kept: links that lead out of the folder, which come back with --links only: loop",
        "left out: pipes and devices: pipe.png",
    }
    told = result.stderr
    assert "left out: Thumbs.db and .DS_Store: " in told and "sub/.DS_Store" in told
    assert "left out: files that bitsback left unfinished: .bitsback-" in told
    links = ["b.png", "c.png", "d.png", "loop"]
    assert run("list", "in.bb").stdout.split() == ["sub/a.png", *links, "empty/"]
    result = run("compress", "in", "-f", "--json")
    assert json.loads(result.stdout)["skipped"]["pipes and devices"] == ["pipe.png"]
    result = run("compress", "in", "-f", "--pictures-only", "--json")
    skipped = json.loads(result.stdout)["skipped"]
    assert skipped["links to folders"] == ["loop"] and skipped["empty folders"] == ["empty/"]
    assert run("list", "in.bb").stdout.split() == ["sub/a.png", "b.png"]


def test_no_more_than_some_files_of_a_kind_are_named(run: Run, tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "in" / "a.png")
    for number in range(1007):
        (tmp_path / "in" / f"{number:04}.txt").touch()
    assert re.search(
        r"^left out: \*\.txt: \d+\.txt(, \d+\.txt){4} and 1,002 more$",
        run("compress", "in", "--pictures-only").stderr,
        re.MULTILINE,
    )


def test_many_small_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    data = io.BytesIO()
    Image.new("L", (1, 1), 7).save(data, "PNG")
    for number in range(1000):
        (folder / f"{number}.png").write_bytes(data.getvalue())
    out, _ = restored(folder, tmp_path)
    assert len(files(out)) == 1000
    assert (tmp_path / "round.bb").stat().st_size < 12_500  # mostly names and times
