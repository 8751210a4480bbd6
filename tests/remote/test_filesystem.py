"""`bitsback://` presents an archive's content as files."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.filesystem import ArchiveFileSystem
from folders import save

from .conftest import BLOCK, Web

PICTURE = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scans.bb and the folder `restored`, to which it was decompressed."""
    folder = tmp_path_factory.mktemp("scans")
    for number, name in enumerate(["a/b.png", "a/c/d.bmp", "e.gif"]):
        save(np.roll(PICTURE, number), folder / "scans" / name)
    bitsback.compress(folder / "scans", folder / "scans.bb")
    bitsback.decompress(folder / "scans.bb", folder / "restored")
    return folder


def test_fsspec_finds_it() -> None:
    assert fsspec.get_filesystem_class("bitsback") is ArchiveFileSystem


def test_pictures_are_as_decompress_restores_them(scans: Path) -> None:
    fs = fsspec.filesystem("bitsback", fo=str(scans / "scans.bb"))
    files = {
        path.relative_to(scans / "restored").as_posix(): path.read_bytes()
        for path in (scans / "restored").rglob("*")
        if path.is_file()
    }
    assert sorted(files) == ["a/b.png", "a/c/d.bmp", "e.gif"]
    assert fs.find("") == sorted(files)
    assert {name: fs.cat(name) for name in files} == files
    assert {name: fs.size(name) for name in files} == {
        name: len(data) for name, data in files.items()
    }
    assert fs.ls("", detail=False) == ["a", "e.gif"]
    assert fs.ls("a", detail=False) == ["a/b.png", "a/c"]
    assert list(fs.walk("")) == [
        ("", ["a"], ["e.gif"]),
        ("a", ["c"], ["b.png"]),
        ("a/c", [], ["d.bmp"]),
    ]
    assert fs.glob("**/*.bmp") == ["a/c/d.bmp"]
    assert (fs.isfile("a"), fs.isdir("a"), fs.exists("a/x.png")) == (False, True, False)
    with fs.open("a/b.png") as file, Image.open(file) as picture:
        assert np.array_equal(picture, PICTURE)
    assert fs.cat_file("a/b.png", 1, 4) == b"PNG"


def test_all_can_be_copied(scans: Path, tmp_path: Path) -> None:
    fs = fsspec.filesystem("bitsback", fo=str(scans / "scans.bb"))
    fs.get("", str(tmp_path / "copy"), recursive=True)
    for path in (scans / "restored").rglob("*.*"):
        copy = tmp_path / "copy" / path.relative_to(scans / "restored")
        assert copy.read_bytes() == path.read_bytes()


def test_chained_urls(web: Web, s3: dict[str, Any], scans: Path, noise: NDArray[np.int64]) -> None:
    data = (scans / "scans.bb").read_bytes()
    fsspec.filesystem("s3", **s3).pipe("bucket/scans.bb", data)
    with fsspec.open("bitsback://a/b.png::s3://bucket/scans.bb", s3=s3) as file:
        assert file.read() == (scans / "restored/a/b.png").read_bytes()
    with fsspec.open(f"bitsback://a/b.png::{scans}/scans.bb") as file:
        assert file.read() == (scans / "restored/a/b.png").read_bytes()
    with fsspec.open(f"bitsback://123.npy::{web.url('x.bb')}") as file:
        assert np.array_equal(np.load(file), noise[123])
    with bitsback.open(web.url("x.bb")) as archive:
        block = archive.reader.blocks[123 // BLOCK]
    assert (block.offset, block.offset + block.size) in web.spans, "only its block is fetched"
    assert len(web.spans) == 5


def test_items_of_an_array(web: Web, noise: NDArray[np.int64]) -> None:
    fs = fsspec.filesystem("bitsback", fo=web.url("x.bb"))
    web.spans.clear()
    listed = fs.ls("", detail=True)
    assert [each["name"] for each in listed] == [f"{number:03}.npy" for number in range(400)]
    assert {each["size"] for each in listed} == {9000 + 128}, "known without decoding"
    assert not web.spans
    assert len(fs.cat("007.npy")) == fs.size("007.npy") == 9128
    assert np.array_equal(np.load(io.BytesIO(fs.cat("007.npy"))), noise[7])
    for name in ("7.npy", "0007.npy", "400.npy", "-01.npy", "007", "007.png"):
        assert not fs.exists(name)


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (np.arange(11.0), [f"{number:02}.npy" for number in range(11)]),
        (np.float32(3), ["0.npy"]),
        (PICTURE, ["0.npy"]),
        (np.zeros((0, 3)), []),
    ],
)
def test_arrays_of_other_kinds(memory: Any, array: Any, names: list[str]) -> None:
    bitsback.compress(np.asarray(array), "memory://x.bb")
    fs = fsspec.filesystem("bitsback", fo="memory://x.bb")
    assert fs.find("") == names
    for number, name in enumerate(names):
        whole = np.asarray(array) if len(names) == 1 else array[number]
        assert np.array_equal(np.load(io.BytesIO(fs.cat(name))), whole)
        assert fs.size(name) == len(fs.cat(name))


def test_arrays_of_an_npz_file(memory: Any) -> None:
    file = io.BytesIO()
    np.savez(file, one=np.arange(3), two=np.eye(3))
    memory.pipe("/x.npz", file.getvalue())
    bitsback.compress("memory://x.npz", "memory://x.bb")
    fs = fsspec.filesystem("bitsback", fo="memory://x.bb")
    assert fs.ls("", detail=False) == ["one.npy", "two.npy"]
    assert np.array_equal(np.load(io.BytesIO(fs.cat("two.npy"))), np.eye(3))


def test_it_is_read_only_and_says_what_is_not_there(scans: Path) -> None:
    fs = fsspec.filesystem("bitsback", fo=str(scans / "scans.bb"))
    with pytest.raises(FileNotFoundError):
        fs.open("none.png")
    with pytest.raises(FileNotFoundError):
        fs.ls("none")
    with pytest.raises(IsADirectoryError):
        fs.open("a")
    with pytest.raises(bitsback.InputError, match="cannot be written"):
        fs.open("new.png", "wb")
    with pytest.raises(bitsback.InputError, match=r"none\.bb: cannot be read"):
        fsspec.filesystem("bitsback", fo="none.bb")


def test_it_goes_to_other_processes(scans: Path) -> None:
    fs = fsspec.filesystem("bitsback", fo=str(scans / "scans.bb"))
    again = pickle.loads(pickle.dumps(fs))
    assert again.cat("a/b.png") == fs.cat("a/b.png")
