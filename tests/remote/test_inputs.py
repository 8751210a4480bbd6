"""Inputs of `compress` and outputs of `decompress` at URLs."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

import bitsback

from .conftest import Web

PICTURE = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def png(array: Any = PICTURE, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", **options)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


IDX = bytes([0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(12))
FILES = {
    "c.npy": npy(np.arange(60).reshape(5, 3, 4)),
    "fortran.npy": npy(np.asfortranarray(np.arange(60.0).reshape(5, 12))),
    "some.npz": npz(a=np.arange(3), b=np.ones((2, 2), np.float32)),
    "x.idx": IDX,
    "x.idx.gz": gzip.compress(IDX, mtime=0),
}


@pytest.mark.parametrize("name", FILES)
def test_files(web: Web, memory: Any, name: str) -> None:
    web.files[name] = FILES[name]
    bitsback.compress(web.url(name), "memory://x.bb")
    bitsback.compress(io.BytesIO(FILES[name]) if "npy" in name else web.url(name), "memory://y.bb")
    assert memory.cat("/x.bb") == memory.cat("/y.bb")
    bitsback.decompress("memory://x.bb", f"memory://restored/{name}")
    bitsback.compress(f"memory://restored/{name}", "memory://again.bb")
    assert memory.cat("/again.bb") == memory.cat("/x.bb")


def test_a_picture(web: Web) -> None:
    web.files["a.png"] = png()
    bitsback.compress(web.url("a.png"), "memory://x.bb")
    with bitsback.open("memory://x.bb") as archive:
        assert archive.names == ["a.png"]
        assert np.array_equal(archive["a.png"][...], PICTURE)


def test_a_folder_from_a_url_and_to_one(s3: dict[str, Any], memory: Any) -> None:
    fs = fsspec.filesystem("s3", **s3)
    names = ["a.png", "b/c#%20.png", "b/d e.bmp", "tall.png"]
    for name in names[:2]:
        fs.pipe(f"bucket/scans/{name}", png())
    fs.pipe("bucket/scans/b/d e.bmp", png(kind="BMP"))
    tall = np.random.default_rng(0).integers(0, 256, (700, 400), np.uint8)  # several requests
    fs.pipe("bucket/scans/tall.png", png(tall))
    fs.pipe({"bucket/scans/notes.txt": b"no", "bucket/scans/.hidden.png": png()})
    fs.pipe("bucket/scans/.bitsback-0123456789ab.tmp/new/x.png", png())
    unfinished = {"files that bitsback left unfinished": [".bitsback-0123456789ab.tmp/new/x.png"]}
    more = {"storage_options": {"s3": s3}}
    summary = bitsback.compress("s3://bucket/scans", "memory://x.bb", pictures_only=True, **more)
    left_out = {"*.txt": ["notes.txt"], "hidden files": [".hidden.png"]} | unfinished
    assert summary.files == 4 and summary.skipped == left_out
    summary = bitsback.compress("s3://bucket/scans", "memory://x.bb", force=True, **more)
    assert summary.noted == {"hidden files": [".hidden.png"]} and summary.skipped == unfinished
    assert bitsback.decompress("memory://x.bb", "memory://restored").files == 6
    assert memory.find("/restored") == [
        f"/restored/{name}" for name in sorted([*names, ".hidden.png", "notes.txt"])
    ]
    assert memory.cat("/restored/notes.txt") == b"no"
    for name in names:
        restored = Image.open(io.BytesIO(memory.cat(f"/restored/{name}")))
        assert np.array_equal(restored, tall if name == "tall.png" else PICTURE)
    with pytest.raises(bitsback.InputError, match=r"restored/\.hidden\.png: exists already"):
        bitsback.decompress("memory://x.bb", "memory://restored")
    bitsback.decompress("memory://x.bb", "s3://bucket/again/", storage_options={"s3": s3})
    assert fs.cat("bucket/again/b/d e.bmp") == memory.cat("/restored/b/d e.bmp")


def test_a_model(s3: dict[str, Any], memory: Any) -> None:
    model = bitsback.load_model("mnist-binary-paper")
    fsspec.filesystem("s3", **s3).pipe("bucket/m.safetensors", model.to_bytes())
    url = "s3://bucket/m.safetensors"
    assert bitsback.load_model(url, s3).identity == model.identity
    images = np.zeros((5, 28, 28), bool)
    bitsback.compress(images, "memory://x.bb", model=url, storage_options={"s3": s3})
    restored = bitsback.decompress("memory://x.bb", model=url, storage_options={"s3": s3})
    assert np.array_equal(restored, images)
    with pytest.raises(bitsback.ModelError, match=r"memory://none: there is no such file"):
        bitsback.load_model("memory://none")


@pytest.mark.parametrize("chain", ["zip://::memory://x.zip", "bitsback://::memory://scans.bb"])
def test_a_folder_in_a_file(memory: Any, chain: str) -> None:
    memory.pipe({"/scans/a.png": png(), "/scans/b/c.png": png(PICTURE.T)})
    bitsback.compress("memory://scans", "memory://scans.bb")
    with memory.open("/x.zip", "wb") as file, zipfile.ZipFile(file, "w") as container:
        for name in ("a.png", "b/c.png"):
            container.writestr(name, memory.cat(f"/scans/{name}"))
    bitsback.compress(chain, "memory://again.bb")
    with bitsback.open("memory://again.bb") as archive:
        assert archive.names == ["a.png", "b/c.png"]
        assert np.array_equal(archive["a.png"], PICTURE)
        assert np.array_equal(archive["b/c.png"], PICTURE.T)


def test_a_folder_that_cannot_be_restored_leaves_nothing(memory: Any) -> None:
    memory.pipe({f"/scans/{n:03}.png": png(np.roll(PICTURE, n)) for n in range(40)})
    memory.pipe("/restored/mine.txt", b"mine")
    bitsback.compress("memory://scans", "memory://x.bb", block=5)
    data = bytearray(memory.cat("/x.bb"))
    with bitsback.open("memory://x.bb") as archive:
        data[archive.reader.blocks[-1].offset + 30] ^= 1
    memory.pipe("/x.bb", bytes(data))
    with pytest.raises(bitsback.ArchiveError, match="checksum"):
        bitsback.decompress("memory://x.bb", "memory://restored")
    assert memory.find("/restored") == ["/restored/mine.txt"]


def test_a_list_of_pictures(web: Web, memory: Any) -> None:
    web.files |= {"p/a.png": png(), "p/q/b.png": png(PICTURE.T)}
    urls = [web.url("p/a.png") + "?signature=1", web.url("p/q/b.png")]
    bitsback.compress(urls, "memory://x.bb")
    with bitsback.open("memory://x.bb") as archive:
        assert archive.names == ["a.png", "q/b.png"]
        assert np.array_equal(archive["q/b.png"][...], PICTURE.T)
    with pytest.raises(bitsback.InputError, match="at URLs and some are not"):
        bitsback.compress([urls[0], "a.png"], "memory://y.bb")
    with pytest.raises(bitsback.InputError, match="several protocols"):
        bitsback.compress([urls[0], "memory://a.png"], "memory://y.bb")
    with pytest.raises(bitsback.InputError, match="given twice"):
        bitsback.compress([urls[0], urls[0]], "memory://y.bb")


def test_what_is_none_of_these(memory: Any) -> None:
    memory.pipe("/folder/x.txt", b"some text")
    with pytest.raises(bitsback.InputError, match=r"memory://folder: has no pictures"):
        bitsback.compress("memory://folder", "memory://x.bb", pictures_only=True)
    assert not memory.exists("/x.bb")


def test_times_are_kept_where_a_filesystem_has_them(memory: Any, tmp_path: Path) -> None:
    time = 1_700_000_000_123_456_000
    (tmp_path / "in").mkdir()
    for number, name in enumerate(["a.png", "b.jpg"]):
        (tmp_path / "in" / name).write_bytes(png(kind="JPEG" if "jpg" in name else "PNG"))
        os.utime(tmp_path / "in" / name, ns=(0, time + number))
    bitsback.compress(tmp_path / "in", "memory://one.bb")
    bitsback.decompress("memory://one.bb", "memory://out")
    for place in ("memory://out", "bitsback://::memory://one.bb"):
        bitsback.compress(place, tmp_path / "again.bb", force=True)
        with bitsback.open(tmp_path / "again.bb") as archive:
            assert [archive.reader.files.time(number) for number in range(2)] == [time, time]


def test_folders_are_made_where_names_do_not_make_them(memory: Any, tmp_path: Path) -> None:
    """Folders must be made where names do not make them, as on a disk or at sftp://."""

    class Disk(LocalFileSystem):
        protocol = "disk"

    fsspec.register_implementation("disk", Disk, clobber=True)
    memory.pipe({"/scans/a.png": png(), "/scans/b/c/d.png": png(PICTURE.T)})
    bitsback.compress("memory://scans", "memory://x.bb")
    bitsback.decompress("memory://x.bb", f"disk://{tmp_path}/new/out")
    with Image.open(tmp_path / "new" / "out" / "b" / "c" / "d.png") as image:
        assert np.array_equal(image, PICTURE.T)
    with pytest.raises(bitsback.InputError, match=r"a\.png: exists already"):
        bitsback.decompress("memory://x.bb", f"disk://{tmp_path}/new/out")
