"""Archives on full disks, and in places that cannot be written: they stay what they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bitsback

from .conftest import Run, files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

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
RUN = (
    "import os, resource, sys\n"
    "size = int(sys.argv.pop(1))\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
    "from bitsback.cli.main import bitsback\n"
    "bitsback()\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archives x.bb and y.bb of folders a and b, of some 30 and 60 kB."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate("ab", 1):
        Path(name).mkdir()
        for file in range(3):
            (Path(name) / f"{file + 3 * number - 3}.bin").write_bytes(os.urandom(10_000 * number))
        bitsback.compress(name, f"{'xy'[number - 1]}.bb", parity=10)
    return tmp_path


def x_for(command: str) -> bytes:
    """The archive for a command, damaged if that is to repair it."""
    data = Path("x.bb").read_bytes()
    if command == "repair":
        data = data[:5000] + bytes(9) + data[5009:]
        Path("x.bb").write_bytes(data)
    return data


def hidden(folder: Path) -> list[str]:
    return [name for name in files(folder) if ".tmp" in name or ".part" in name or "tail" in name]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(folder: Path, command: str) -> None:
    before, there = x_for(command), files(folder)
    # As of a disk: the bytes that fit are written. None, some, and all but the last ones.
    for size in (0, 5000, len(before) + 10):
        run = [sys.executable, "-c", RUN, str(size), *COMMANDS[command]]
        result = subprocess.run(run, capture_output=True, text=True, check=False)
        if not result.returncode:
            assert size > 5000
            continue
        error = result.stderr.splitlines()[-1]
        assert result.returncode == 2 and error.startswith("bitsback: error: ")
        assert "cannot be written: File too large" in error
        assert ("out" if command == "decompress" else "x.bb") in error
        assert Path("x.bb").read_bytes() == before and hidden(folder) == []
        assert files(folder) == there


@pytest.mark.parametrize("what", ["x.bb", "."])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_place(folder: Path, run: Run, command: str, what: str) -> None:
    before = x_for(command)
    Path(what).chmod(0o555 if what == "." else 0o444)
    if os.access(what, os.W_OK):
        pytest.skip("nothing is read-only for root")
    try:
        result = run(*COMMANDS[command])
    finally:
        folder.chmod(0o755)
    assert hidden(folder) == []
    if result.exit_code:
        assert "cannot be written: Permission denied" in result.stderr.splitlines()[-1]
        assert Path("x.bb").read_bytes() == before
    else:
        assert command in ("decompress" if what == "x.bb" else ("add", "remove", "parity"))
