"""`bitsback completion`: print a script that teaches a shell to complete the command's words."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from bitsback.cli import options

_VARIABLE = "_BITSBACK_COMPLETE"
"""The environment variable through which the script asks the program; click chooses the name."""


@click.command(short_help="Print a completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@options.traceback_option
def command(shell: str) -> None:
    """Print a script that lets the shell complete commands, options, model names, archives, and the
    names in archives.

    \b
      bitsback completion bash >> ~/.bashrc
      bitsback completion zsh >> ~/.zshrc
      bitsback completion fish > ~/.config/fish/completions/bitsback.fish
    """
    kinds: dict[str, type[ShellComplete]] = {
        "bash": BashComplete,
        "zsh": ZshComplete,
        "fish": FishComplete,
    }
    root = click.get_current_context().find_root().command
    kind = kinds[shell](root, {}, "bitsback", _VARIABLE)
    script = kind.source_template % kind.source_vars()
    theirs, ours = _BETTER[shell]
    click.echo(script.replace(theirs, ours))


_BETTER = {
    "bash": (
        "COMPREPLY+=($value)",
        """\
[[ $value == *[[:space:]]* ]] && printf -v value %q "$value"
            COMPREPLY+=("$value")
            [[ $value == */ ]] && compopt -o nospace""",
    ),
    "zsh": (
        "compadd -U -V unsorted -a completions",
        """\
local -a folders=(${(M)completions:#*/})
        completions=(${completions:#*/})
        (( $#folders )) && compadd -U -V unsorted -S '' -a folders
        (( $#completions )) && compadd -U -V unsorted -a completions""",
    ),
    "fish": ('string split "," $completion', 'string split --max 1 "," $completion'),
}
"""Replacements in click's scripts: a folder does not end a word, and names may have spaces and
commas.
"""
