"""Hashes of files that come back byte for byte: kept, listed, and compared with restored files."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback.format.digests import Digests
from bitsback.format.layout import HASHES, NAMES, open_section
from folders import save
from in_memory import pack
from packing import replaced
from reference import archive as spec

from .conftest import Run, files, noise

BY_PIXELS = {"deep/a.png", "deep/tiff.tif"}
packed = partial(pack, model="fast", hashes="sha256", block=2)


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """Files that are stored verbatim, restored byte for byte from pixels, or restored by pixels
    only.
    """
    root = tmp_path / "in"
    smooth = np.add.outer(np.arange(60), np.arange(90)).astype(np.uint8)
    save(smooth, root / "a.pgm")
    save(np.stack([smooth] * 3, -1), root / "b.bmp")
    for name in BY_PIXELS:
        save(
            smooth,
            root / name,
            **({"compression": "tiff_adobe_deflate"} if name.endswith("f") else {}),
        )
    for number in range(3):
        (root / f"{number}.csv").write_bytes(np.random.default_rng(number).bytes(1000 * number))
    return root


def sums(root: Path) -> dict[str, bytes]:
    return {name: hashlib.sha256((root / name).read_bytes()).digest() for name in files(root)}


def test_they_are_those_of_the_files(kinds: Path, tmp_path: Path) -> None:
    data = packed(kinds, files="pixels")
    with bitsback.open(data) as archive:
        assert archive.hashes is not None and archive.verify() == []
        expected = sums(kinds)
        assert archive.hashes == {n: d for n, d in expected.items() if n not in BY_PIXELS}
    bitsback.decompress(data, tmp_path / "out")
    again = sums(tmp_path / "out")
    assert {n for n in again if again[n] != expected[n]} <= BY_PIXELS
    spec.decode_files(data)


def test_every_byte(kinds: Path) -> None:
    """PNG files by zlib come back byte for byte, and files that cannot be rebuilt are stored
    verbatim.
    """
    with bitsback.open(packed(kinds)) as archive:
        assert archive.hashes == sums(kinds)


def test_an_archive_without(kinds: Path) -> None:
    with bitsback.open(packed(kinds, hashes=None)) as archive:
        assert archive.hashes is None


@pytest.mark.parametrize("name", ["2.csv", "a.pgm", "b.bmp"])
def test_another_hash_is_refused(kinds: Path, tmp_path: Path, name: str) -> None:
    """The hash differs when the file changed while it was read, or a library writes other bytes."""
    data = packed(kinds)
    with bitsback.open(data) as archive:
        assert archive.reader.hashes is not None
        hashes = list(archive.reader.hashes)
        number = archive.names.index(name)
        groups = archive.reader.digests.groups
    hashes[number] = bytes(32)
    wrong = replaced(data, HASHES, bytes(open_section(Digests(groups, hashes).pack(), HASHES)))
    for asked in ("exact", "pixels"):
        with pytest.raises(
            bitsback.ArchiveError, match=f"{name}: the restored file has another SHA-256"
        ):
            bitsback.decompress(wrong, tmp_path / "out", files=asked)
    assert not (tmp_path / "out").exists()
    with bitsback.open(wrong) as archive:
        ((block, error),) = archive.verify()
        assert block is None and error.file == name and name in str(error)
    summary = bitsback.decompress(wrong, tmp_path / "out", keep_going=True)
    assert summary.lost == (name,) and name not in files(tmp_path / "out")


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\1", b"\0", b"\0\1\7\0", b"\0\1\7\1x\0", b"\0\2\7\0\0\0\0", b"\0\1\6\0\0",
        b"\0\1\7\0\2", b"\0\1\7\0\1", b"\0\1\7\0\0\0", b"\0\xff\xff\xff\xff\7\0",
    ],
)  # fmt: skip
def test_hashes_made_to_harm(kinds: Path, tmp_path: Path, payload: bytes) -> None:
    data = replaced(packed(kinds), HASHES, payload)
    with pytest.raises(bitsback.ArchiveError):
        bitsback.decompress(data, tmp_path / "out")
    with bitsback.open(data) as archive:
        assert archive.verify()
        with pytest.raises(bitsback.ArchiveError):
            _ = archive.hashes


def test_a_file_that_changes_meanwhile(kinds: Path) -> None:
    class Changing:
        """Changes a file as soon as blocks are coded, when all files have been looked at."""

        def stage(self, name: str) -> None:
            if name == "compressing":
                (kinds / "1.csv").write_bytes(bytes(1000))
                os.utime(kinds / "1.csv", ns=(1, 1))

        def __call__(self, done: int, total: int) -> None:
            pass

    with pytest.raises(bitsback.InputError, match=r"1\.csv: was changed while it was read"):
        packed(kinds, progress=Changing())


def test_merged(kinds: Path, tmp_path: Path) -> None:
    save(noise("L"), tmp_path / "more" / "z.pgm")
    (tmp_path / "a.bb").write_bytes(packed(kinds))
    (tmp_path / "b.bb").write_bytes(packed(tmp_path / "more", hashes=None))
    bitsback.merge([tmp_path / "a.bb", tmp_path / "b.bb"], tmp_path / "all.bb")
    with bitsback.open(tmp_path / "all.bb") as merged, bitsback.open(tmp_path / "a.bb") as first:
        assert merged.hashes == first.hashes and "z.pgm" in merged
        assert merged.verify() == []


@pytest.mark.parametrize("unordered", [True, False])
def test_what_has_none(tmp_path: Path, unordered: bool) -> None:
    with pytest.raises(bitsback.InputError, match="hashes"):
        bitsback.compress(np.zeros((3, 4)), io.BytesIO(), hashes="sha256", unordered=unordered)
    save(noise("L"), tmp_path / "in" / "a.png")
    if unordered:
        with pytest.raises(bitsback.InputError, match="hashes"):
            packed(tmp_path / "in", unordered=True)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_the_command(kinds: Path, run: Run) -> None:
    (kinds / "back\\slash and\nline").write_bytes(b"odd")
    options = ("--fast", "--hashes", "sha256", "--files", "pixels")
    assert run("compress", kinds, "-o", "x.bb", *options).exit_code == 0
    assert run("decompress", "x.bb", "-o", "out").exit_code == 0
    listed = run("list", "x.bb", "--hashes")
    assert listed.exit_code == 0 and len(listed.stdout.splitlines()) == 6
    for name in BY_PIXELS:
        assert f"{name}: has no hash, as only its pixels are restored" in listed.stderr
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "-"],
        input=listed.stdout, cwd="out", text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert run("list", "x.bb", "a.pgm", "--hashes").stdout.endswith("  a.pgm\n")
    assert run("compress", kinds, "-o", "y.bb").exit_code == 0
    assert "was made without hashes" in run("list", "y.bb", "--hashes").stderr
    assert run("list", "x.bb", "--hashes", "--json").exit_code == 2


def test_files_come_back_without_hashes_that_are_lost(kinds: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.bb"
    bitsback.compress(kinds, path, model="fast", hashes="sha256")
    data = path.read_bytes()
    with bitsback.open(path) as archive:
        places = {place.kind: place.offset + 5 for place in archive.reader.directory.sections}
    for kind, count in ((HASHES, len(files(kinds))), (NAMES, 4)):
        at, out = places[kind], tmp_path / kind.decode()
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        summary = bitsback.decompress(path, out, keep_going=True)
        assert summary.problems and len(files(out)) == count
    assert not any("SHA-256" in problem for problem in summary.problems)
