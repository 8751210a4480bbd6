"""`bitsback mount` shows an archive as a folder."""

from __future__ import annotations

import ctypes.util
import errno
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.filesystem import ArchiveFileSystem
from waiting import PATIENCE, running, until

LIBRARY = os.environ.get("FUSE_LIBRARY_PATH") or ctypes.util.find_library("fuse")
MAY_MOUNT = os.access("/dev/fuse", os.R_OK) and not os.system("unshare --mount true 2> /dev/null")

Operations = Callable[[Path], Any]
pytestmark = pytest.mark.fuse


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """libfuse. Operations need it only to be mounted, so where it is not there one without
    functions stands in for it.
    """
    if LIBRARY:
        return LIBRARY
    made = tmp_path_factory.mktemp("library") / "libnone.so"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    source = b"void *fuse_get_context(void) { return 0; }"
    command = [*compiler, "-shared", "-fPIC", "-x", "c", "-o", str(made), "-"]
    subprocess.run(command, input=source, check=True)
    return str(made)


@pytest.fixture
def operations(library: str, monkeypatch: pytest.MonkeyPatch) -> Operations:
    """The operations on an archive."""
    monkeypatch.setenv("FUSE_LIBRARY_PATH", library)
    from bitsback.fuse import ArchiveOperations

    return lambda archive: ArchiveOperations(ArchiveFileSystem(archive))


def test_operations(made: Path, operations: Operations, pictures: dict[str, NDArray[Any]]) -> None:
    call = operations(made / "folder.bb")
    assert call("readdir", "/", None) == [".", "..", "a", "b.png", "c.png", "notes.txt"]
    assert call("readdir", "/a", None) == [".", "..", "1.png", "2.png"]
    told = call("getattr", "/a/1.png", None)
    original = (made / "in/a/1.png").stat()
    assert told["st_mode"] == 0o100444 and call("getattr", "/a", None)["st_mode"] == 0o40555
    assert (told["st_uid"], told["st_mtime"]) == (os.getuid(), pytest.approx(original.st_mtime))
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
        for block in archive._blocks:
            data[block.end - 6] ^= 1
    (tmp_path / "x.bb").write_bytes(data)
    call = operations(tmp_path / "x.bb")
    for arguments, number in (
        (("getattr", "/none", None), errno.ENOENT),
        (("getattr", "/b.png", None), errno.EIO),
    ):
        with pytest.raises(OSError) as raised:
            call(*arguments)
        assert raised.value.errno == number, arguments


@pytest.mark.skipif(not MAY_MOUNT, reason="nobody may mount here: no /dev/fuse, or no right to it")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_mounted_archive(made: Path, tmp_path: Path, stop: signal.Signals) -> None:
    assert LIBRARY, "libfuse is missing: apt-get install libfuse2t64"
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


def test_only_empty_folders(made: Path, tmp_path: Path, library: str) -> None:
    (tmp_path / "some.txt").touch()
    command = [sys.executable, "-m", "bitsback", "mount", "-q", str(made / "folder.bb")]
    environment = {**os.environ, "FUSE_LIBRARY_PATH": library}
    ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert ran.returncode == 2 and "is no empty folder" in ran.stderr
    if not LIBRARY:
        ran = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
        assert ran.returncode == 2 and "libfuse is not installed" in ran.stderr
