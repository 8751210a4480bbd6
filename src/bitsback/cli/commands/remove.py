"""`bitsback remove`: remove files from an archive of a folder."""

from __future__ import annotations

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import progress_with_warnings
from bitsback.cli.selection import file_numbers


@click.command(short_help="Remove files from an archive.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("items", nargs=-1, required=True, metavar="NAME...", shell_complete=complete.names)
@options.quiet_option
@options.json_option
@options.traceback_option
def command(archive: str, items: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Remove files from the archive X.bb of a folder, without coding anything again.

    A NAME is a name that 'bitsback list' shows; or a folder, with all that is in it; or a quoted
    pattern with *, ? and [...], where * matches / too.

    No command restores the removed files, but X.bb does not get smaller. Their coded bytes stay in
    it, and other programs could recover them. 'bitsback merge X.bb -o Y.bb' writes an archive
    without them.

    \b
      bitsback remove scans.bb a/b.png
      bitsback remove scans.bb 'a/*.tif' c/
      bitsback merge scans.bb -o clean.bb
    """
    import bitsback

    with bitsback.open(archive) as opened:
        entries = opened.reader.entry_names
        names = [entries[number] for number in file_numbers(opened, items)]
    with progress_with_warnings("removing", quiet, as_json) as (_, messages):
        removed = bitsback.remove(archive, names)
    row = {"archive": archive, "removed": removed, "warnings": messages}
    text = f"{archive}: {figures.count(len(removed), 'file')} removed"
    figures.result(row, text, as_json, quiet)
