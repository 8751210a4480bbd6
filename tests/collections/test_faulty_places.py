"""Archives on full disks, and in places that cannot be written: they stay what they were."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bitsback

from .conftest import Run, files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

NOBODY = 65534
COMMANDS = {
    "add": ["add", "x.bb", "b"],
    "remove": ["remove", "x.bb", "0.bin"],
    "parity": ["add", "x.bb", "--parity", "60"],
    "repair": ["repair", "x.bb"],
    "merge": ["merge", "y.bb", "-o", "x.bb", "--force"],
    "compress": ["compress", "b", "-o", "x.bb", "--force"],
    "resume": ["compress", "b", "-o", "x.bb", "--force", "--resume"],
    "embed": ["embed", "x.bb"],
    "decompress": ["decompress", "x.bb", "-o", "new/out"],
}


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archives x.bb and y.bb of folders a and b, of some 30 and 60 kB."""
    monkeypatch.chdir(tmp_path)
    fill()
    return tmp_path


def fill() -> None:
    for number, name in enumerate("ab", 1):
        Path(name).mkdir()
        for file in range(3):
            (Path(name) / f"{file + 3 * number - 3}.bin").write_bytes(os.urandom(10_000 * number))
        bitsback.compress(name, f"{'xy'[number - 1]}.bb", parity=10)


def x_for(command: str) -> bytes:
    """The archive for a command, damaged if that is to repair it."""
    data = Path("x.bb").read_bytes()
    if command == "repair":
        data = data[:5000] + bytes(9) + data[5009:]
        Path("x.bb").write_bytes(data)
    return data


def hidden(folder: Path) -> list[str]:
    return [name for name in files(folder) if ".tmp" in name or ".part" in name or "tail" in name]


@contextmanager
def with_files_of(size: int) -> Iterator[None]:
    """Files of this process get so many bytes at most."""
    import resource  # which Windows lacks

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(archives: Path, run: Run, command: str) -> None:
    before, there = x_for(command), files(archives)
    # As of a disk: the bytes that fit are written. None, some, and all but the last ones.
    for size in (0, 5000, len(before) + 10):
        with with_files_of(size):
            result = run(*COMMANDS[command])
        if not result.exit_code:
            assert size > 5000
            continue
        error = result.stderr.splitlines()[-1]
        assert result.exit_code == 2 and error.startswith("bitsback: error: ")
        assert "cannot be written: File too large" in error
        assert ("out" if command == "decompress" else "x.bb") in error
        assert Path("x.bb").read_bytes() == before and hidden(archives) == []
        assert files(archives) == there


@pytest.mark.parametrize("what", ["x.bb", "."])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_place(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, what: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        place, other = Path(name, "place"), Path(name, "other")
        place.mkdir()
        monkeypatch.chdir(place)
        fill()
        before = x_for(command)
        shutil.copytree(place, other)
        monkeypatch.chdir(other)
        run(*COMMANDS[command])  # imports what only root may read
        monkeypatch.chdir(place)
        Path(what).chmod(0o555 if what == "." else 0o444)
        with as_a_user(Path(name)):
            assert not os.access(what, os.W_OK)
            result = run(*COMMANDS[command])
        place.chmod(0o755)
        assert hidden(place) == []
        if result.exit_code:
            assert "cannot be written: Permission denied" in result.stderr.splitlines()[-1]
            assert Path("x.bb").read_bytes() == before
        else:
            assert command in ("decompress" if what == "x.bb" else ("add", "remove", "parity"))
        monkeypatch.undo()


@contextmanager
def as_a_user(place: Path) -> Iterator[None]:
    """Root may write everywhere, so it becomes nobody, who owns the place, until the body ends."""
    if os.getuid():
        yield
        return
    for path in (place, *place.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
