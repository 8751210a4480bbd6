"""An interrupted compression resumes and writes the same bytes as an uninterrupted one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.writing import unfinished
from waiting import PATIENCE

PART = ".x.bb.part"
SLOW = (
    "import sys, time, bitsback\n"
    "bitsback.compress(sys.argv[1], 'x.bb', block=20, model='fast', resume=True, threads=2,"
    " progress=lambda *_: time.sleep(0.02))"
)


class Stop(Exception):
    """Raised to stop a run."""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: NDArray[np.bool_]) -> Path:
    """An array and a folder of pictures, and the archive `whole.bb` of each, with its name."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", digits)
    for number, digit in enumerate(digits[:60]):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(digit).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "a.csv").write_bytes(b"1,2\n" * 999)
    return tmp_path


def whole(source: str, **options: Any) -> bytes:
    bitsback.compress(source, "whole.bb", block=20, model="fast", force=True, **options)
    return Path("whole.bb").read_bytes()


def stopped(source: str, at: int, **options: Any) -> None:
    """Compresses, and stops after `at` blocks."""
    calls = 0

    def progress(done: int, total: int) -> None:
        nonlocal calls
        calls += total > 100  # and does not count examined files
        if calls == at:
            raise Stop

    with pytest.raises(Stop):
        resumed(source, progress=progress, **options)


def resumed(source: str, **options: Any) -> bitsback.summary.Compressed:
    given = {"block": 20, "model": "fast", "resume": True, "threads": 1} | options
    return bitsback.compress(source, "x.bb", **given)


@pytest.mark.parametrize("source", ["x.npy", "in"])
@pytest.mark.parametrize("threads", [1, 3])
def test_stopped_anywhere(sources: Path, source: str, threads: int) -> None:
    expected = whole(source)
    for at in (1, 2, 4):
        stopped(source, at, threads=threads)
        assert not Path("x.bb").exists() and Path(PART).exists()
        summary = resumed(source, threads=threads)
        assert Path("x.bb").read_bytes() == expected
        assert summary.resumed is not None and summary.resumed >= at and summary.unfit == 0
        assert not Path(PART).exists()
        Path("x.bb").unlink()


def test_stopped_again_and_again(sources: Path) -> None:
    for at in (1, 2, 3, 5):
        stopped("x.npy", at)
    summary = resumed("x.npy")
    assert summary.resumed == 5 and Path("x.bb").read_bytes() == whole("x.npy")


@pytest.mark.parametrize("source", ["x.npy", "in"])
def test_killed(sources: Path, source: str) -> None:
    """The process is killed at any moment."""
    expected = whole(source, threads=2)
    rng = random.Random(0)
    kills = 0
    while not Path("x.bb").exists():
        process = subprocess.Popen([sys.executable, "-c", SLOW, source])
        limit = time.monotonic() + rng.uniform(0.3, 1.5) * (1 + kills)
        while process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        assert process.wait(PATIENCE) in (0, -signal.SIGKILL)
    assert Path("x.bb").read_bytes() == expected
    assert not Path(PART).exists()


def test_cut_anywhere(sources: Path) -> None:
    """An archive cut as by a power failure: a record that is incomplete or wrong is coded anew."""
    expected = whole("x.npy")
    stopped("x.npy", 6)
    part = Path(PART).read_bytes()
    rng = random.Random(0)
    for _ in range(15):
        cut = rng.randrange(len(part))
        Path(PART).write_bytes(rng.choice([part[:cut], part[:cut] + bytes(len(part) - cut)]))
        try:
            resumed("x.npy")
        except bitsback.InputError as error:  # nothing of its start is left
            assert cut < 64 and "not an unfinished archive" in str(error)
            continue
        assert Path("x.bb").read_bytes() == expected
        Path("x.bb").unlink()


def test_an_input_that_changes(sources: Path, digits: NDArray[np.bool_]) -> None:
    """A changed modification time does not matter; any changed element does."""
    stopped("x.npy", 8, model="mnist-binary")
    changed = digits.copy()
    changed[50, 3, 3] ^= True
    np.save("x.npy", changed)
    summary = resumed("x.npy", model="mnist-binary")
    assert summary.unfit == 1 and summary.resumed == 7
    bitsback.compress("x.npy", "whole.bb", block=20, model="mnist-binary")
    assert Path("x.bb").read_bytes() == Path("whole.bb").read_bytes()
    assert np.array_equal(bitsback.decompress("x.bb"), changed)


@pytest.mark.parametrize(
    "options", [{"block": 19}, {"model": "best"}, {"unordered": True}, {"model": "mnist-binary"}]
)
def test_other_options(sources: Path, options: dict[str, Any]) -> None:
    stopped("x.npy", 4)
    summary = resumed("x.npy", **options)
    if options.get("model") != "mnist-binary":  # the default choice too
        assert summary.resumed == 0 and summary.unfit >= 4
    data = Path("x.bb").read_bytes()
    bitsback.compress("x.npy", "y.bb", **{"block": 20, "model": "fast"} | options)
    assert data == Path("y.bb").read_bytes()


def test_another_version(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped("x.npy", 4)
    monkeypatch.setattr(unfinished, "__version__", "99")
    summary = resumed("x.npy")
    assert summary.resumed == 0 and summary.unfit >= 4


def test_nothing_is_kept_unasked(sources: Path) -> None:
    with pytest.raises(Stop):
        stopped("x.npy", 3, resume=False)
        raise Stop
    assert not Path(PART).exists()
    resumed("x.npy")
    with pytest.raises(bitsback.InputError, match="exists already"):
        resumed("x.npy")
    assert not Path(PART).exists(), "nothing was begun"


def test_what_is_refused(sources: Path) -> None:
    with pytest.raises(bitsback.InputError, match="is to be a file of this computer"):
        bitsback.compress("x.npy", "memory://x.bb", resume=True)
    Path(PART).write_text("mine")
    with pytest.raises(bitsback.InputError, match="is not an unfinished archive"):
        resumed("x.npy")
    assert Path(PART).read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_two_at_a_time(sources: Path) -> None:
    def progress(done: int, total: int) -> None:
        with pytest.raises(bitsback.InputError, match="by another process"):
            resumed("x.npy")

    resumed("x.npy", progress=progress)


def test_a_model_that_was_given(sources: Path, tiny: bitsback.Model, dots: Any) -> None:
    np.save("dots.npy", dots)
    bitsback.compress("dots.npy", "whole.bb", model=tiny, block=5)
    stopped("dots.npy", 3, model=tiny, block=5)
    summary = resumed("dots.npy", model=tiny, block=5)
    assert summary.resumed == 3
    assert Path("x.bb").read_bytes() == Path("whole.bb").read_bytes()
