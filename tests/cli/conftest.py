"""Images to compress, an archive of them, and two ways to run the command: in this process, and in
a new one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback_lab.digits import binarised_mnist_test_images
from folders import save
from waiting import PATIENCE

COUNT = 60
BLOCK = 20

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def digits() -> NDArray[np.bool_]:
    """bool [60, 28, 28]."""
    return binarised_mnist_test_images()[:COUNT]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, digits: NDArray[np.bool_]) -> Path:
    """A folder with digits.npy and digits.bb, three blocks of twenty; not to be written to."""
    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "digits.npy", digits)
    bitsback.compress(digits, folder / "digits.bb", block=BLOCK)
    return folder


@pytest.fixture
def folder(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, with a copy of what was made."""
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(number: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 9, (20, 30), np.uint8)


@pytest.fixture
def pictures(folder: Path) -> Path:
    """The folder `in` of three pictures in the current folder."""
    for number, name in enumerate(("a/1.png", "a/2.png", "3.png")):
        save(picture(number), folder / "in" / name)
    return folder / "in"


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def process(folder: Path) -> Process:
    def start(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "bitsback", *arguments],
            capture_output=True,
            cwd=folder,
            timeout=PATIENCE,
            **settings,
        )

    return start


def assert_one_line_error(result: Result, *parts: str) -> None:
    """Exit code 2, nothing on standard output, and one line that has all `parts`."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    assert_error_line(result.stderr, *parts)


def assert_error_line(text: str, *parts: str) -> None:
    assert text.startswith("bitsback: error: "), text
    assert text.count("\n") == 1 and text.endswith("\n"), text
    for part in parts:
        assert part in text, (part, text)
