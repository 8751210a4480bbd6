"""`bitsback repair`: repair an archive by its parity."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import complete, figures, options

if TYPE_CHECKING:
    from bitsback.summary import Repaired


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
    bytes in so many of its places may be wrong, be it one long stretch or several. With or without
    parity, an index or a footer that is cut off is made anew, if all else is whole, and other bytes
    behind the end, as of an addition that was not finished, are moved to the new file X.bb.tail-1.

    X.bb is replaced once the new archive is complete, unless there is an output. If there is more
    damage than parity makes up for, nothing is written, and 'decompress --keep-going' restores
    what is whole.

    \b
      bitsback repair scans.bb
      bitsback repair scans.bb -o whole.bb
    """
    import bitsback

    target = archive if output is None else output
    done = bitsback.repair(archive, output, force=force, storage_options=storage_options)
    if as_json:
        figures.show_json({"archive": archive, "output": target, **dataclasses.asdict(done)})
    elif not quiet:
        what = "; ".join(_mended(done)) or "no bytes had changed"
        figures.say(f"{target}: {what}; 'bitsback verify' checks all of it", err=True)


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
