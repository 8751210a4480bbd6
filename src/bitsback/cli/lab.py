"""Commands of the distribution bitsback-lab: always listed, and run if it is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from bitsback.cli import logs
from bitsback.errors import MissingExtra

COMMANDS = {
    "bench": "Compare with other compressors on your images.",
    "reproduce": "Reproduce the paper's tables and figures.",
    "explain": "Show what bits back does with an image.",
    "demo": "Compress handwritten digits, and compare.",
}
"""The commands with their lines in the list of commands, so that the list needs no lab."""


class LabCommand(click.Command):
    """A placeholder for a command of the lab, which it runs when it is called."""

    def __init__(self, name: str) -> None:
        super().__init__(name, short_help=COMMANDS[name])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of the real command, which click then runs. Raises MissingExtra."""
        if find_spec("bitsback_lab") is None:
            if extra.get("resilient_parsing"):  # a shell asks for completions
                return super().make_context(info_name, args, parent, **extra)
            raise MissingExtra("bitsback-lab", "bitsback-lab", "./lab")
        command = import_module(f"bitsback_lab.commands.{self.name}").command
        assert isinstance(command, click.Command)
        return logs.with_option(command).make_context(info_name, args, parent, **extra)
