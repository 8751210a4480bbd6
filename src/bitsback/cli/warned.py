"""Warnings as lines on the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from bitsback.cli.progress import Progress
from bitsback.errors import InputWarning, ModelWarning


@contextmanager
def shown(progress: Progress, quiet: bool) -> Iterator[list[str]]:
    """Collects what does not come back as it was, and which model does badly; shows it, each in a
    line, unless `quiet`.
    """
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        warnings.simplefilter("always", ModelWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object) -> None:
            if not issubclass(category, InputWarning | ModelWarning):
                usual(message, category, *place)  # type: ignore[arg-type]
                return
            messages.append(str(message))
            if not quiet:
                progress.say(f"bitsback: warning: {message}")

        warnings.showwarning = show  # type: ignore[assignment]
        yield messages
