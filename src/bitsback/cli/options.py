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
"""The key in click's context for showing tracebacks."""


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
        help="Show the Python traceback of an error.",
    )(function)


def threads_option(function: Function) -> Function:
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="Number of threads.  [default: all cores]",
    )(function)


def model_option(function: Function) -> Function:
    return click.option(
        "-m",
        "--model",
        metavar="FILE",
        shell_complete=complete.models,
        help=(
            "The model file that the archive was made with, if the model is neither in the archive"
            " nor bundled."
        ),
    )(function)


def force_option(function: Function) -> Function:
    return click.option("-f", "--force", is_flag=True, help="Replace an existing output file.")(
        function
    )


def quiet_option(function: Function) -> Function:
    return click.option(
        "-q", "--quiet", is_flag=True, help="Show errors only: no progress bar and no summary."
    )(function)


def json_option(function: Function) -> Function:
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        function
    )


def output_option(text: str, metavar: str = "FILE") -> Callable[[Function], Function]:
    return click.option("-o", "--output", metavar=metavar, help=text)


def storage_option(function: Function) -> Function:
    return click.option(
        "--storage-option",
        "storage_options",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_storage_options,
        help=(
            "An fsspec option for the filesystem of a URL, such as anon=true or"
            " endpoint_url=http://host:9000 for s3://; s3.KEY=VALUE sets it for one protocol."
            " May be repeated."
        ),
    )(function)


def _together(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several options, in the order in which help lists them."""

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def reading_options(function: Function) -> Function:
    """The options of commands that report on archives."""
    return _together(json_option, storage_option, traceback_option)(function)


def writing_options(function: Function) -> Function:
    """The options of commands that write an output."""
    return _together(force_option, quiet_option, reading_options)(function)


def _storage_options(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, Any]:
    """`a.b=1` becomes {"a": {"b": 1}}; values that are not JSON are text."""
    import json

    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        *outer, last = key.split(".")
        if not equals or not all((*outer, last)):
            raise click.BadParameter(f"{text!r} is no KEY=VALUE", context, parameter)
        place = options
        for name in outer:
            place = place.setdefault(name, {})
        try:
            place[last] = json.loads(value)
        except ValueError:
            place[last] = value
    return options


def checked_output(source: str, output: str) -> str:
    """The output, which must not be a terminal nor the input. Raises InputError."""
    if output == STANDARD:
        refuse_terminal()
    elif source != STANDARD and _same_file(source, output):
        raise InputError(f"{output}: is the input too; name another output with -o")
    return output


def base_of_url(source: str) -> str:
    """The name of a file at a URL, in this folder; a path stays unchanged."""
    from bitsback.io.remote.url import Url, located

    place = located(source)
    return place.base if isinstance(place, Url) else str(place)


def standard_input() -> BinaryIO:
    """Raises InputError if standard input is closed or a terminal."""
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
    """Raise InputError if standard output is closed, or is a terminal, which binary data would
    garble.
    """
    standard_output()
    if sys.stdout.isatty():
        raise InputError(
            "standard output is a terminal and the output is binary; redirect it, or give -o FILE"
        )


def _same_file(source: str, output: str) -> bool:
    from bitsback.io.remote.url import is_url

    if is_url(source) or is_url(output):
        return source == output
    try:
        return Path(source).samefile(output)
    except OSError:
        return False
