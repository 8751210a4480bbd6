"""Few images, a separate cache, and only the bundled data set."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bitsback.cli.main import bitsback as command
from bitsback_lab.paper import sets
from bitsback_lab.peers.units import Images

COUNT = 40

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, out of reach of the user's cache and data sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(sets.ENVIRONMENT, raising=False)
    return tmp_path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives an exhibit's module only the first of the test images."""

    def shorten(module: str) -> None:
        whole = sets.mnist

        def some(levels: int) -> Images:
            return whole(levels)[:COUNT]

        monkeypatch.setattr(importlib.import_module(f"bitsback_lab.paper.{module}"), "mnist", some)

    return shorten


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments])

    return invoke


def assert_one_line_error(result: Result, *parts: str) -> None:
    """Exit code 2, and a last line on standard error that is an error with all `parts`."""
    assert result.exit_code == 2, (result.output, result.exception)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("bitsback: error: "), result.stderr
    for part in parts:
        assert part in last, (part, last)
