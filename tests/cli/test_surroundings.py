"""The environment of a command other than its arguments: closed streams, names that are not UTF-8,
pipes, signals. Each ends in one line, and loses nothing.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bitsback
from bitsback.io import file_io as image_files
from packing import redescribed
from waiting import PATIENCE, begun, running, until

from .conftest import Process, Run, assert_error_line, assert_one_line_error

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX systems")

BITSBACK = f"{sys.executable} -m bitsback"


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, shell=True, capture_output=True, cwd=folder, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("info digits.bb >&-", 0),
        ("verify digits.bb >&- 2>&-", 0),
        ("decompress digits.bb -o x.npy 2>&-", 0),
        ("decompress digits.bb -o x.npy >&- 2>&- <&-", 0),
        ("compress digits.npy -o x.bb <&- 2>&-", 0),
        ("info nothing.bb 2>&-", 2),
        ("compress - -o x.bb <&-", 2),
        ("decompress - -o x.npy <&-", 2),
        ("compress digits.npy -o - >&-", 2),
        ("decompress digits.bb -o - >&-", 2),
        ("extract digits.bb 0 -o - >&-", 2),
    ],
)
def test_closed_streams(folder: Path, command: str, code: int) -> None:
    result = shell(folder, f"{BITSBACK} {command}")
    assert (result.returncode, result.stdout) == (code, b"")
    if result.stderr:
        assert_error_line(result.stderr.decode())
    if code == 0 and "-o x.npy" in command:
        assert (folder / "x.npy").read_bytes() == (folder / "digits.npy").read_bytes()
    if code == 0 and "-o x.bb" in command:
        with bitsback.open(folder / "x.bb") as opened:
            assert opened.verify() == []
    if code == 2:
        assert sorted(path.name for path in folder.iterdir()) == ["digits.bb", "digits.npy"]


def test_a_path_that_is_not_utf8(folder: Path) -> None:
    path = os.fsdecode(os.fsencode(folder) + b"/\xff.bb")
    Path(path).write_bytes((folder / "digits.bb").read_bytes())
    for command in ("info", "verify"):
        result = subprocess.run(
            [sys.executable, "-m", "bitsback", command, path], capture_output=True, check=False
        )
        assert (result.returncode, result.stderr) == (0, b"")
        assert b"\\udcff.bb" in result.stdout
    shown = subprocess.run(
        [sys.executable, "-m", "bitsback", "info", "--json", path], capture_output=True, check=True
    )
    assert json.loads(shown.stdout)["bytes"] == (folder / "digits.bb").stat().st_size
    Path(path).write_bytes(b"damaged")
    result = subprocess.run(
        [sys.executable, "-m", "bitsback", "verify", path], capture_output=True, check=False
    )
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "\\udcff.bb")


def test_a_name_of_a_model_that_would_act_on_the_terminal(
    run: Run, folder: Path, private: bitsback.Model
) -> None:
    bitsback.compress(np.load("digits.npy"), "whole.bb", model=private)
    text = json.dumps({"name": "x\narchive   all well\x1b[2J"}).encode()
    Path("forged.bb").write_bytes(redescribed(Path("whole.bb").read_bytes(), text))
    result = run("info", "forged.bb")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert sum(line.startswith("archive") for line in result.stdout.splitlines()) == 1


@pytest.mark.parametrize("command", ["info", "verify", "decompress", "compress"])
def test_a_pipe_without_a_writer(
    run: Run, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert image_files.PATIENCE == 10
    monkeypatch.setattr(image_files, "PATIENCE", 0.1)
    os.mkfifo("pipe.bb")
    assert_one_line_error(run(command, "pipe.bb"), "pipe.bb", "no process writes to")


def test_a_pipe_with_a_name_is_read_like_any_other(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    writing = subprocess.Popen("sleep 0.3; cat digits.npy > pipe", shell=True, cwd=folder)
    bitsback.compress(folder / "pipe", folder / "x.bb")
    assert writing.wait(PATIENCE) == 0
    assert (bitsback.decompress(folder / "x.bb") == np.load(folder / "digits.npy")).all()


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.3])
def test_two_interrupts_with_threads_at_work(folder: Path, pause: float) -> None:
    many = np.tile(np.load(folder / "digits.npy"), (150, 1, 1))
    np.save(folder / "many.npy", many)
    with running(
        [sys.executable, "-m", "bitsback", "compress", "many.npy", "--best", "--block", "1500",
         "--threads", "2"],
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        until(lambda: begun(folder), process)
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == b"bitsback: interrupted\n"
    assert sorted(path.name for path in folder.iterdir()) == ["digits.bb", "digits.npy", "many.npy"]


def test_two_requests_to_stop_at_once(folder: Path) -> None:
    """Both have arrived when Python looks: it handles the first, then the second."""
    script = """
import os, signal
from bitsback.cli.main import _stop_once
both = [signal.SIGINT, signal.SIGTERM]
try:
    with _stop_once():
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for number in both:
            os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)
    print("stopped")
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        cwd=folder,
        timeout=PATIENCE,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, b"stopped\n", b"")


def test_a_full_disk_keeps_the_pictures_that_were_there(process: Process, folder: Path) -> None:
    import resource

    (folder / "d").mkdir()
    (folder / "d" / "00.png").write_bytes(b"mine")
    result = process(
        *("extract", "digits.bb", "0", "--png", "d", "-f"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "00.png")
    assert [path.read_bytes() for path in (folder / "d").iterdir()] == [b"mine"]


@pytest.mark.parametrize("kind", ["npz", "idx.gz"])
def test_what_is_left_of_a_container_after_an_error_is_not_whole(folder: Path, kind: str) -> None:
    """Output in a pipe cannot be withdrawn, so it must not look complete."""
    array = np.load(folder / "digits.npy").astype(np.uint8)
    if kind == "npz":
        np.savez(folder / "x.npz", a=array, b=array)
    else:
        import gzip

        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        (folder / "x.idx.gz").write_bytes(gzip.compress(header + array.tobytes()))
    bitsback.compress(folder / f"x.{kind}", folder / "x.bb", block=20)
    data = bytearray((folder / "x.bb").read_bytes())
    with bitsback.open(folder / "x.bb") as opened:
        data[opened.reader.blocks[-1].offset + 40] ^= 1
    (folder / "x.bb").write_bytes(data)
    result = shell(folder, f"{BITSBACK} decompress x.bb -o - > out")
    assert result.returncode == 2
    assert_error_line(result.stderr.decode(), "x.bb", "block")
    left = (folder / "out").read_bytes()
    assert left and b"PK\5\6" not in left
    if kind != "npz":
        import zlib

        stream = zlib.decompressobj(31)
        stream.decompress(left)
        assert not stream.eof


def test_a_reader_that_leaves_in_the_middle_of_an_npz(folder: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (300, 1000), np.uint8)
    np.savez(folder / "x.npz", a=array)
    bitsback.compress(folder / "x.npz", folder / "x.bb")
    result = shell(folder, f"{BITSBACK} decompress x.bb -q -o - | head -c 1000 | wc -c")
    assert (result.stdout.split(), result.stderr) == ([b"1000"], b"")


def test_an_output_without_a_name_takes_an_npz(folder: Path) -> None:
    np.savez(folder / "x.npz", a=np.zeros(3))
    bitsback.compress(folder / "x.npz", folder / "x.bb")
    out = io.BytesIO()
    bitsback.decompress(folder / "x.bb", out)
    with np.load(io.BytesIO(out.getvalue())) as arrays:
        assert arrays["a"].tolist() == [0, 0, 0]
