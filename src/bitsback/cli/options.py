"""Options that several commands share, and the rules for file names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from bitsback.cli import complete
from bitsback.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])

STANDARD = "-"
TRACEBACK = "bitsback.traceback"
"""Where click's context notes that tracebacks are wanted."""


def traceback_option(function: Function) -> Function:
    # `bitsback.cli.main` looks for the word itself, so that it also works when the arguments cannot
    # be parsed.
    def note(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.meta[TRACEBACK] = value

    return click.option(
        "--traceback",
        is_flag=True,
        expose_value=False,
        callback=note,
        help="Show where an error arose.",
    )(function)


def threads_option(function: Function) -> Function:
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="Blocks to work on at once.  [default: all cores]",
    )(function)


def model_option(function: Function) -> Function:
    return click.option(
        "-m",
        "--model",
        metavar="FILE",
        shell_complete=complete.models,
        help=(
            "A model that the archive needs, where it neither has it inside nor ships with"
            " bitsback."
        ),
    )(function)


def force_option(function: Function) -> Function:
    return click.option("-f", "--force", is_flag=True, help="Replace an existing output file.")(
        function
    )


def quiet_option(function: Function) -> Function:
    return click.option(
        "-q", "--quiet", is_flag=True, help="No progress bar and no summary; errors only."
    )(function)


def json_option(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")(
        function
    )


def output_option(text: str, metavar: str = "FILE") -> Callable[[Function], Function]:
    return click.option("-o", "--output", metavar=metavar, help=text)


def checked_output(source: str, output: str) -> str:
    """The output, which must not be a terminal nor the input. Raises InputError."""
    if output == STANDARD:
        refuse_terminal()
    elif source != STANDARD and _same_file(source, output):
        raise InputError(f"{output}: is the input too; name another output with -o")
    return output


def standard_input() -> BinaryIO:
    """Raises InputError if standard input is closed, or is somebody at a terminal."""
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file")
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal; name a file, or put a pipe before it")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Raises InputError if standard output is closed."""
    if sys.stdout is None:
        raise InputError("standard output is closed; give -o FILE")
    return sys.stdout.buffer


def refuse_terminal() -> None:
    """Raise InputError if standard output is a terminal, which binary data would garble, or
    closed.
    """
    standard_output()
    if sys.stdout.isatty():
        raise InputError(
            "standard output is a terminal and the output is binary; redirect it, or give -o FILE"
        )


def _same_file(source: str, output: str) -> bool:
    try:
        return Path(source).samefile(output)
    except OSError:
        return False
