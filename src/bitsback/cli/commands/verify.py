"""`bitsback verify`: decode every block and compare its digest."""

from __future__ import annotations

from typing import Any

import click

from bitsback.cli import complete, failures, figures, options
from bitsback.cli.progress import Progress
from bitsback.cli.spool import opened


@click.command(short_help="Check every block of archives X.bb.")
@click.argument(
    "archives", nargs=-1, required=True, metavar="X.bb...", shell_complete=complete.archives
)
@options.model_option
@options.threads_option
@options.quiet_option
@options.reading_options
def command(
    archives: tuple[str, ...],
    model: str | None,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Check every block of one or several archives X.bb by decoding it. Nothing is written.

    Standard error names each damaged block with the files or items it holds. Standard output lists
    what cannot be restored, one entry per line in the form that 'extract' takes: names of files, or
    numbers of items. 'decompress --keep-going' restores the rest. The exit status is 0 if all is
    well and 2 if not; all archives are checked. X.bb may be -, standard input.

    \b
      bitsback verify digits.bb && rm digits.npy
      bitsback verify *.bb
      bitsback verify scans.bb > lost.txt
    """

    def check(name: str) -> tuple[bool, dict[str, Any]]:
        with (
            Progress("verifying", quiet) as progress,
            opened(name, model=model, storage_options=storage_options) as archive,
        ):
            problems = archive.verify(threads, progress)
            items, blocks = len(archive), len(archive._blocks)
            from bitsback.format.layout import PARITY  # late, as a command runs

            mendable = any(place.kind == PARITY for place in archive._sections())
            known, lost = archive.name, archive.lost(problems) if problems else []
        for _, error in problems:
            figures.say(f"bitsback: error: {error}", err=True)
        if problems and mendable:
            figures.say(f"{known}: has parity; try 'bitsback repair'", err=True)
        for name in lost if not as_json else ():
            figures.say(name)
        if not (problems or quiet or as_json):
            figures.say(
                f"{known}: all well, {figures.count(items, 'item')} in"
                f" {figures.count(blocks, 'block')}"
            )
        return not problems, {
            "archive": name,
            "items": items,
            "blocks": blocks,
            "problems": [{"block": block, "error": str(error)} for block, error in problems],
            "lost": lost,
        }

    failures.each(archives, check, as_json)
