"""The command's parsers for the page of commands: texts become Markdown."""

from __future__ import annotations

import copy
import inspect
import re

import click

from bitsback.cli.main import bitsback as group

_AS_IT_STANDS = re.compile(r"^\x08\n(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"'(bitsback [a-zA-Z -]+)'")


def in_markdown(text: str) -> str:
    """Click's help as Markdown, including the part that only `--help-all` shows; preformatted
    paragraphs become blocks of code.
    """

    def block(found: re.Match[str]) -> str:
        return f"```text\n{inspect.cleandoc(found[1])}\n```"

    return _QUOTED.sub(r"`\1`", _AS_IT_STANDS.sub(block, inspect.cleandoc(text).replace("\f", "")))


def described(name: str, command: click.Command) -> click.Command:
    command = copy.copy(command)
    command.name = name
    command.help = in_markdown(command.help or "")
    return command


def commands() -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: described(name, command) for name, command in found.items() if command}


bitsback = click.Group(
    "bitsback", commands(), params=group.params, help=in_markdown(group.help or "")
)
