"""`bitsback compress`: make an archive of an array, of pictures, or of a file with several."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import click

from bitsback.cli import compress_report, figures, options
from bitsback.cli.grouped import GroupedCommand, group
from bitsback.cli.progress import Progress, progress_with_warnings
from bitsback.cli.removal import check_removable, removal_option, remove_compressed
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.files import formats


@click.command(cls=GroupedCommand, short_help="Compress an array or pictures.")
@click.argument("sources", nargs=-1, required=True, metavar="INPUT...")
@group(
    "Output",
    options.output_option(
        "The archive to write.  [default: INPUT.bb; for a URL, in the current folder]"
    ),
    removal_option,
)
@options.field_options(CompressOptions)
@options.quiet_option
@group("Other options", options.json_option, options.traceback_option, rare=True)
def command(
    sources: tuple[str, ...],
    output: str | None,
    remove: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Compress an array or a collection of pictures into an archive.

    INPUT is a folder with its subfolders, or one or several files. A file on its own is an array or
    arrays if it is $single; another one is stored as a folder of one file. 'decompress' restores
    the same arrays, or the same files, byte for byte. INPUT and the archive may be URLs that fsspec
    supports, or - for standard input and output.

    \b
      bitsback compress digits.npy                makes digits.bb
      bitsback compress scans                     makes scans.bb of the folder
      bitsback compress scans -o small.bb --best  the smallest archive, slowly
      bitsback compress scans --files pixels      keeps pixels and metadata only
      bitsback compress scans --rm                removes the folder after a check
      bitsback compress t10k-images-idx3-ubyte.gz --fast
      bitsback compress digits.npy --for random-access
      bitsback compress digits.npy --unordered    drops the order of the items
      make-digits | bitsback compress - -o - | ssh host 'cat > digits.bb'
    \f
    Files. A folder is restored with its files, modes, symbolic links, empty folders and
    modification times, so you may delete it. Some formats are coded by their pixels, if that makes
    them smaller and restores their bytes: $coded. JPEG streams in any file are coded by their
    coefficients. All other files are stored verbatim. Pipes, devices, Thumbs.db and .DS_Store are
    left out, and listed at the end. With --files pixels, PNG, TIFF and lossless WebP files are
    restored with the same pixels and metadata, but other bytes; without it, WebP is stored
    verbatim.

    Pictures. They may have any size. Large ones are cut into tiles, so memory does not grow with
    their size, unless the format has to be decoded as a whole. Slices of an array, pages of a TIFF
    file, or pictures of one size are coded as a stack if that makes them smaller.

    Models. The model that makes a sample smallest is used. Items of 28 x 28 have models for digits
    and clothes; bilevel items (bool, 0/1, 0/255) have other models than grey ones. Universal models
    code pictures of all sizes. Arrays of one dimension, or of a few columns, are coded as series.
    Context mixing, the slowest, is used if it saves 5 %, and for any gain with --best. LZMA, or
    deflate with --fast, compresses what no model suits. 'bitsback train' makes further models.

    \b
      bitsback compress scans --unordered        a set of pictures without names
      bitsback compress digits.npz --labels y    images with labels
      bitsback compress digits --labels folders  labels are names of folders
      bitsback compress scans --hashes sha256    'list --hashes' prints them
      bitsback compress scans --resume           continues an interrupted run
      bitsback compress scans -o s3://bucket/scans.bb --storage-option profile=me
    """
    source = sources[0]
    if len(sources) > 1:
        if options.STANDARD in sources:
            raise click.UsageError("standard input cannot be one of several inputs")
        if output is None:
            raise click.UsageError("several inputs make one archive; name it with -o FILE")
    request = options.from_command(CompressOptions, given)
    if remove and request.unordered:
        raise click.UsageError("--rm would remove the order, which --unordered does not keep")
    output = options.checked_output(source, _default_output(source) if output is None else output)
    if remove:
        check_removable(sources, output)
    inputs: str | list[str] = list(sources) if len(sources) > 1 else source
    start = time.perf_counter()
    with progress_with_warnings("compressing", quiet, as_json) as (progress, messages):
        from bitsback.archive.writing.writer import write_archive

        with _explain_resume(progress, output, request.resume):
            summary = write_archive(
                options.standard_input() if source == options.STANDARD else inputs,
                options.destination(output),
                replace(request, progress=progress),
            )
    row = compress_report.report(
        source if len(sources) == 1 else f"{len(sources)} inputs", output, summary,
        time.perf_counter() - start, as_json, quiet, messages,
    )  # fmt: skip
    if as_json:
        figures.show_json(row, err=output == options.STANDARD)
    if remove:
        from bitsback.files.file_lists import SPECIAL

        special = (f"{name} is a pipe or a device" for name in summary.skipped.get(SPECIAL, ()))
        unkept = [*messages, *special]
        remove_compressed(sources, output, unkept, request.threads, quiet or as_json)


@contextmanager
def _explain_resume(progress: Progress, output: str, resume: bool) -> Iterator[None]:
    """If a run with --resume is stopped, says that it can be continued."""
    try:
        yield
    except (KeyboardInterrupt, InputError):
        if resume:
            from bitsback.archive.writing.unfinished import part_of

            if (part := part_of(output)).exists():
                progress.say(f"bitsback: {part} keeps the coded blocks; the same command continues")
        raise


def _default_output(source: str) -> str:
    """The default archive of an input: beside it, with the ending .bb."""
    if source == options.STANDARD:
        return options.STANDARD
    source = options.base_of_url(source)
    path = Path(source)
    if path.is_dir():
        if path.name in ("", ".."):
            raise InputError(
                f"{source}: the archive of this folder needs a name; give it with -o FILE"
            )
        return str(path) + ".bb"
    return str(path.with_name(formats.without_ending(path.name))) + ".bb"


assert command.help is not None
command.help = Template(command.help).safe_substitute(
    single=formats.single_file_formats(), coded=formats.coded_formats()
)
