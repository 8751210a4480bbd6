"""`bitsback decompress`: an archive becomes what it was made from, an array or a folder of
pictures.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress
from bitsback.errors import InputError

if TYPE_CHECKING:
    from bitsback.archive.extractor import RestoredFiles


@click.command(short_help="Restore what X.bb was made from.")
@click.argument("source", metavar="X.bb")
@options.output_option(
    "The file or folder to write.  [default: X.npy, X.npz, X.idx, X.tif, or the folder X; of a URL,"
    " in this folder]",
    "PATH",
)
@click.option(
    "--files", "files_as", type=click.Choice(["exact", "pixels"]), default="exact",
    show_default=True,
    help=(
        "Whether files whose very bytes were promised come back so, or, where zlib of this computer"
        " cannot make them, as others of the same pixels and metadata."
    ),
)  # fmt: skip
@options.model_option
@options.threads_option
@options.force_option
@options.quiet_option
@options.json_option
@options.storage_option
@options.traceback_option
def command(
    source: str,
    output: str | None,
    files_as: RestoredFiles,
    model: str | None,
    threads: int | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    storage_options: dict[str, Any],
) -> None:
    """Restore what X.bb was made from: a file of arrays or pages, or a folder of pictures.

    X.bb and the output may be at URLs of fsspec's.

    Every block is checked against its checksum and against the digest of its items. Whatever does
    not come out exactly as it went in is an error, and no output is left behind. The files of a
    folder appear when the last one is complete; with --force they may replace files of a folder
    that is there, whose other files stay.

    \b
      bitsback decompress digits.bb                   makes digits.npy, or whatever it was
      bitsback decompress pictures.bb -o folder
      bitsback decompress digits.bb -o - | python3 count.py
    """
    import bitsback

    if output is None:
        output = _default_output(source, storage_options)
    output = options.checked_output(source, output)
    start = time.perf_counter()
    with Progress("decompressing", quiet) as progress:
        summary = bitsback.decompress(
            options.standard_input() if source == options.STANDARD else source,
            options.standard_output() if output == options.STANDARD else output,
            model=model, threads=threads, progress=progress, force=force,
            files=files_as, storage_options=storage_options,
        )  # fmt: skip
    figures.report(
        source,
        output,
        summary,
        time.perf_counter() - start,
        summary.bytes_out,
        summary.bytes_in,
        as_json,
        quiet,
    )


def _default_output(source: str, storage_options: dict[str, Any]) -> str:
    """What an archive is restored to: beside it, with the ending of what it holds."""
    if source == options.STANDARD:
        return options.STANDARD
    import bitsback

    with bitsback.open(source, storage_options=storage_options) as archive:
        kind = archive.kind
    source = options.base_of_url(source)
    base = source.removesuffix(".bb") or source
    if kind.startswith("idx") and re.search(r"idx\d", base):  # as in the names of MNIST's own files
        ending = kind.removeprefix("idx")
    else:
        ending = {"folder": "", "tiff": ".tif"}.get(kind, f".{kind}")
    if base + ending == source:
        raise InputError(f"{source}: has no ending that could be changed; name the output with -o")
    return base + ending
