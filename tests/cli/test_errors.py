"""Any error prints one line that names the file, exits with code 2, and leaves nothing behind."""

from __future__ import annotations

import ctypes.util
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.format.layout import COLLECTION, HEAD, Cursor, open_section, section
from waiting import PATIENCE, begun, running, until

from .conftest import Process, Run, assert_error_line, assert_one_line_error


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["compress", "nothing.npy"], ["nothing.npy"]),
        (["decompress", "nothing.bb"], ["nothing.bb"]),
        (["info", "nothing.bb"], ["nothing.bb"]),
        (["verify", "nothing.bb"], ["nothing.bb"]),
        (["extract", "nothing.bb", "1", "-o", "x.npy"], ["nothing.bb"]),
        (["compress", "digits.npy"], ["digits.bb", "--force"]),
        (["decompress", "digits.bb"], ["digits.npy", "--force"]),
        (["compress", "digits.npy", "-o", "digits.npy"], ["digits.npy", "-o"]),
        (["compress", "digits.npy", "-o", "digits.npy/x.bb"], ["digits.npy/x.bb"]),
        (["decompress", "digits.npy", "-o", "x.npy"], ["digits.npy"]),
        (["compress", "digits.npy", "-o", "x.bb", "-m", "nonesuch"], ["nonesuch", "mnist-binary"]),
        (["compress", "digits.npy", "-o", "x.bb", "-m", "digits.npy"], ["digits.npy"]),
        (["compress", "digits.npy", "-o", "x.bb", "--block", "0"], ["--block"]),
        (["compress", "digits.npy", "-o", "x.bb", "--threads", "many"], ["--threads"]),
        (["compress", "digits.npy", "--quick"], ["--quick", "'bitsback compress --help'"]),
        (["compress"], ["INPUT", "'bitsback compress --help'"]),
        (["compres", "digits.npy"], ["compres", "'bitsback --help'"]),
        (["--quick"], ["--quick"]),
    ],
)
def test_one_line_for_each_mistake(
    run: Run, folder: Path, arguments: list[str], parts: list[str]
) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert_one_line_error(run(*arguments), *parts)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_missing_libfuse_is_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fuse", "fsspec.fuse", "bitsback.fuse"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delenv("FUSE_LIBRARY_PATH", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    (folder / "shown").mkdir()
    assert_one_line_error(run("mount", "digits.bb", "shown"), "libfuse", "libfuse2t64")


def test_a_newer_version_asks_for_an_upgrade(run: Run, folder: Path) -> None:
    data = bytearray(Path("digits.bb").read_bytes())
    data[len(HEAD) - 1] += 1
    Path("digits.bb").write_bytes(data)
    for arguments in (["info"], ["verify"], ["decompress", "-f"]):
        assert_one_line_error(run(*arguments, "digits.bb"), "digits.bb", "newer", "update")


def test_an_unknown_feature_asks_for_an_upgrade(run: Run, folder: Path) -> None:
    data = Path("digits.bb").read_bytes()
    first = Cursor(memoryview(data), len(HEAD)).section()
    payload = bytes(open_section(first, COLLECTION))
    assert payload[0] == 0, "no features"
    newer = section(COLLECTION, bytes([1 << 6]), payload[1:])
    Path("digits.bb").write_bytes(HEAD + newer + data[len(HEAD) + len(first) :])
    for arguments in (["info"], ["verify"], ["decompress", "-f"]):
        assert_one_line_error(
            run(*arguments, "digits.bb"), "digits.bb", "newer", "feature", "update"
        )


def test_an_unknown_model_is_named(
    run: Run, folder: Path, digits: NDArray[np.bool_], private: bitsback.Model
) -> None:
    bitsback.compress(digits, "private.bb", model=private, embed="never")
    result = run("decompress", "private.bb", "-o", "x.npy")
    assert_one_line_error(result, "private.bb", private.identity[:16].hex())
    assert not Path("x.npy").exists()


@pytest.mark.parametrize("keep", [0, 5, 12, 100, -1, -12])
def test_an_archive_cut_short(run: Run, folder: Path, keep: int) -> None:
    Path("digits.bb").write_bytes(Path("digits.bb").read_bytes()[:keep])
    assert_one_line_error(run("decompress", "digits.bb", "-o", "x.npy"), "digits.bb")
    assert sorted(path.name for path in folder.iterdir()) == ["digits.bb", "digits.npy"]


def test_a_damaged_archive_is_told_block_by_block(run: Run, folder: Path) -> None:
    data = bytearray(Path("digits.bb").read_bytes())
    data[len(data) // 2] ^= 16
    Path("digits.bb").write_bytes(data)
    assert_one_line_error(run("decompress", "digits.bb", "-o", "x.npy"), "digits.bb", "block 1")
    result = run("verify", "digits.bb")
    assert result.exit_code == 2
    assert_error_line(result.stderr, "digits.bb", "block 1")
    assert run("verify", "digits.bb", "--json").exit_code == 2


def test_traceback_is_shown_on_demand(run: Run, folder: Path) -> None:
    assert "Traceback" not in run("info", "nothing.bb").stderr
    result = run("info", "nothing.bb", "--traceback")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "bitsback: error: " in result.stderr.splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize(
    "arguments",
    [
        ["compress", "digits.npy", "-o", "x"],
        ["decompress", "digits.bb", "-o", "x"],
        ["extract", "digits.bb", ":", "-o", "x"],
        ["extract", "digits.bb", ":", "--png", "x"],
    ],
)
def test_a_full_disk(process: Process, folder: Path, arguments: list[str]) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (80, 80))

    result = process(
        *arguments, preexec_fn=limit, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    assert result.returncode == 2, result.stderr
    assert_error_line(
        result.stderr.decode(), "x", ": cannot be written: ", os.strerror(errno.EFBIG)[1:]
    )
    assert sorted(path.name for path in folder.iterdir()) == ["digits.bb", "digits.npy"]


def test_binary_data_does_not_go_to_a_terminal(folder: Path) -> None:
    pty = pytest.importorskip("pty")
    master, terminal = pty.openpty()
    try:
        for arguments in (
            ["compress", "digits.npy", "-o", "-"],
            ["extract", "digits.bb", "1", "-o", "-"],
        ):
            result = subprocess.run(
                [sys.executable, "-m", "bitsback", *arguments],
                stdout=terminal,
                stderr=subprocess.PIPE,
                cwd=folder,
            )
            assert result.returncode == 2
            assert_error_line(result.stderr.decode(), "terminal", "-o")
    finally:
        os.close(master)
        os.close(terminal)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    ("signal_number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 130),
        (getattr(signal, "SIGHUP", signal.SIGTERM), 130),
        (getattr(signal, "SIGKILL", signal.SIGTERM), -9),
    ],
)
def test_killed_in_the_middle(folder: Path, signal_number: int, code: int) -> None:
    """The input is a pipe that stays open, so the command is running until it is killed. It handles
    the signal even if the tests run under nohup, which makes all of them ignore SIGHUP.
    """

    def heed() -> None:
        if signal_number != signal.SIGKILL:
            signal.signal(signal_number, signal.SIG_DFL)

    npy = (folder / "digits.npy").read_bytes()
    command = ["compress", "-", "--block", "2", "-o", "digits.bb", "--force"]
    with running(
        [sys.executable, "-m", "bitsback", *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        preexec_fn=heed,
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        before = (folder / "digits.bb").read_bytes()
        process.stdin.write(npy[: len(npy) // 2])
        process.stdin.flush()
        until(lambda: begun(folder), process)
        process.send_signal(signal_number)
        assert process.wait(PATIENCE) == code
        error = process.stderr.read().decode()
        process.stdin.close()
    assert (folder / "digits.bb").read_bytes() == before
    if code > 0:
        assert error == "bitsback: interrupted\n"
    else:  # the next run clears up
        bitsback.compress(folder / "digits.npy", folder / "digits.bb", force=True)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    "code",
    [
        # Modules make named tuples by `exec`, and Python treats exceptions out of it differently.
        "import bitsback.archive.writing.writer\n"
        "bitsback.archive.writing.writer.write_archive = lambda *_:"
        " exec('signal.raise_signal(signal.SIGINT)')\n",
        # Before there is a command.
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'bitsback.cli.main': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n",
        # Before the command runs.
        "import bitsback.cli.logs\n"
        "bitsback.cli.logs.with_option = lambda *_: signal.raise_signal(signal.SIGINT)\n",
    ],
)
def test_an_interrupt_while_modules_are_imported(folder: Path, code: str) -> None:
    (folder / "interrupted.py").write_text(
        f"import signal, sys\n{code}from bitsback.cli import main\nmain()\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "interrupted", "compress", "digits.npy", "-f"],
        capture_output=True,
        cwd=folder,
    )
    assert (result.returncode, result.stderr) == (130, b"bitsback: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pipe")
def test_a_reader_that_leaves_is_no_error_worth_a_message(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        result = subprocess.run(
            [sys.executable, "-m", "bitsback", "decompress", "digits.bb", "-q", "-o", "-"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
    assert result.returncode != 0
    assert result.stderr == b""
