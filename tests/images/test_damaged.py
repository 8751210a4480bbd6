"""Files of arrays and folders with damage that libraries do not expect."""

from __future__ import annotations

import io
import os
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bitsback
from folders import save


def refused(path: Path, match: str) -> None:
    with pytest.raises(bitsback.InputError, match=match) as caught:
        bitsback.compress(path, io.BytesIO())
    assert "\n" not in str(caught.value)


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(5000))
    return out.getvalue()


@pytest.mark.parametrize("text", ["-" * 9000, "(" * 9000, "[" * 9000 + "]" * 9000, "{'descr': '"])
def test_an_npy_header_that_its_parser_chokes_on(tmp_path: Path, text: str) -> None:
    header = text[:9990].encode() + b"\n"
    (tmp_path / "x.npy").write_bytes(
        b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(100)
    )
    refused(tmp_path / "x.npy", r"x\.npy: its \.npy header is damaged: .")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_an_npz_file(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as container:
        container.writestr("a.npy", npy())
    whole = (tmp_path / "x.npz").read_bytes()
    bitsback.compress(tmp_path / "x.npz", io.BytesIO())
    for at in range(35, len(whole) // 2, 97):
        data = bytearray(whole)
        data[at : at + 4] = b"\xff\xff\xff\xff"
        (tmp_path / "x.npz").write_bytes(data)
        refused(tmp_path / "x.npz", r"x\.npz: ")


def test_an_npz_file_that_asks_for_a_newer_zip(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 6] = 99
    (tmp_path / "x.npz").write_bytes(data)
    bitsback.compress(tmp_path / "x.npz", tmp_path / "x.bb")
    bitsback.decompress(tmp_path / "x.bb", tmp_path / "out")
    assert (tmp_path / "out" / "x.npz").read_bytes() == data, "it is stored as any other file"


def test_an_npz_file_with_a_local_name_that_is_not_utf8(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as container:
        container.writestr("ü.npy", npy())
    data = (tmp_path / "x.npz").read_bytes().replace("ü".encode(), b"\xff\xff", 1)
    (tmp_path / "x.npz").write_bytes(data)
    refused(tmp_path / "x.npz", r"x\.npz: ü: cannot be read: its zip container is damaged")


@pytest.fixture
def png_folder(tmp_path: Path) -> Path:
    save(np.zeros((3, 4), np.uint8), tmp_path / "in" / "a.png")
    return tmp_path / "in"


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
@pytest.mark.parametrize("kind", ["loop", "pipe", "link to a pipe", "broken link", "not UTF-8"])
def test_what_is_no_file_is_left_out(png_folder: Path, kind: str) -> None:
    bad = png_folder / "b.png"
    if kind == "loop":
        bad.symlink_to(bad)
    elif kind == "pipe":
        os.mkfifo(bad)
    elif kind == "link to a pipe":
        os.mkfifo(png_folder.parent / "pipe")
        bad.symlink_to(png_folder.parent / "pipe")
    elif kind == "broken link":
        bad.symlink_to("nowhere")
    else:
        Path(os.fsdecode(os.fsencode(png_folder) + b"/b\xff.png")).write_bytes(b"")
    if kind == "not UTF-8":  # its name ends in .png, so it is left out on demand only
        refused(png_folder, r"b\\udcff\.png: ")
    summary = bitsback.compress(png_folder, io.BytesIO(), skip_bad=True, pictures_only=True)
    assert summary.files == 1
    assert len(summary.bad) == (kind == "not UTF-8")
    what = "pipes and devices" if "pipe" in kind else "links that lead nowhere"
    assert summary.skipped == ({} if kind == "not UTF-8" else {what: ["b.png"]})
