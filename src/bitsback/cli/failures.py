"""Error reporting of the command: one line and an exit code. A command on several archives tries
each of them and reports all errors.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from bitsback.cli import figures, options
from bitsback.errors import BitsbackError
from bitsback.io.names import printable

FAILED = 2

REPORTED = (click.ClickException, BitsbackError, OSError, MemoryError)
"""Errors that are shown in one line, since the program is not at fault."""

_PYTHON = re.compile(r" \([a-z_]+=[A-Za-z_]+\)")
"""The part of an error message for callers from Python: `--force (force=True)`."""


def describe(error: BaseException) -> str:
    """The error in one line, for people."""
    if isinstance(error, click.UsageError):
        message = error.format_message().rstrip(".")
        if message[1:2].islower():
            message = message[:1].lower() + message[1:]
        if error.ctx is not None:
            message += f"; try '{error.ctx.command_path} --help'"
    elif isinstance(error, click.ClickException):
        message = error.format_message()
    elif isinstance(error, OSError) and error.strerror:
        message = error.strerror[0].lower() + error.strerror[1:]
        if error.filename is not None:
            message = f"{error.filename}: {message}"
        if error.errno == errno.ENOSPC:
            message += "; free some space or write elsewhere with -o"
    elif isinstance(error, MemoryError):
        message = "out of memory; use fewer --threads or a smaller --block"
    else:
        message = _PYTHON.sub("", str(error)) or type(error).__name__
    return printable(" ".join(message.split()))


def report(error: BaseException, with_traceback: bool) -> None:
    """Prints the line, after the traceback if that is requested."""
    if with_traceback:
        import traceback

        traceback.print_exception(error)
    figures.say(f"bitsback: error: {describe(error)}", err=True)


Work = Callable[[str], tuple[bool, dict[str, Any]]]
"""A function from the name of an archive to whether it is undamaged, and its JSON."""


def run_each(names: Sequence[str], work: Work, as_json: bool, err: bool = False) -> None:
    """Does the work for each name, also after errors, which are printed. Exits with 2 if there was
    any.

    as_json: print the results as JSON, several as a list; on standard error if `err`.
    """
    rows: list[dict[str, Any]] = []
    all_undamaged = True
    for name in names:
        try:
            undamaged, row = work(name)
        except BrokenPipeError:
            raise
        except REPORTED as error:
            if len(names) == 1:
                raise
            undamaged, row = False, {"archive": name, "error": describe(error)}
            report(error, click.get_current_context().meta.get(options.TRACEBACK, False))
        all_undamaged = all_undamaged and undamaged
        rows.append(row)
    if as_json:
        figures.show_json(rows if len(rows) > 1 else rows[0], err)
    if not all_undamaged:
        sys.exit(FAILED)
