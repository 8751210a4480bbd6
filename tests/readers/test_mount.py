"""`bitsback mount` shows an archive as a folder."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.filesystem import ArchiveFileSystem
from folders import write_files
from waiting import PATIENCE, running, until
from zoo.dicom_files import dicom_file

MAY_MOUNT = os.access("/dev/fuse", os.R_OK) and not os.system("unshare --mount true 2> /dev/null")

Operations = Callable[[Path], Callable[..., Any]]
pytestmark = pytest.mark.fuse


@pytest.fixture
def operations() -> Operations:
    """The operations on an archive."""
    from bitsback.fuse import ArchiveOperations

    def of(archive: Path) -> Callable[..., Any]:
        operations = ArchiveOperations(ArchiveFileSystem(archive))
        return lambda name, *arguments: getattr(operations, name)(*arguments)

    return of


def test_operations(made: Path, operations: Operations, pictures: dict[str, NDArray[Any]]) -> None:
    call = operations(made / "folder.bb")
    assert call("readdir", "/", None) == [".", "..", "a", "b.png", "c.png", "notes.txt"]
    assert call("readdir", "/a", None) == [".", "..", "1.png", "2.png"]
    told = call("getattr", "/a/1.png", None)
    original = (made / "in/a/1.png").stat()
    assert told["st_mode"] == 0o100444 and call("getattr", "/a", None)["st_mode"] == 0o40555
    assert told["st_uid"] == os.getuid()
    assert told["st_mtime"] == pytest.approx(original.st_mtime_ns, abs=1000)
    handle = call("open", "/a/1.png", os.O_RDONLY)
    data = call("read", "/a/1.png", 20, 0, handle) + call("read", "/a/1.png", 9999, 20, handle)
    assert len(data) == told["st_size"]
    assert call("read", "/a/1.png", 10, 5, handle) == data[5:15]
    call("release", "/a/1.png", handle)
    with bitsback.open(made / "folder.bb") as archive:
        assert archive.open("a/1.png").read() == data


def test_errors_of_operations(made: Path, tmp_path: Path, operations: Operations) -> None:
    data = bytearray((made / "folder.bb").read_bytes())
    with bitsback.open(bytes(data)) as archive:
        for block in archive.reader.blocks:
            data[block.end - 6] ^= 1
    (tmp_path / "x.bb").write_bytes(data)
    call = operations(tmp_path / "x.bb")
    for arguments, number in (
        (("getattr", "/none", None), errno.ENOENT),
        (("open", "/b.png", os.O_RDONLY), errno.EIO),
    ):
        with pytest.raises(OSError) as raised:
            call(*arguments)
        assert raised.value.errno == number, arguments


def test_errors_always_have_a_number(made: Path, operations: Operations) -> None:
    call = operations(made / "folder.bb")
    for arguments, number in (
        (("open", "/none", os.O_RDONLY), errno.ENOENT),
        (("readdir", "/none", None), errno.ENOENT),
        (("getattr", "/b.png/none", None), errno.ENOENT),
        (("getattr", "/\udcff", None), errno.ENOENT),
        (("open", "/a", os.O_RDONLY), errno.EISDIR),
    ):
        with pytest.raises(OSError) as raised:
            call(*arguments)
        assert raised.value.errno == number, arguments


def test_damaged_archives(made: Path, tmp_path: Path, operations: Operations) -> None:
    """Each file has its bytes, or cannot be read."""
    whole = (made / "folder.bb").read_bytes()
    with bitsback.open(whole) as archive:
        expected = {f"/{name}": archive.open(name).read() for name in archive.names}
    draw, lost = random.Random(0), 0
    for _ in range(150):
        data, at = bytearray(whole), draw.randrange(len(whole))
        if draw.randrange(4):
            data[at] ^= 1 << draw.randrange(8)
        else:
            del data[at:]
        (tmp_path / "x.bb").write_bytes(data)
        try:
            call = operations(tmp_path / "x.bb")
        except bitsback.BitsbackError:
            continue
        for path, content in expected.items():
            try:
                handle = call("open", path, os.O_RDONLY)
                assert call("read", path, 1 << 20, 0, handle) == content
                assert call("getattr", path, None)["st_size"] == len(content)
            except OSError as error:
                assert error.errno in (errno.EIO, errno.ENOENT)
                lost += 1
    assert lost


def test_an_archive_that_shrinks_while_it_is_mounted(
    made: Path, tmp_path: Path, operations: Operations
) -> None:
    (tmp_path / "x.bb").write_bytes((made / "folder.bb").read_bytes())
    call = operations(tmp_path / "x.bb")
    os.truncate(tmp_path / "x.bb", 40)
    with pytest.raises(OSError) as raised:
        call("open", "/a/1.png", os.O_RDONLY)
    assert raised.value.errno == errno.EIO


def test_a_large_listing(tmp_path: Path, operations: Operations) -> None:
    names = [f"{a}/{b}/{c}.txt" for a in range(4) for b in range(30) for c in range(30)]
    write_files(tmp_path / "in", dict.fromkeys(names, b""))
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    call = operations(tmp_path / "x.bb")
    assert call("readdir", "/", None) == [".", "..", "0", "1", "2", "3"]
    found = [
        f"{a}/{b}/{c}"
        for a in call("readdir", "/", None)[2:]
        for b in call("readdir", f"/{a}", None)[2:]
        for c in call("readdir", f"/{a}/{b}", None)[2:]
    ]
    assert sorted(found) == sorted(names)


ODD_NAMES = [
    "new\nline", "tab\t.png", "'\".png", "back\\slash", "bitsback::x", "bitsback::a/b", "*?[a]",
    "-rf", "ü/日本.png", "é" * 127, " before", "behind ", "a%20b", "#x", "q?y=1", "..x", ".a/.b",
    "~", "file:", "http:/x", "\x7f", "\u202e", "a" * 255, "1/2/3/4/5/6/7", "x::y", ".fuse_ready",
]  # fmt: skip


@pytest.mark.skipif(not MAY_MOUNT, reason="nobody may mount here: no /dev/fuse, or no right to it")
@pytest.mark.filterwarnings("ignore:.*cannot be restored on Windows")
def test_odd_names_and_readers_at_once(tmp_path: Path) -> None:
    sizes = enumerate(ODD_NAMES)
    write_files(tmp_path / "in", {name: name.encode() * (1 + 1000 * n) for n, name in sizes})
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    folder = tmp_path / "shown"
    folder.mkdir()
    command = [sys.executable, "-m", "bitsback", "mount", "-q", str(tmp_path / "x.bb"), str(folder)]
    with running(command, stderr=subprocess.PIPE) as process:
        try:
            until(folder.is_mount, process)
            found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
            assert found == set(ODD_NAMES)
            with pytest.raises(FileNotFoundError):
                (folder / "\udcff").stat()

            def read(seed: int) -> None:
                draw = random.Random(seed)
                for name in draw.sample(ODD_NAMES, len(ODD_NAMES)):
                    content = (tmp_path / "in" / name).read_bytes()
                    at = draw.randrange(len(content))
                    with (folder / name).open("rb") as file:
                        file.seek(at)
                        assert file.read() == content[at:]

            with ThreadPoolExecutor(12) as pool:
                list(pool.map(read, range(24)))
        finally:
            process.send_signal(signal.SIGINT)
            told = process.communicate(timeout=PATIENCE)[1].decode()
        assert (process.returncode, told) == (0, "")


@pytest.mark.skipif(not MAY_MOUNT, reason="nobody may mount here: no /dev/fuse, or no right to it")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_mounted_archive(made: Path, tmp_path: Path, stop: signal.Signals) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    command = [sys.executable, "-m", "bitsback", "mount", str(made / "folder.bb"), str(folder)]
    with running(command, stderr=subprocess.PIPE) as process:
        try:
            until(folder.is_mount, process)
            names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))
            assert names == ["a/1.png", "a/2.png", "b.png", "c.png", "notes.txt"]
            assert (folder / "notes.txt").read_text() == "no picture"
            with Image.open(folder / "c.png") as shown, Image.open(made / "in/c.png") as original:
                assert np.array_equal(shown, original)
            with pytest.raises(OSError) as raised:
                (folder / "new.txt").write_text("new")
            assert raised.value.errno == errno.EROFS
        finally:
            process.send_signal(stop)
            told = process.communicate(timeout=PATIENCE)[1].decode()
        assert process.returncode == 0, told
        assert "until Ctrl-C" in told and not folder.is_mount()


def test_only_empty_folders(made: Path, tmp_path: Path) -> None:
    (tmp_path / "some.txt").touch()
    command = [sys.executable, "-m", "bitsback", "mount", "-q", str(made / "folder.bb")]
    ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == 2 and "is not an empty folder" in ran.stderr


def test_sizes_of_files_decode_nothing(
    tmp_path: Path, operations: Operations, decoded: list[int]
) -> None:
    """As `ls -l` and file managers ask for them, of a series of slices say."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        slices = np.add.outer(np.arange(30), np.arange(40)).astype("<i2") + number
        (tmp_path / f"in/{number}.dcm").write_bytes(dicom_file(slices))
        Image.fromarray(slices.astype(np.uint8)).save(tmp_path / f"in/{number}.png")
    (tmp_path / "in/text").write_bytes(b"words")
    bitsback.compress(tmp_path / "in", tmp_path / "x.bb")
    call = operations(tmp_path / "x.bb")
    for name in ("0.dcm", "3.dcm", "0.png", "text"):
        told = call("getattr", f"/{name}", None)
        assert told["st_size"] == (tmp_path / "in" / name).stat().st_size
    assert not decoded
