"""`bitsback add`: add files to an archive of a folder, or items to that of an array."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from bitsback.cli import complete, compress_report, figures, options
from bitsback.cli.grouped import GroupedCommand, group
from bitsback.cli.progress import progress_with_warnings
from bitsback.compress_options import CompressOptions


@click.command(cls=GroupedCommand, short_help="Add files to an archive.")
@click.argument("archive", metavar="X.bb", shell_complete=complete.archives)
@click.argument("sources", nargs=-1, metavar="[INPUT...]")
@group(
    "Files of a folder",
    click.option(
        "--replace",
        is_flag=True,
        help="Replace files of the same names. The old ones are removed as by 'bitsback remove'.",
    ),
)
@options.field_options(CompressOptions, added=True)
@options.quiet_option
@group("Other options", options.json_option, options.traceback_option, rare=True)
def command(
    archive: str,
    sources: tuple[str, ...],
    replace: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Add files to the archive X.bb of a folder, or items to the archive of an array. What is
    already in X.bb is not coded again.

    INPUT is a folder, with all files in it and in its subfolders, or several files. Files get the
    same names as with 'compress': those of a folder are named relative to it. A name that exists in
    X.bb is an error, unless --replace is given. If X.bb has labels or hashes, the new files get
    them too. An array that is added must have the same dtype and item shape; its items follow along
    the first axis.

    New data is appended to X.bb. Until all of it is on the disk, 'list' and 'extract' read X.bb as
    before, even after a power failure. Ctrl-C restores the old length. 'verify' reports an
    unfinished addition, 'decompress --keep-going' restores its undamaged files, 'repair' completes
    it if possible, and the next 'add' moves it to the new file X.bb.tail-1.

    \b
      bitsback add scans.bb monday        adds the files in the folder monday
      bitsback add scans.bb new           adds new/may/a.png as may/a.png
      bitsback add scans.bb a.png b.png --replace
      bitsback add stack.bb more.npy
      bitsback add scans.bb --parity 5    adds parity data only
    """
    from bitsback.archive.writing.changing import add_with

    parity = given["parity"]
    if not sources and parity is None:
        raise click.UsageError("missing argument INPUT...; or --parity, which needs none")
    if not sources:
        import bitsback

        with progress_with_warnings("adding parity", quiet, as_json) as (_, messages):
            size = bitsback.add_parity(archive, parity)
        row = {"output": archive, "bytes_out": size, "warnings": messages}
        text = f"{archive}: {figures.size(size)} of parity added"
        text += f"; {archive} has {figures.size(Path(archive).stat().st_size)} now"
        figures.result(row, text, as_json, quiet)
        return
    start = time.perf_counter()
    shown = sources[0] if len(sources) == 1 else f"{len(sources)} inputs"
    request = options.from_command(CompressOptions, given)
    with progress_with_warnings("compressing", quiet, as_json) as (progress, messages):
        from dataclasses import replace as changed

        summary = add_with(
            archive, list(sources) if len(sources) > 1 else sources[0], replace,
            changed(request, progress=progress),
        )  # fmt: skip
    row = compress_report.report(
        shown, archive, summary, time.perf_counter() - start, as_json, quiet, messages,
        Path(archive).stat().st_size,
    )  # fmt: skip
    if as_json:
        figures.show_json(row)
