"""Progress display. Warnings are shown here too.

A terminal shows the elapsed seconds after half a second. Then each stage has a bar with the
remaining and the elapsed time. A log has a line from time to time.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import figures
from bitsback.errors import InputWarning, ModelWarning
from bitsback.io.locks import Lock

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

PATIENCE = 0.3  # seconds before anything appears, without Python's start
LINE_PAUSE = 60.0  # least seconds between two lines where standard error is no terminal
_TICK = 0.5
_NARROW, _WIDE = 4, 36  # characters of the bar
_AROUND, _COUNT = 34, 16  # the width of brackets, share and times, and that of the count
_CLEAR = "\r\x1b[K"


class Progress:
    """A context manager, to be called with the work done and the total as the work goes on. Until
    the first call, while a model is loaded, it shows the seconds.
    """

    stopping = False
    """Shared by all bars: true from Ctrl-C until the working threads have ended; the bar says that
    it waits for them.
    """

    def __init__(self, label: str, quiet: bool = False, show_count: bool = False) -> None:
        """show_count: whether to show the number of finished items beside the share."""
        self._label = label
        self._show_count = show_count
        self._note: str | None = None
        self._hidden = quiet or sys.stderr is None
        self._terminal = not self._hidden and sys.stderr.isatty()
        self._first = self._start = time.time()
        self._share = ""
        self._before = 0
        self._bar: ProgressBar[Any] | None = None
        self._lock = Lock()
        self._over = threading.Event()
        self.shown = False

    def stage(self, label: str) -> None:
        """Begins the next stage, which has a bar of its own."""
        with self._lock:
            if self.shown:
                self._clear()
            if self._bar is not None:
                self._bar.__exit__(None, None, None)
            self._bar, self._label, self._share = None, label, ""
        self.begin(0)

    def begin(self, done: int) -> None:
        """Starts the work. done: the part that was done before.

        The remaining time is estimated from the work since this call.
        """
        self._start, self._before = time.time(), done

    def __call__(self, done: int, total: int, note: str | None = None) -> None:
        """note: a text after the bar."""
        if self._hidden or total == 0:
            return
        with self._lock:
            if self._terminal:
                self._show(done, total, note)
            else:
                self._share = f" {100 * done // total} %,"

    def _show(self, done: int, total: int, note: str | None) -> None:
        self._note = note
        if self._bar is None:
            if time.time() - self._start < PATIENCE:
                return
            self._clear()
            self._bar = click.progressbar(
                length=total,
                label=self._label,
                file=sys.stderr,
                show_pos=self._show_count,
                width=self._width(note),
                item_show_func=self._bar_text,
            )
            # The time left counts from the start of the work.
            self._bar.start = self._bar.last_eta = self._start
            self._bar.make_step(done)
            self._bar.__enter__()
        else:
            done_here = done - self._before
            if done_here > 0:  # the pace counts only the work since `begin`
                elapsed = time.time() - self._start
                self._bar.start = time.time() - elapsed * done / done_here
            self._bar.length = total  # the total may shrink
            self._bar.update(done - self._bar.pos)

    def _width(self, note: str | None) -> int:
        """The width of the bar, which leaves room for the text around it."""
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
        except (OSError, ValueError):
            columns = shutil.get_terminal_size().columns
        around = len(self._label) + _AROUND + len(note or "") + (_COUNT if self._show_count else 0)
        return max(_NARROW, min(_WIDE, columns - around))

    def say(self, text: str) -> None:
        """Prints a line on standard error in place of the display."""
        with self._lock:
            self._clear()
            figures.say(text, err=True)

    def end(self) -> None:
        """Clears the display; nothing follows."""
        self._over.set()
        with self._lock:
            if self._bar is None or self.shown:
                self._clear()
            if self._bar is not None:
                self._bar.__exit__(None, None, None)
            self._bar, self._hidden = None, True

    def _bar_text(self, item: object) -> str:
        """The text after the bar; the seconds show that work goes on while a long block is
        coded.
        """
        seconds = f"{time.time() - self._start:.0f} s"
        return seconds if self._note is None else f"{seconds}  {self._note}"

    def _watch(self) -> None:
        """Shows that work goes on, until it ends."""
        pause = PATIENCE if self._terminal else LINE_PAUSE
        while not self._over.wait(pause):
            with self._lock:
                if not self._over.is_set():
                    pause = self._show_time() if self._terminal else self._write_line()

    def _show_time(self) -> float:
        """Shows the seconds, and that a stop was requested. Returns the pause behind it."""
        if self._bar is not None and not Progress.stopping:
            self._bar.render_progress()
            return _TICK
        label = "stopping" if Progress.stopping else self._label
        seconds = time.time() - self._start
        sys.stderr.write(f"{_CLEAR}{label} ... {seconds:.0f} s")
        sys.stderr.flush()
        self.shown = True
        return _TICK

    def _write_line(self) -> float:
        """Writes a line to a log. Returns the pause behind it, which grows after ten minutes."""
        seconds = time.time() - self._first
        sys.stderr.write(f"{self._label}:{self._share} {seconds:.0f} s\n")
        sys.stderr.flush()
        return max(LINE_PAUSE, seconds / 10)

    def _clear(self) -> None:
        if self.shown or self._bar is not None:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self.shown = False

    def __enter__(self) -> Progress:
        if not self._hidden:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


@contextmanager
def progress_with_warnings(
    label: str, quiet: bool, as_json: bool = False
) -> Iterator[tuple[Progress, list[str]]]:
    """The display of the body's progress, and its warnings.

    The warnings are about properties that will not be restored and models that do badly. Each is
    printed in a line, unless `quiet` or `as_json`.
    """
    messages: list[str] = []
    with Progress(label, quiet) as progress, warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        warnings.simplefilter("always", ModelWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object) -> None:
            if not issubclass(category, InputWarning | ModelWarning):
                usual(message, category, *place)  # type: ignore[arg-type]
                return
            messages.append(str(message))
            if not (quiet or as_json):
                progress.say(f"bitsback: warning: {message}")

        warnings.showwarning = show  # type: ignore[assignment]
        yield progress, messages
