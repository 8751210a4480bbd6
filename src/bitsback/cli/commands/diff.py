"""`bitsback diff`: list what differs between an archive and another one, a folder or a file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import Progress
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.summary import Differences

DIFFERENT = 1
"""The exit code for differences, as in other programs that compare."""


@click.command(short_help="List differences from another archive or a folder.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("other", metavar="Y.bb|PATH", shell_complete=complete.archives)
@options.model_option
@options.threads_option
@options.quiet_option
@options.reading_options
def command(archive: str, other: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """List what was added, removed and changed from the archive X.bb to another archive Y.bb, or to
    a folder or a file on the disk. The exit status is 0 if nothing differs, 1 if something does,
    and 2 after an error.

    Files and arrays are matched by their names, items by their numbers. Blocks are only
    decoded where names, sizes, hashes and coded bytes do not decide. A file on the disk with the
    modification time that is stored in the archive counts as unchanged; 'bitsback verify X.bb
    --against FOLDER' compares the content of all files.

    \b
      bitsback diff scans.bb scans
      bitsback diff monday.bb tuesday.bb
      bitsback diff scans.bb scans --json
    """
    import bitsback

    if options.STANDARD in (archive, other):
        raise InputError("- cannot be compared; name two archives, or an archive and a folder")
    with Progress("comparing", quiet) as progress:
        found = bitsback.diff(archive, other, progress=progress, **settings)
    if as_json:
        figures.show_json({"archive": archive, "other": other, **asdict(found)})
    else:
        show(found, "added", "removed", "changed")
        if not (found or quiet):
            figures.say(f"{archive}, {other}: no differences", err=True)
    if found:
        sys.exit(DIFFERENT)


def show(found: Differences, added: str, removed: str, changed: str) -> None:
    """Prints a line for each difference, in these words."""
    for name in found.added:
        figures.say(f"{added}: {name}")
    for name in found.removed:
        figures.say(f"{removed}: {name}")
    for name, what in found.changed.items():
        figures.say(f"{changed}: {name} ({what})")
