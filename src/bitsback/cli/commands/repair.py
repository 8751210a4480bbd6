"""`bitsback repair`: repair an archive by its parity."""

from __future__ import annotations

from typing import Any

import click

from bitsback.cli import complete, figures, options


@click.command(short_help="Repair an archive by its parity.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@options.output_option("The archive to write.  [default: X.bb, which is replaced]")
@options.writing_options
def command(
    archive: str,
    output: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Write the archive X.bb as it was before some of its bytes changed.

    That takes parity, which 'compress --parity' and 'add --parity' put into an archive: with 5 %,
    bytes in so many of its places may be wrong, be it one long stretch or several. What is left of
    an addition that was not finished is removed, with or without parity.

    X.bb is replaced once the new archive is complete, unless there is an output. If there is more
    damage than parity makes up for, nothing is written, and 'decompress --keep-going' restores
    what is whole.

    \b
      bitsback repair scans.bb
      bitsback repair scans.bb -o whole.bb
    """
    import bitsback

    target = archive if output is None else output
    shards = bitsback.repair(archive, output, force=force, storage_options=storage_options)
    if as_json:
        figures.show_json({"archive": archive, "output": target, "shards": shards})
    elif not quiet:
        what = "no bytes had changed" if not shards else f"{figures.count(shards, 'shard')} mended"
        figures.say(f"{target}: {what}; 'bitsback verify' checks all of it", err=True)
