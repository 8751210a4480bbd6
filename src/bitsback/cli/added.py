"""Commands that other distributions add by entry points of the group `bitsback.commands`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bitsback.cli import logs
from bitsback.errors import MissingExtra

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "bitsback.commands"
_LAB = ("bitsback-lab", "./lab")
PARTS = {
    "train": ("bitsback-train", "./train[torch]"),
    **dict.fromkeys(("bench", "demo", "explain", "reproduce"), _LAB),
}
"""The commands of bitsback-train and bitsback-lab, with the arguments of MissingExtra."""


def names() -> list[str]:
    """The installed commands."""
    return sorted(_points().names)


def load(name: str) -> click.Command | None:
    """The command of this name, if there is one. Raises MissingExtra for one of ours that is not
    installed.
    """
    for point in _points().select(name=name):
        command = point.load()
        assert isinstance(command, click.Command)
        return logs.with_option(command)
    if name in PARTS:
        raise MissingExtra(*PARTS[name])
    return None


def _points() -> EntryPoints:
    from importlib.metadata import entry_points  # late, as importing it is slow

    return entry_points(group=GROUP)
