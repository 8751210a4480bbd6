"""`bitsback decompress`: an archive becomes the .npy file that it was made from."""

from __future__ import annotations

import sys
import time

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress


@click.command()
@click.argument("source", metavar="X.bb")
@options.output_option("The array to write.  [default: X.npy]")
@options.model_option
@options.threads_option
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    source: str,
    output: str | None,
    model: str | None,
    threads: int | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Restore the array that X.bb was made from.

    Every block is checked against its checksum and against the digest of its items. Whatever does not come out exactly
    as it went in is an error, and no output is left behind.

    \b
      bitsback decompress digits.bb                   makes digits.npy
      bitsback decompress digits.bb -o - | python3 count.py
    """
    import bitsback

    output = options.default_output(source, output, ".bb", ".npy")
    start = time.perf_counter()
    with Progress("decompressing", quiet) as progress:
        summary = bitsback.decompress(
            sys.stdin.buffer if source == options.STANDARD else source,
            sys.stdout.buffer if output == options.STANDARD else output,
            model=model, threads=threads, progress=progress, force=force,
        )  # fmt: skip
    figures.report(
        source, output, summary, time.perf_counter() - start, summary.bytes_out, summary.bytes_in, as_json, quiet
    )
