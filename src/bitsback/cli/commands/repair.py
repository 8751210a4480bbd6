"""`bitsback repair`: repair an archive by its parity."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options

if TYPE_CHECKING:
    from bitsback.summary import Repaired


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

    'compress --parity' and 'add --parity' make parity data. With 5 % of it, up to 5 % of the
    archive may be damaged, in one place or in several. Without parity data, 'repair' still rebuilds
    a lost index or footer if everything else is intact. It moves other bytes behind the end, such
    as an unfinished addition, to the new file X.bb.tail-1.

    X.bb is replaced once the new archive is complete, unless -o names another file. If the damage
    is too large, nothing is written; 'decompress --keep-going' then restores what is undamaged.

    \b
      bitsback repair scans.bb
      bitsback repair scans.bb -o whole.bb
    """
    import bitsback

    target = archive if output is None else output
    done = bitsback.repair(archive, output, force=force, storage_options=storage_options)
    row = {"archive": archive, "output": target, **dataclasses.asdict(done)}
    what = "; ".join(_mended(done)) or "no bytes had changed"
    figures.result(row, f"{target}: {what}; 'bitsback verify' checks all of it", as_json, quiet)


def _mended(done: Repaired) -> Iterator[str]:
    if done.shards:
        yield f"{figures.count(done.shards, 'shard')} mended"
    if done.index or done.footer:
        yield f"its {'index' if done.index else 'footer'} was written again"
    if done.parity == "renewed":
        yield "its parity was made anew"
    elif done.parity is not None:
        what = "damaged" if done.parity == "damaged" else "lost"
        yield f"its parity is {what}, and 'bitsback add --parity' makes new one"
    if done.tail:
        where = "left out" if done.tail_file is None else f"moved to {done.tail_file}"
        yield f"{figures.count(done.tail, 'byte')} that followed its end {where}"
