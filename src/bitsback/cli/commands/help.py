"""`bitsback help`: the same as `--help`."""

from __future__ import annotations

import click

from bitsback.cli import complete, options


@click.command(short_help="Show the help of a command.")
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=complete.commands)
@options.traceback_option
@click.pass_context
def command(context: click.Context, name: str | None) -> None:
    """Show the help of a command, or the list of commands.

    \b
      bitsback help
      bitsback help compress
    """
    group = context.find_root()
    assert isinstance(group.command, click.Group)
    if name is None:
        click.echo(group.get_help())
        return
    _, found, _ = group.command.resolve_command(group, [name])
    assert found is not None, "it was resolved"
    found.make_context(name, ["--help"], parent=group)  # shows the help and exits
