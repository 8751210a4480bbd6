"""Shell completion of archives, the names in them, models and commands. Unreadable archives
and folders give no words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_MOST = 1000  # names; nobody reads more


def archives(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Files `*.bb`, and folders."""
    return _files(incomplete, (".bb",))


def models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Bundled models, model files, and folders."""
    from click.shell_completion import CompletionItem

    from bitsback.models import bundled

    words = [
        *bundled.names(),
        *(("auto", "fast", "best") if context.info_name == "compress" else ()),
    ]
    found = [CompletionItem(word) for word in words if word.startswith(incomplete)]
    return found + _files(incomplete, (".safetensors",))


def names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names in the given archive, level by level, like names of files."""
    from click.shell_completion import CompletionItem

    import bitsback
    from bitsback.errors import BitsbackError
    from bitsback.io.names import printable

    if "://" in context.params["archive"]:  # completion should not wait for a network
        return []
    try:
        with bitsback.open(context.params["archive"]) as archive:
            found = _levels(map(printable, archive.names), incomplete)
    except (BitsbackError, OSError):
        return []
    return [CompletionItem(name) for name in found]


def commands(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The commands of the program."""
    from click.shell_completion import CompletionItem

    group = context.find_root().command
    assert isinstance(group, click.Group)
    names = group.list_commands(context)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _levels(names: Iterable[str], incomplete: str) -> list[str]:
    """The names with this prefix, each up to the end of the next folder."""
    found: dict[str, None] = {}
    for name in names:
        if name.startswith(incomplete):
            end = name.find("/", len(incomplete))
            found[name if end < 0 else name[: end + 1]] = None
            if len(found) == _MOST:
                break
    return list(found)


def _files(incomplete: str, endings: tuple[str, ...]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in sorted(_paths(incomplete, endings))]


def _paths(incomplete: str, endings: tuple[str, ...]) -> Iterator[str]:
    """Folders, with a `/`, and files with one of the endings; hidden ones only for a word that
    begins with a dot.
    """
    before, slash, start = incomplete.rpartition("/")
    folder = Path(before + slash).expanduser() if slash else Path()
    try:
        for entry in folder.iterdir():
            name = entry.name
            if not name.startswith(start) or (name.startswith(".") and not start):
                continue
            if entry.is_dir():
                yield f"{before}{slash}{name}/"
            elif name.endswith(endings):
                yield f"{before}{slash}{name}"
    except OSError:
        return
