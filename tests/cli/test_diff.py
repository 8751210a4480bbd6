"""`bitsback diff` and `verify --against` find what differs between archives, folders and files."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import bitsback
from bitsback.archive.container.sections import Blocks
from bitsback.archive.reader import ArchiveReader
from bitsback.format.array_part import BYTES
from folders import save

from .conftest import Run, assert_one_line_error, picture


@pytest.fixture
def packed(pictures: Path) -> Path:
    """The folder `in`, and an archive of it."""
    save(picture(3), pictures / "4.tif")
    (pictures / "notes.txt").write_text("some")
    bitsback.compress("in", "in.bb")
    return Path("in")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the blocks that are decoded for comparisons with files."""
    numbers: list[int] = []
    tasks = ArchiveReader.tasks

    def counted(self: ArchiveReader, *arguments: Any) -> Any:
        for task in tasks(self, *arguments):
            numbers.append(task.number)
            yield task

    monkeypatch.setattr(ArchiveReader, "tasks", counted)
    return numbers


def changes(source: Any, other: Any, **options: Any) -> tuple[list[str], list[str], dict[str, str]]:
    found = bitsback.diff(source, other, **options)
    assert bool(found) == bool(found.added or found.removed or found.changed)
    return found.added, found.removed, found.changed


def test_an_untouched_folder_needs_no_decoding(packed: Path, decoded: list[int]) -> None:
    assert changes("in.bb", "in") == ([], [], {})
    assert not decoded
    assert changes("in.bb", "in", full=True) == ([], [], {})
    assert decoded


def test_files_that_were_touched_are_compared(packed: Path, decoded: list[int]) -> None:
    os.utime(packed / "3.png", (1, 1))
    assert changes("in.bb", "in") == ([], [], {})
    with bitsback.open("in.bb") as archive:
        needed = {
            block.number
            for block in archive.reader.blocks_of([archive.reader.files.number("3.png")])
        }
    assert set(decoded) == needed < set(range(len(archive.reader.blocks)))


def test_added_removed_and_changed_files(run: Run, packed: Path) -> None:
    (packed / "a/2.png").unlink()
    (packed / "new").mkdir()
    (packed / "new/5.txt").write_text("new")
    save(picture(7), packed / "3.png")
    (packed / "notes.txt").write_text("other")
    expected = (["new/5.txt"], ["a/2.png"], {"3.png": "content", "notes.txt": "size"})
    assert changes("in.bb", "in") == expected
    bitsback.compress("in", "other.bb")
    assert changes("in.bb", "other.bb") == (*expected[:2], {**expected[2], "3.png": "pixels"})
    assert changes("other.bb", "in") == ([], [], {})

    result = run("diff", "in.bb", "in")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        *("added: new/5.txt", "removed: a/2.png"),
        *("changed: 3.png (content)", "changed: notes.txt (size)"),
    ]
    row = json.loads(run("diff", "in.bb", "other.bb", "--json").stdout)
    assert row["removed"] == ["a/2.png"] and row["changed"]["3.png"] == "pixels"

    result = run("verify", "in.bb", "--against", "in")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        *("extra: new/5.txt", "missing: a/2.png"),
        *("differs: 3.png (content)", "differs: notes.txt (content)"),
    ]


def test_verifying_against_the_originals(run: Run, packed: Path) -> None:
    result = run("verify", "in.bb", "--against", "in")
    assert result.exit_code == 0 and "the same as in" in result.stdout
    row = json.loads(run("verify", "in.bb", "--against", "in", "--json").stdout)
    assert (row["problems"], row["against"], row["changed"]) == ([], "in", {})


@pytest.mark.parametrize("missing", [False, True])
def test_damage_is_found_whether_files_are_there_or_not(
    run: Run, packed: Path, missing: bool
) -> None:
    with bitsback.open("in.bb") as archive:
        at = archive.reader.blocks[0].end - 9
    data = bytearray(Path("in.bb").read_bytes())
    data[at] ^= 1
    Path("in.bb").write_bytes(data)
    if missing:
        shutil.rmtree("in")
        Path("in").mkdir()
        Path("in/other.txt").touch()
    result = run("verify", "in.bb", "--against", "in")
    assert result.exit_code == 2 and "block 0" in result.stderr


def test_a_restored_folder_is_the_same(run: Run, packed: Path) -> None:
    """PNG files come back with other bytes, and the same pixels and metadata."""
    save(picture(3), packed / "a/6.png", compress_level=1, dpi=(100, 100))
    Path("in.bb").unlink()
    bitsback.compress("in", "in.bb")
    bitsback.decompress("in.bb", "out")
    for path in Path("out").rglob("*.*"):
        os.utime(path, (5, 5))
    assert changes("in.bb", "out") == ([], [], {})


def test_metadata_is_compared(packed: Path) -> None:
    save(picture(2), packed / "3.png", dpi=(100, 100))
    assert changes("in.bb", "in") == ([], [], {"3.png": "content"})
    bitsback.compress("in", "other.bb")
    assert changes("in.bb", "other.bb") == ([], [], {"3.png": "content"})


def test_hashes_decide(packed: Path, decoded: list[int]) -> None:
    bitsback.compress("in", "hashed.bb", hashes="sha256")
    for path in packed.rglob("*.*"):
        os.utime(path, (5, 5))
    save(picture(7), packed / "3.png")
    decoded.clear()
    assert changes("hashed.bb", "in") == ([], [], {"3.png": "bytes"})
    assert not decoded


@pytest.fixture
def read_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tiles whose blocks are decoded, but for those of metadata and verbatim files."""
    tiles: list[int] = []
    decode = Blocks.decode_at

    def counted(self: Blocks, tile: int, stop: int | None = None) -> Any:
        if self.archive.collection.part_of(tile)[1].axes != BYTES:
            tiles.append(tile)
        return decode(self, tile, stop)

    monkeypatch.setattr(Blocks, "decode_at", counted)
    return tiles


def test_blocks_with_the_same_bytes_are_not_decoded(packed: Path, read_blocks: list[int]) -> None:
    save(picture(9), Path("more/9.png"))
    shutil.copy("in.bb", "longer.bb")
    bitsback.add("longer.bb", "more")
    bitsback.merge(["longer.bb"], "merged.bb")
    read_blocks.clear()
    for other in ("longer.bb", "merged.bb"):
        assert changes("in.bb", other) == (["9.png"], [], {})
    assert not read_blocks
    bitsback.remove("longer.bb", ["a/1.png"])
    assert changes("in.bb", "longer.bb") == (["9.png"], ["a/1.png"], {})


def test_archives_that_are_coded_otherwise_have_the_same_files(packed: Path) -> None:
    bitsback.compress("in", "fast.bb", model="fast", block=1)
    bitsback.compress("in", "pixels.bb", files="pixels")
    assert changes("in.bb", "fast.bb") == ([], [], {})
    assert changes("in.bb", "pixels.bb") == ([], [], {})


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((40, 9, 8), np.uint8), ((60, 50), bool), ((70,), np.float32), ((), np.int32)],
)
def test_arrays(folder: Path, shape: tuple[int, ...], dtype: Any) -> None:
    array = np.random.default_rng(0).integers(0, 50, shape).astype(dtype)
    other = array.copy()
    np.save("x.npy", array)
    bitsback.compress(array, "x.bb", block=7)
    bitsback.compress(array, "y.bb")
    assert changes("x.bb", "y.bb") == changes("x.bb", "x.npy") == ([], [], {})
    last = (-1,) * len(shape)
    other[last] = not other[last]
    np.save("x.npy", other)
    Path("y.bb").unlink()
    bitsback.compress(other, "y.bb")
    at = str(shape[0] - 1) if shape else "0"
    assert changes("x.bb", "y.bb") == ([], [], {at: "elements"})
    assert list(changes("x.bb", "x.npy")[2].values()) == ["elements"]


def test_longer_arrays(folder: Path, read_blocks: list[int]) -> None:
    array = np.random.default_rng(0).integers(0, 50, (30, 9, 8), np.uint8)
    bitsback.compress(array, "x.bb", block=10)
    shutil.copy("x.bb", "y.bb")
    bitsback.add("y.bb", array[:4])
    assert changes("x.bb", "y.bb") == (["30:34"], [], {})
    assert changes("y.bb", "x.bb") == ([], ["30:34"], {})
    assert not read_blocks
    np.save("x.npy", array[:3])
    assert changes("x.bb", "x.npy") == ([], [], {"x.npy": "shapes, dtypes or names"})
    bitsback.compress(array.astype(np.uint16), "z.bb")
    assert changes("x.bb", "z.bb") == ([], [], {"0:30": "shape or dtype"})


def test_arrays_of_npz_files(folder: Path) -> None:
    given = {"a": np.zeros(3), "b": np.eye(4), "c": np.arange(9)}
    np.savez("x.npz", **given)
    np.savez("y.npz", a=np.zeros(3), b=np.eye(4) * 2, c=np.arange(8), d=np.eye(2))
    bitsback.compress("x.npz", "x.bb")
    bitsback.compress("y.npz", "y.bb")
    expected = {"b": "elements", "c": "shape or dtype"}
    assert changes("x.bb", "y.bb") == (["d"], [], expected)
    assert changes("x.bb", "x.npz") == ([], [], {})
    np.savez("x.npz", **{**given, "b": np.eye(4) * 2})
    assert changes("x.bb", "x.npz")[2].keys() == {"b"}


def test_pages(folder: Path) -> None:
    pages = np.random.default_rng(0).integers(0, 9, (3, 20, 30), np.uint8)
    tifffile.imwrite("x.tif", pages, photometric="minisblack", description="x")
    bitsback.compress("x.tif", "x.bb")
    assert changes("x.bb", "x.tif") == ([], [], {})
    tifffile.imwrite("y.tif", pages, photometric="minisblack", description="y")
    bitsback.compress("y.tif", "y.bb")
    assert changes("x.bb", "y.bb") == (["y.tif"], ["x.tif"], {})
    Path("y.tif").rename("x.tif")
    bitsback.compress("x.tif", "y.bb", force=True)
    assert changes("x.bb", "y.bb") == changes("x.bb", "x.tif") == ([], [], {"x.tif": "content"})


def test_stacks_of_slices(folder: Path) -> None:
    slices = np.add.outer(np.arange(6), np.add.outer(np.arange(40), np.arange(50)))
    for number, pixels in enumerate(slices.astype(np.uint8)):
        Path("in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(f"in/{number}.png")
    bitsback.compress("in", "x.bb", stack=True)
    save(picture(), Path("in/3.png"))
    bitsback.compress("in", "y.bb", stack=True)
    assert changes("x.bb", "y.bb")[2].keys() == changes("x.bb", "in")[2].keys() == {"3.png"}


def test_a_single_picture(folder: Path) -> None:
    save(picture(), Path("x.png"))
    bitsback.compress("x.png", "x.bb")
    shutil.copy("x.png", "y.png")
    os.utime("y.png", (5, 5))
    assert changes("x.bb", "y.png") == ([], [], {})
    save(picture(1), Path("y.png"))
    assert changes("x.bb", "y.png") == ([], [], {"y.png": "content"})


def test_no_picture_where_one_was(packed: Path) -> None:
    (packed / "3.png").write_bytes(b"no picture")
    assert changes("in.bb", "in") == ([], [], {"3.png": "content"})


@pytest.mark.parametrize(
    ("one", "other", "parts"),
    [
        ("in.bb", "digits.npy", ("contains files", "no folder")),
        ("in.bb", "digits.bb", ("a folder of files", "an array")),
        ("digits.bb", "in", ("no folder", "is a folder")),
        ("in.bb", "none", ("none: cannot be read",)),
    ],
)
def test_what_cannot_be_compared(
    run: Run, packed: Path, one: str, other: str, parts: tuple[str, ...]
) -> None:
    assert_one_line_error(run("diff", one, other), *parts)


def test_sets_are_refused(run: Run, packed: Path) -> None:
    array = io.BytesIO()
    bitsback.compress(np.zeros((9, 4, 4), np.uint8), array, unordered=True)
    with pytest.raises(bitsback.InputError, match="set"):
        bitsback.diff(array, array)
    assert run("compress", "in", "-o", "set.bb", "--unordered", "-q").exit_code == 0
    assert_one_line_error(run("diff", "set.bb", "in"), "set")
    assert_one_line_error(run("diff", "set.bb", "set.bb"), "set")
    assert_one_line_error(run("verify", "in.bb", "set.bb", "--against", "in"), "one archive")
    assert_one_line_error(run("diff", "-", "in"), "name two archives")
