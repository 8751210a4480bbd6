"""`bitsback merge`: merge several archives into one."""

from __future__ import annotations

import time
from typing import Any

import click

from bitsback.cli import complete, figures, options
from bitsback.cli.progress import progress_with_warnings


@click.command(short_help="Merge archives into one.")
@click.argument(
    "sources", nargs=-1, required=True, metavar="X.bb...", shell_complete=complete.archives
)
@click.option("-o", "--output", required=True, metavar="FILE", help="The archive to write.")
@click.option("--no-verify", is_flag=True, help="Do not decode the new archive before it appears.")
@options.threads_option
@options.writing_options
def command(
    sources: tuple[str, ...],
    output: str,
    no_verify: bool,
    threads: int | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Merge several archives into one, in their order, without coding them again.

    Arrays, stacks included, are joined along their first axis; their items must have the same dtype
    and shape. Folders become one folder with the files of all; the same name in two of them is an
    error. Each embedded model is kept once. If an archive has parity, the new one has the greatest
    share of all. A new archive that is a file is decoded and checked before it appears.

    Blocks with files that 'bitsback remove' has removed are the exception: they are coded again
    without the content of these files, which needs their model.

    X.bb and the output may be URLs that fsspec supports. In a URL, * matches several archives,
    which are sorted by the numbers in their names: part-2 before part-10.

    \b
      bitsback merge monday.bb tuesday.bb -o days.bb
      bitsback merge scans.bb -o clean.bb              erases removed files
      bitsback merge 's3://bucket/part-*.bb' -o s3://bucket/all.bb
    """
    import bitsback

    destination = options.destination(output)
    start = time.perf_counter()
    with progress_with_warnings("merging", quiet, as_json) as (progress, messages):
        summary = bitsback.merge(
            sources,
            destination,
            force=force,
            verify=not no_verify,
            threads=threads,
            progress=progress,
            storage_options=storage_options,
        )
    names = ("items", "files", "blocks", "bytes_in", "bytes_out")
    row = {
        "sources": list(sources),
        "output": output,
        **{name: getattr(summary, name) for name in names},
        "seconds": time.perf_counter() - start,
        "warnings": messages,
    }
    text = (
        f"{output}: {figures.contents(summary)} in {figures.count(summary.blocks, 'block')},"
        f" {figures.size(summary.bytes_in)} -> {figures.size(summary.bytes_out)}"
    )
    figures.result(row, text, as_json, quiet, err=output == options.STANDARD)
