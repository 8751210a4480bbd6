"""Options that several commands share, and the rules for file names."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import click

from bitsback.cli import complete
from bitsback.cli.grouped import group
from bitsback.decompress_options import DecompressOptions
from bitsback.errors import InputError
from bitsback.option import declaration, flag

Function = TypeVar("Function", bound=Callable[..., Any])
Made = TypeVar("Made")
Place = TypeVar("Place")

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


quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Show errors only: no progress bar and no summary."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def output_option(text: str, metavar: str = "FILE") -> Callable[[Function], Function]:
    return click.option("-o", "--output", metavar=metavar, help=text)


def _together(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several options, in the order in which help lists them."""

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


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


def field_option(each: Field[Any]) -> Callable[[Function], Function]:
    """The option of the command for a field of `CompressOptions` or `DecompressOptions`, and its
    shortcuts, such as --fast.
    """
    declared = declaration(each)
    text = re.sub(r'"([\w-]+)"', r"\1", declared.meaning)
    text = re.sub(r"`(\w+)`", lambda found: f"--{found[1].replace('_', '-')}", text)
    text += f"  [default: {declared.usual}]" if declared.usual else ""
    form: dict[str, Any] = {"default": each.default, "metavar": declared.metavar, "help": text}
    low = declared.least if declared.above is None else declared.above
    kinds = str(each.type).split(" | ")
    if declared.choices:
        form |= {"type": click.Choice(declared.choices), "show_default": each.default is not None}
    elif "bool" in kinds:
        form |= {"is_flag": True}
    elif low is not None:
        numbers = click.IntRange if "int" in kinds else click.FloatRange
        form |= {"type": numbers(low, declared.most, min_open=declared.above is not None)}
    elif "float" in kinds:
        form |= {"type": float}
    elif each.name == "model":
        form |= {"default": None, "shell_complete": complete.models}
    elif each.name == "storage_options":
        form |= {"multiple": True, "callback": _storage_options, "help": text + " May be repeated."}
    shortcuts = (
        click.option(f"--{value}", is_flag=True, help=help)
        for value, help in declared.shortcuts.items()
    )
    own = click.option(*(declared.names or [flag(each)]), each.name, **form)
    return group(declared.heading, own, *shortcuts, rare=declared.rare)


def field_options(kind: type, added: bool = False) -> Callable[[Function], Function]:
    """The options of the command for all fields of `CompressOptions` or `DecompressOptions`.
    added: those of `bitsback add` only.
    """
    declared = ((each, declaration(each)) for each in fields(kind))
    return _together(
        *(
            field_option(each)
            for each, option in declared
            if option.in_command and (option.in_add or not added)
        )
    )


def from_command(kind: Callable[..., Made], given: dict[str, Any]) -> Made:
    """The `CompressOptions` or `DecompressOptions` of a command's arguments. Raises UsageError if
    a value is given twice, InputError for other wrong values.
    """
    for each in fields(cast(Any, kind)):
        words = declaration(each).shortcuts
        chosen = [word for word in words if given.pop(word)]
        chosen += [value for value in (given.pop(each.name, None),) if value is not None]
        if len(chosen) > 1 and words:
            flags = ", ".join(f"--{word}" for word in words)
            raise click.UsageError(f"{flags} and {flag(each)} exclude each other; give one of them")
        if chosen:
            given[each.name] = chosen[0]
    return kind(**given)


_SHARED = {each.name: field_option(each) for each in fields(DecompressOptions)}
force_option, threads_option = _SHARED["force"], _SHARED["threads"]
model_option, storage_option = _SHARED["model"], _SHARED["storage_options"]
reading_options = _together(json_option, storage_option, traceback_option)
"""The options of commands that report on archives."""
writing_options = _together(force_option, quiet_option, reading_options)
"""The options of commands that write an output."""


def checked_output(source: str, output: str) -> str:
    """The output. Raises InputError if it is a terminal or the input."""
    if output == STANDARD:
        standard_output()
    elif source != STANDARD and _same_file(source, output):
        raise InputError(f"{output}: is the input too; name another output with -o")
    return output


def base_of_url(source: str) -> str:
    """The last part of a URL, as a path in the current folder; a path stays unchanged."""
    from bitsback.io.remote.url import Url, located

    place = located(source)
    return place.base if isinstance(place, Url) else str(place)


def standard_input() -> BinaryIO:
    """Standard input. Raises InputError if it is closed or a terminal."""
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file")
    if sys.stdin.isatty():
        raise InputError("standard input is a terminal; name a file, or put a pipe before it")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Standard output. Raises InputError if it is closed, or a terminal, for binary data."""
    if sys.stdout is None:
        raise InputError("standard output is closed; give -o FILE")
    if sys.stdout.isatty():
        raise InputError(
            "standard output is a terminal and the output is binary; redirect it, or give -o FILE"
        )
    return sys.stdout.buffer


def destination(output: Place) -> Place | BinaryIO:
    """Where to write an output: a place, or standard output. Raises InputError."""
    return standard_output() if output == STANDARD else output


def _same_file(source: str, output: str) -> bool:
    from bitsback.io.remote.url import is_url

    if is_url(source) or is_url(output):
        return source == output
    try:
        return Path(source).samefile(output)
    except OSError:
        return False
