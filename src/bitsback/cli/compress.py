"""`bitsback compress`: an array in a .npy file becomes an archive."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress

if TYPE_CHECKING:
    from bitsback.archive.writer import Embed


@click.command()
@click.argument("source", metavar="X.npy")
@options.output_option("The archive to write.  [default: X.bb]")
@click.option("-m", "--model", default="auto", show_default=True, metavar="NAME|FILE", help="See 'bitsback models'.")
@click.option(
    "--block", type=click.IntRange(min=1), metavar="N",
    help="Items in a block. Blocks decode on their own: small ones make 'extract' faster, large ones the file smaller.",
)  # fmt: skip
@click.option(
    "--embed", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="Put the model into the archive; auto: unless it ships with bitsback.",
)  # fmt: skip
@options.threads_option
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    source: str,
    output: str | None,
    model: str,
    block: int | None,
    embed: Embed,
    threads: int | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compress the array in X.npy into an archive.

    The array is taken as a collection of items along its first axis. Items of two values (bool, 0/1, 0/255) of the size
    that a model knows, such as 28 x 28, are coded with it; others are stored, and the archive is never larger than the
    array by more than a small constant. Everything comes back as it was, shape and dtype included.

    \b
      bitsback compress digits.npy                    makes digits.bb
      bitsback compress digits.npy -o small.bb -m mnist-binary-paper
      bitsback compress digits.npy --block 200        for fast access to single items
      make-digits | bitsback compress - -o digits.bb
      bitsback compress digits.npy -o - | ssh host 'cat > digits.bb'
    """
    import bitsback

    output = options.default_output(source, output, ".npy", ".bb")
    start = time.perf_counter()
    with Progress("compressing", quiet) as progress:
        summary = bitsback.compress(
            sys.stdin.buffer if source == options.STANDARD else source,
            sys.stdout.buffer if output == options.STANDARD else output,
            model=model, block=block, threads=threads, embed=embed, progress=progress, force=force,
        )  # fmt: skip
    figures.report(
        source, output, summary, time.perf_counter() - start, summary.bytes_in, summary.bytes_out, as_json, quiet
    )
