"""`bitsback repair`: repair an archive by its parity."""

from __future__ import annotations

from typing import Any

import click

from bitsback.cli import complete, figures, options


@click.command(short_help="Repair a damaged archive from its parity data.")
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
    """Restore the damaged bytes of the archive X.bb from its parity data, and remove what an
    unfinished 'add' left.

    Parity data is made by 'compress --parity' and 'add --parity'. With 5 % of it, up to 5 % of the
    archive may be damaged, in one place or in several. An unfinished addition is removed with or
    without parity data.

    X.bb is replaced once the new archive is complete, unless -o names another file. If the damage
    is too large, nothing is written; 'decompress --keep-going' then restores what is undamaged.

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
