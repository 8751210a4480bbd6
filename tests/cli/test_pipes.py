"""An archive in a pipe, `-`, is read like a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bitsback
from folders import contents_of
from waiting import PATIENCE

from .conftest import Process, Run, assert_error_line

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX systems")


@pytest.fixture
def packed(pictures: Path) -> None:
    """An archive of the folder."""
    bitsback.compress("in", "in.bb")


@pytest.mark.parametrize("command", ["info", "verify", "list"])
@pytest.mark.parametrize("archive", ["digits.bb", "in.bb"])
def test_reading(process: Process, run: Run, packed: None, command: str, archive: str) -> None:
    expected = run(command, archive).stdout_bytes
    piped = process(command, "-", input=Path(archive).read_bytes())
    with Path(archive).open("rb") as file:
        redirected = process(command, "-", stdin=file)
    for result in (piped, redirected):
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout == expected.replace(archive.encode(), b"standard input")


def test_restoring(process: Process, packed: None) -> None:
    result = process("decompress", "-", input=Path("digits.bb").read_bytes())
    assert result.stdout == Path("digits.npy").read_bytes()
    result = process("decompress", "-", "-o", "out", input=Path("in.bb").read_bytes())
    assert result.returncode == 0, result.stderr
    assert sorted(contents_of(Path("out"))) == ["3.png", "a/1.png", "a/2.png"]
    result = process("decompress", "-", input=Path("in.bb").read_bytes())
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "standard input", "folder")


def test_extracting(process: Process, folder: Path) -> None:
    result = process("extract", "-", "0:", "-o", "-", input=Path("digits.bb").read_bytes())
    assert result.stdout == Path("digits.npy").read_bytes()


def test_what_is_no_archive(process: Process, folder: Path) -> None:
    for command in ("info", "verify", "list"):
        result = process(command, "-", input=b"no archive")
        assert result.returncode == 2
        assert_error_line(result.stderr.decode(), "standard input", "no bitsback archive")


@pytest.mark.parametrize("command", ["info", "compress", "decompress"])
def test_nobody_waits_for_a_terminal(folder: Path, command: str) -> None:
    pty = pytest.importorskip("pty")
    master, terminal = pty.openpty()
    try:
        result = subprocess.run(
            [sys.executable, "-m", "bitsback", command, "-"],
            stdin=terminal,
            capture_output=True,
            cwd=folder,
            timeout=PATIENCE,
        )
    finally:
        os.close(master)
        os.close(terminal)
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "terminal")


def test_no_room_for_what_is_piped(process: Process, folder: Path) -> None:
    import resource

    data = Path("digits.bb").read_bytes()
    result = process(
        "info",
        "-",
        input=data,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (80, 80)),
    )
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "standard input", "TMPDIR")
