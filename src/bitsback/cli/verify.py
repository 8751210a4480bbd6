"""`bitsback verify`: decode every block and compare its digest."""

from __future__ import annotations

import sys
from typing import Any

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress


@click.command(short_help="Check every block of the archive X.bb.")
@click.argument("archive", metavar="X.bb")
@options.model_option
@options.threads_option
@options.quiet_option
@options.json_option
@options.storage_option
@options.traceback_option
def command(
    archive: str,
    model: str | None,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Check every block of the archive X.bb by decoding it, and write nothing.

    Each damaged block is named with the items it holds. Exits with 0 if all is well and with 2 if
    not.

    \b
      bitsback verify digits.bb && rm digits.npy
    """
    import bitsback

    with (
        bitsback.open(archive, model=model, storage_options=storage_options) as opened,
        Progress("verifying", quiet) as progress,
    ):
        problems = opened.verify(threads, progress)
        items, blocks = len(opened), len(opened.blocks)
    if as_json:
        figures.show_json(
            {
                "archive": archive,
                "items": items,
                "blocks": blocks,
                "problems": [{"block": block, "error": str(error)} for block, error in problems],
            }
        )
    elif not problems and not quiet:
        figures.say(
            f"{archive}: all well, {figures.count(items, 'item')} in"
            f" {figures.count(blocks, 'block')}"
        )
    for _, error in problems:
        figures.say(f"bitsback: error: {error}", err=True)
    if problems:
        sys.exit(2)
