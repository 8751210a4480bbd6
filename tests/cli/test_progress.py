"""Long work shows progress: after half a second on a terminal, in a line each minute elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from bitsback.cli import progress
from bitsback.cli.progress import Progress
from waiting import until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def two_steps(bar: Progress) -> None:
    bar(50, 100)
    bar(100, 100)


def nothing_yet(bar: Progress) -> None:
    """The bar while a folder is still being listed."""
    until(lambda: bar.shown)


def written(
    monkeypatch: pytest.MonkeyPatch,
    stderr: io.StringIO,
    patience: float = 0.0,
    quiet: bool = False,
    work: Callable[[Progress], None] = two_steps,
) -> str:
    """The text that the work writes to `stderr`."""
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        patch.setattr(progress, "PATIENCE", patience)
        with Progress("working", quiet) as bar:
            work(bar)
    return stderr.getvalue()


def test_long_work_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(monkeypatch, Terminal())
    assert "working" in text
    assert "50%" in text
    assert "100%" in text
    assert text.endswith("\n")


def two_stages(bar: Progress) -> None:
    bar(100, 100)
    bar.stage("the rest")
    bar(1, 100)
    bar._bar._last_line = None  # type: ignore[union-attr]
    bar(2, 100)


def test_a_stage_has_a_bar_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, second = written(monkeypatch, Terminal(), work=two_stages).partition("the rest")
    assert "working" in first and "100%" in first and "\n" in first
    assert "1%" in second and "100%" not in second


def test_the_time_left_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time left is that of the current stage, independent of the stages before it."""

    def work(bar: Progress) -> None:
        bar(5, 5)
        bar.stage("writing")
        bar._start -= 10  # simulates 10 seconds
        bar(20, 100)
        assert bar._bar is not None
        bar._bar.last_eta -= 10
        bar(25, 100)

    assert "00:00:3" in written(monkeypatch, Terminal(), work=work).partition("writing")[2]


def test_a_bar_never_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds go on while a long block is coded."""
    terminal = Terminal()

    def work(bar: Progress) -> None:
        bar(5, 100)
        bar._start -= 77
        until(lambda: "77 s" in terminal.getvalue() or "78 s" in terminal.getvalue())

    written(monkeypatch, terminal, work=work)


@pytest.mark.parametrize("before", [0, 50])
def test_the_time_left_is_told_by_what_is_done_here(
    monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Neither preparation nor work done before an interruption affects the estimate."""
    now = 1000.0

    def work(bar: Progress) -> None:
        nonlocal now
        now += 600
        bar.begin(before)
        bar(before, 100)
        for done in range(before + 10, 100, 10):
            now += 10
            bar(done, 100)
            assert bar._bar is not None and round(bar._bar.eta) == 100 - done

    monkeypatch.setattr("time.time", lambda: now)
    written(monkeypatch, Terminal(), work=work)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_the_bar_fits_into_a_line(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = written(monkeypatch, Terminal())
    lines = [line.replace("\x1b[?25l", "").replace("\x1b[K", "") for line in text.split("\r")]
    assert max(len(line.rstrip()) for line in lines) < columns


def test_before_the_first_step_the_seconds_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(monkeypatch, Terminal(), work=nothing_yet)
    assert "working ... 0 s" in text
    assert text.endswith("\r\x1b[K")


def test_a_warning_takes_the_place_of_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(bar: Progress) -> None:
        nothing_yet(bar)
        bar.say("mind this")

    assert "\r\x1b[Kmind this\n" in written(monkeypatch, Terminal(), work=warn)


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, Terminal(), patience=60) == ""


def test_half_a_second_is_not_waited_out() -> None:
    assert progress.PATIENCE < 0.5


def test_quiet_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, Terminal(), quiet=True) == ""


def test_no_terminal_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(monkeypatch, io.StringIO()) == ""


def test_a_log_has_a_line_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()

    def work(bar: Progress) -> None:
        until(lambda: "working: 0 s\n" in log.getvalue())
        bar(40, 100)
        until(lambda: "working: 40 %, 0 s\n" in log.getvalue())
        bar.stage("writing")
        until(lambda: "writing: 0 s\n" in log.getvalue())

    monkeypatch.setattr(progress, "LINE_PAUSE", 0.01)
    assert "\x1b" not in written(monkeypatch, log, work=work)


def test_quiet_work_writes_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_PAUSE", 0.0)
    assert written(monkeypatch, io.StringIO(), quiet=True) == ""
