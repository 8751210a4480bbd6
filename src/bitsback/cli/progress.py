"""A progress bar for whoever waits: on a terminal, after the first second, with the time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

PATIENCE = 1.0  # seconds before the bar appears


class Progress:
    """A context manager to call with (items done, items in all) as the work goes on."""

    def __init__(self, label: str, quiet: bool = False, show_count: bool = False) -> None:
        """show_count: how many items are done, beside how much of the whole."""
        self._label = label
        self._show_count = show_count
        self._note: str | None = None
        self._hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
        self._start = time.time()
        self._bar: ProgressBar[Any] | None = None

    def __call__(self, done: int, total: int, note: str | None = None) -> None:
        """note: what else to say, behind the bar."""
        if self._hidden or total == 0:
            return
        self._note = note
        if self._bar is None:
            if time.time() - self._start < PATIENCE:
                return
            self._bar = click.progressbar(
                length=total,
                label=self._label,
                file=sys.stderr,
                show_pos=self._show_count,
                item_show_func=self._noted,
            )
            self._bar.start = self._bar.last_eta = (
                self._start
            )  # the time left counts from the start of the work
            self._bar.make_step(done)
            self._bar.__enter__()
        else:
            self._bar.length = total  # it may turn out to be less
            self._bar.update(done - self._bar.pos)

    def _noted(self, item: object) -> str | None:
        return self._note

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, value, trace)
