"""`list` names what is in an archive; `extract` takes what it names, and folders and patterns."""

from __future__ import annotations

import json
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bitsback
from bitsback.archive.container.sections import Blocks
from bitsback.format.parts import FileCollection
from folders import contents_of, save
from zoo.dicom_files import dicom_file

from .conftest import COUNT, Run, assert_one_line_error

NAMES = ["a/1.png", "a/[1].png", "a/b/2.png", "c.png"]


@pytest.fixture
def packed(folder: Path) -> None:
    """The folder `in` of pictures, and an archive of it."""
    for number, name in enumerate(NAMES):
        save(np.full((3 + number, 5), number, np.uint8), Path("in", name))
    bitsback.compress("in", "in.bb")


def found(folder: str) -> list[str]:
    return list(contents_of(Path(folder)))


def test_names_one_a_line(run: Run, packed: None) -> None:
    assert run("list", "in.bb").stdout.splitlines() == NAMES
    assert run("list", "in.bb", "a/b", "c*").stdout.splitlines() == NAMES[2:]


def test_the_long_form_and_json(run: Run, packed: None) -> None:
    lines = run("list", "-l", "in.bb").stdout.splitlines()
    assert lines[0].split() == ["bytes", "stored", "kind", "shape", "name"]
    size = Path("in/c.png").stat().st_size
    assert lines[-1].split()[0] == str(size)
    assert "6 x 5" in lines[-1] and lines[-1].endswith("c.png")
    rows = json.loads(run("list", "in.bb", "--json").stdout)
    assert [row["name"] for row in rows] == NAMES
    assert rows[-1]["shape"] == [6, 5] and rows[-1]["mode"] == "L" and rows[-1]["bytes"] == size
    with bitsback.open("in.bb") as archive:
        assert sum(row["stored_bytes"] for row in rows) == sum(
            block.size for block in archive.reader.blocks
        )
        assert sum(row["bytes"] for row in rows) == archive.info()["original_bytes"]


def test_facts_of_dicom_files(run: Run, packed: None) -> None:
    """The modality and the axes of frames, and nothing of patients."""
    grey = np.arange(4800, dtype=np.uint8).reshape(80, 60) // 50
    more = {(0x08, 0x60): ("CS", "US"), (0x10, 0x20): ("LO", "SECRET")}
    Path("in/a/cine").write_bytes(dicom_file(grey, frames=8, more=more))
    Path("in/a/slice.dcm").write_bytes(dicom_file(grey, more={(0x08, 0x60): ("CS", "no word")}))
    bitsback.compress("in", "in.bb", force=True)
    long = run("list", "-l", "in.bb").stdout
    assert "8 x 10 x 60" in long and "a/cine  (US, axes frame y x)\n" in long
    assert "80 x 60" in long and "a/slice.dcm\n" in long
    rows = {row["name"]: row for row in json.loads(run("list", "in.bb", "--json").stdout)}
    assert (rows["a/cine"]["modality"], rows["a/cine"]["axes"]) == ("US", ["frame", "y", "x"])
    assert (rows["a/cine"]["shape"], rows["a/slice.dcm"]["shape"]) == ([8, 10, 60], [80, 60])
    assert "modality" not in rows["a/slice.dcm"] and "axes" not in rows["c.png"]
    told = long + str(rows) + run("info", "in.bb").stdout + run("-vv", "verify", "in.bb").stderr
    assert not any(word in told for word in ("Nobody", "SECRET", "no word"))


def test_files_that_are_held_bit_for_bit(run: Run, packed: None) -> None:
    sizes = {"in/a.txt": 40, "in/b.txt": 0, "in/c.txt": 60_000, "in/d.jpg": 0}
    for name, size in sizes.items():
        Path(name).write_bytes(np.random.default_rng(size).bytes(size))
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save("in/d.jpg")
    sizes["in/d.jpg"] = Path("in/d.jpg").stat().st_size
    bitsback.compress("in", "in.bb", force=True)
    rows = {row["name"]: row for row in json.loads(run("list", "in.bb", "--json").stdout)}
    held = [rows[name.removeprefix("in/")] for name in sizes]
    assert [row["bytes"] for row in held] == [*sizes.values()]
    assert all(row["held"] for row in held) and not rows["c.png"]["held"]
    assert held[1]["stored_bytes"] == 0 and 60_000 <= held[2]["stored_bytes"] < 60_200
    (line,) = (line for line in run("list", "-l", "in.bb").stdout.splitlines() if "a.txt" in line)
    assert line.split()[0] == "40" and line.split()[2:] == ["file", "a.txt"]


def test_the_bytes_of_a_block_are_shared_by_the_sizes_of_files(run: Run, folder: Path) -> None:
    """A flat picture takes hardly any of those of its neighbours."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for number in range(4):
        save(noise[::-1] if number else noise // 255, Path(f"in/{number}.png"))
    bitsback.compress("in", "in.bb")
    rows = json.loads(run("list", "in.bb", "--json").stdout)
    assert rows[0]["stored_bytes"] < rows[0]["bytes"] < rows[1]["stored_bytes"] / 9
    with bitsback.open("in.bb") as archive:
        sizes = [block.size for block in archive.reader.blocks]
    assert sum(row["stored_bytes"] for row in rows) == sum(sizes)


def test_no_pixels_and_no_verbatim_files_are_decoded(
    run: Run, packed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container metadata of pictures is, which has their headers."""
    Path("in/text").write_bytes(b"words " * 999)
    Path("in/broken.png").write_bytes(Path("in/c.png").read_bytes()[:40])
    bitsback.compress("in", "in.bb", force=True)
    parts: set[int] = set()
    decode = Blocks.decode_at

    def counted(self: Blocks, tile: int, stop: int | None = None) -> Any:
        starts = self.archive.collection.starts
        parts.add(bisect_right(starts, tile) - 1)
        return decode(self, tile, stop)

    monkeypatch.setattr(Blocks, "decode_at", counted)
    with bitsback.open("in.bb") as archive:
        content = archive.reader.collection
    assert isinstance(content, FileCollection) and len(content.parts) > 2
    for options in ([], ["-l"], ["--json"]):
        assert run("list", "in.bb", *options).exit_code == 0
    assert parts <= {*content.metadata_parts}


def test_what_has_no_name_is_a_range_that_extract_takes(run: Run, folder: Path) -> None:
    (row,) = json.loads(run("list", "digits.bb", "--json").stdout)
    assert (row["name"], row["shape"]) == (f"0:{COUNT}", [COUNT, 28, 28])
    assert run("extract", "digits.bb", row["name"], "-o", "all.npy").exit_code == 0
    assert Path("all.npy").read_bytes() == Path("digits.npy").read_bytes()
    bitsback.compress(np.zeros((40, 50), np.uint8), "one.bb")
    assert run("list", "one.bb").stdout == "0\n"
    assert_one_line_error(run("list", "one.bb", "x"), "one.bb", "name")


def test_arrays_of_an_npz_file(run: Run, folder: Path) -> None:
    np.savez("x.npz", labels=np.arange(3), images=np.zeros((2, 4)), other=np.ones(1))
    bitsback.compress("x.npz", "x.bb")
    assert run("list", "x.bb").stdout.splitlines() == ["labels", "images", "other"]
    assert run("extract", "x.bb", "*s", "-o", "some.npz").exit_code == 0
    with np.load("some.npz") as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            "labels": [0, 1, 2],
            "images": [[0.0] * 4] * 2,
        }
    assert_one_line_error(run("extract", "x.bb", "*s", "-o", "some.npy"), "x.bb", ".npz")


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (["a/*.png"], NAMES[:3]),  # as with tar and unzip
        (["a/?.png"], ["a/1.png"]),
        (["a/"], NAMES[:3]),
        (["./a/b"], ["a/b/2.png"]),
        (["b"], None),
        (["*b*"], ["a/b/2.png"]),
        (["a/[1].png"], ["a/[1].png"]),  # a name in the archive
        (["c.png", "3", "*c*"], ["c.png"]),
        (["0:2"], ["a/1.png", "a/[1].png"]),
    ],
)
def test_folders_and_patterns(
    run: Run, packed: None, items: list[str], names: list[str] | None
) -> None:
    result = run("extract", "in.bb", *items, "-o", "out")
    if names is None:
        assert_one_line_error(result, "in.bb", "'b'", "'bitsback list'")
        assert not Path("out").exists()
    else:
        assert result.exit_code == 0, result.output
        assert found("out") == names


def test_pictures_go_to_this_folder_by_default(
    run: Run, packed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("here").mkdir()
    monkeypatch.chdir("here")
    assert run("extract", "../in.bb", "a/b/").exit_code == 0
    assert found(".") == ["a/b/2.png"]
    assert_one_line_error(run("extract", "../in.bb", "a/b/"), "2.png", "--force")


def test_a_name_that_is_mistyped(run: Run, packed: None) -> None:
    assert_one_line_error(run("extract", "in.bb", "a/b/2.pgn"), "did you mean 'a/b/2.png'?")
    assert_one_line_error(run("extract", "in.bb", "x*"), "'a/1.png'", "and 1 more")


def test_thumbnails_are_the_previews_or_made_by_decoding(run: Run, packed: None) -> None:
    wide = np.add.outer(np.arange(150), np.arange(300)).astype(np.uint8)
    Image.fromarray(wide).save("in/wide.png")
    Path("in/notes.txt").write_text("no picture")
    for options, before in (((), 0), (("--previews",), 1)):
        assert run("compress", "in", "-o", "in.bb", "-f", *options).exit_code == 0
        listed = run("list", "in.bb", "--thumbnails", f"small{before}")
        assert listed.exit_code == 0 and listed.stdout == ""
        said = f"5 thumbnails, of which {before} were in the archive and {5 - before} were made"
        assert said in listed.stderr
    names = [f"{name}.png" for name in NAMES]
    assert found("small0") == sorted([*names, "wide.png.png"])
    assert found("small1") == sorted([*names, "wide.png.webp"])
    for path, width in (("small0/wide.png.png", 128), ("small1/wide.png.webp", 64)):
        with Image.open(path) as small:
            assert small.size == (width, width // 2)
            shown = np.asarray(small.convert("L"), int)
            apart = shown - np.asarray(Image.fromarray(wide).resize(small.size), int)
            assert np.median(np.abs(apart)) < 12
    with Image.open("small0/c.png.png") as small:
        assert small.size == (5, 6) and small.getpixel((0, 0)) == (3, 3, 3, 255)


def test_thumbnails_of_some_and_of_items(run: Run, packed: None) -> None:
    assert run("list", "in.bb", "a/b", "--thumbnails", "some").exit_code == 0
    assert found("some") == ["a/b/2.png.png"]
    assert_one_line_error(run("list", "in.bb", "--thumbnails", "some"), "some: exists already")
    assert run("list", "in.bb", "-l", "--thumbnails", "other").exit_code == 2
    assert run("list", "digits.bb", "--thumbnails", "digits").exit_code == 0
    assert found("digits") == sorted(f"{number}.png" for number in range(COUNT))
    bitsback.compress(np.arange(4000), "numbers.bb", force=True)
    assert_one_line_error(run("list", "numbers.bb", "--thumbnails", "none"), "no pictures")
    assert not Path("none").exists()
