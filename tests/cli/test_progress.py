"""The bar shows on a terminal, after a second, and not otherwise."""

from __future__ import annotations

import io

import pytest

from bitsback.cli import progress
from bitsback.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, patience: float = 0.0, quiet: bool = False
) -> str:
    """What work of a hundred items, in two steps, writes to `stderr`."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        patch.setattr(progress, "PATIENCE", patience)
        with Progress("working", quiet) as bar:
            bar(50, 100)
            bar(100, 100)
    return stderr.getvalue()


def test_long_work_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(monkeypatch, Terminal())
    assert "working" in text
    assert "50%" in text
    assert "100%" in text
    assert text.endswith("\n")


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, Terminal(), patience=60) == ""


def test_quiet_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, Terminal(), quiet=True) == ""


def test_no_terminal_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, io.StringIO()) == ""
