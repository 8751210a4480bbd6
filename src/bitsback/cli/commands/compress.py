"""`bitsback compress`: an array, a folder of pictures, or a file of several becomes an archive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import click

from bitsback.cli import complete, compress_report, figures, options
from bitsback.cli.grouped import GroupedCommand, group
from bitsback.cli.progress import Progress, shown_warnings
from bitsback.cli.removal import check_removable, removal_option, remove_compressed
from bitsback.compress_options import (
    LARGEST_TILE,
    MOST_PARITY,
    SMALLEST_TILE,
    CompressOptions,
    Embed,
)
from bitsback.errors import InputError
from bitsback.images import formats

MODEL_OPTIONS = (
    click.option(
        "-m", "--model", metavar="NAME|FILE", shell_complete=complete.models,
        help="See 'bitsback models'.  [default: auto]",
    ),
    click.option(
        "--fast", is_flag=True,
        help="Choose among the fast models.",
    ),
    click.option(
        "--best", is_flag=True,
        help="Choose the model that makes the archive smallest, however slow.",
    ),
)  # fmt: skip
EMBED_OPTION = click.option(
        "--embed", type=click.Choice(["auto", "always", "never"]), default="auto",
        show_default=True,
        help=(
            "Put the model into the archive. auto: unless it is bundled, or a trial says that the"
            " archive is smaller without it."
        ),
    )  # fmt: skip
FILE_OPTIONS = (
    click.option(
        "--files", type=click.Choice(["pixels", "exact"]), default="pixels", show_default=True,
        help=(
            "pixels: files come back with the same pixels and metadata; exact: with the same"
            " bytes, which takes more where their compression cannot be reproduced."
        ),
    ),
    click.option(
        "--pictures-only", is_flag=True,
        help=(
            "Leave out, and list, hidden files and files other than pictures (labels, texts). A"
            " damaged picture is then an error. Without this option every file of a folder is kept."
        ),
    ),
    click.option(
        "--skip-bad", is_flag=True,
        help=(
            "Leave out, and list, files that cannot be read. Without this option the first of them"
            " is an error."
        ),
    ),
)  # fmt: skip
PURPOSE_OPTION = click.option(
        "--for", "purpose", type=click.Choice(["storage", "random-access"]), default="storage",
        show_default=True,
        help=(
            "random-access: reading one item is fast. A digit takes 0.3 ms with a dense model,"
            " which is chosen where one fits, or 5 ms with a context model; photographs are cut"
            " into tiles of 64 x 64. The archive grows by 8 % for grey digits, 57 % for bilevel"
            " ones, 4 % for photographs."
        ),
    )  # fmt: skip
EXTRA_OPTIONS = (
    click.option(
        "--previews", is_flag=True,
        help=(
            "Keep small pictures of large ones in a folder, about 1 % of the archive, for viewers."
        ),
    ),
    click.option(
        "--parity", type=click.FloatRange(0, MOST_PARITY, min_open=True), metavar="PERCENT",
        help=(
            "Put parity of so many per cent behind the archive, so that 'bitsback repair' can mend"
            " bad sectors of a disk."
        ),
    ),
)  # fmt: skip
TILE_OPTIONS = (
    click.option(
        "--block", type=click.IntRange(min=1), metavar="N",
        help=(
            "Items, or tiles of large ones, in a block. Each block is decoded as a whole: small"
            " blocks make 'extract' faster, large ones make the archive smaller."
        ),
    ),
    click.option(
        "--tile", type=click.IntRange(SMALLEST_TILE, LARGEST_TILE), metavar="N",
        help=(
            "Rows and columns of the tiles of large pictures. Small tiles make regions faster to"
            " read, large ones make the archive smaller.  [default: 1024, and 64 for a"
            " model with latents that codes images of any size]"
        ),
    ),
    click.option(
        "--stack/--no-stack", default=None,
        help=(
            "Treat the slices of an array, the pages of a TIFF file, or the pictures of a folder"
            " that have one size, as a stack, where each is similar to the one before it. "
            " [default: by a trial]"
        ),
    ),
)  # fmt: skip
"""The options that `bitsback add` has, too."""


@click.command(cls=GroupedCommand, short_help="Compress an array or pictures.")
@click.argument("sources", nargs=-1, required=True, metavar="INPUT...")
@group(
    "Output",
    options.output_option("The archive to write.  [default: INPUT.bb; of a URL, in this folder]"),
    options.force_option,
    removal_option,
)
@group(
    "Choice of the model",
    *MODEL_OPTIONS,
)  # fmt: skip
@group(
    "Choice of the model",
    EMBED_OPTION,
    rare=True,
)  # fmt: skip
@group(
    "Files of a folder",
    *FILE_OPTIONS,
)  # fmt: skip
@group(
    "Files of a folder",
    click.option(
        "--labels", metavar="KEY",
        help=(
            "The array of an .npz file that holds a label, or another small record, for each item"
            " of the largest array; or the word folders: the label of a picture is its folder."
        ),
    ),
    click.option(
        "--hashes", type=click.Choice(["sha256"]),
        help=(
            "Keep the hash of each file of a folder that comes back byte for byte. It is checked"
            " whenever the file is restored, and 'list --hashes' prints it."
        ),
    ),
    rare=True,
)  # fmt: skip
@group(
    "Layout of the archive",
    PURPOSE_OPTION,
    click.option(
        "--unordered", is_flag=True,
        help=(
            "Drop the order of the items, which saves 11.8 bits for each of 10,000 items. They"
            " come back sorted. All of them are one block, unless --block is given, so reading one"
            " decodes all."
        ),
    ),
)  # fmt: skip
@group(
    "Layout of the archive",
    click.option(
        "--keep-names", is_flag=True,
        help=(
            "With --unordered: keep the names of files, and report the bytes that they take."
        ),
    ),
    *TILE_OPTIONS,
    rare=True,
)  # fmt: skip
@group("Other options", options.threads_option, options.quiet_option)
@group(
    "Other options",
    *EXTRA_OPTIONS,
    options.json_option,
    click.option(
        "--resume", is_flag=True,
        help=(
            "Continue an earlier run with this option that was stopped. Coded blocks are kept"
            " beside the archive, in .NAME.part, until it is complete."
        ),
    ),
    options.storage_option,
    options.traceback_option,
    rare=True,
)  # fmt: skip
@group(
    "Clusters",
    click.option(
        "--scheduler", metavar="ADDRESS",
        help=(
            "Make archives on the cluster of this Dask scheduler, tcp://HOST:8786 or its scheduler"
            " file .json; or local[:N], N processes of this machine. See above."
        ),
    ),
    click.option(
        "--shard", type=click.IntRange(min=1), metavar="N",
        help="With --scheduler: items of an array in an archive.  [default: 128 MiB of them]",
    ),
    click.option(
        "--assume-unchanged", is_flag=True,
        help="With --scheduler: do not read inputs again whose archives exist.",
    ),
    rare=True,
)  # fmt: skip
def command(
    sources: tuple[str, ...],
    output: str | None,
    model: str | None,
    fast: bool,
    best: bool,
    embed: Embed,
    scheduler: str | None,
    shard: int | None,
    assume_unchanged: bool,
    remove: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Compress an array or a collection of pictures into an archive.

    INPUT is $on_their_own, maybe of several pages; a folder, with all files in it and its folders;
    or several files of pictures. 'decompress' gives back the same kind, with the same names, sizes
    and modes, and every pixel as it was. INPUT and the archive may be URLs that fsspec supports.

    \b bitsback compress digits.npy makes digits.bb bitsback compress digits -o small.bb all files
    in the folder digits bitsback compress scans --files exact every file with its very bytes
    bitsback compress t10k-images-idx3-ubyte.gz --fast bitsback compress digits.npy --for
    random-access bitsback compress digits.npy --unordered a set, which has no order bitsback
    compress scans --rm and the pictures go make-digits | bitsback compress - -o - | ssh host 'cat >
    digits.bb' \f A folder comes back with the same names, metadata (profiles, EXIF, texts,
    palettes, resolution) and modification times. $coded files are coded by their pixels where that
    makes them smaller; all others, JPEG, texts and hidden files among them, are stored verbatim, so
    that the archive is never larger than the files, and the folder may be deleted. Links to
    folders, broken links, pipes, empty folders, Thumbs.db and .DS_Store are left out, and named at
    the end. --files exact restores the very bytes of every file. The same holds for a single TIFF
    file.

    Pictures may be of any size. Large ones are cut into tiles, so that memory does not grow with
    them, unless a picture file has to be decoded as a whole. The slices of an array, the pages of a
    TIFF file, or the pictures of a folder that have one size, are coded as a stack where that makes
    them smaller.

    Items of a size that has a model, such as 28 x 28, are coded with that model: those of two
    values (bool, 0/1, 0/255) and grey ones have models of their own. Pictures of all other sizes
    are coded with universal models, and arrays of one dimension, or of a few columns, are series,
    with a model that learns from them. Anything that no model suits is compressed by LZMA, or with
    --fast by deflate. 'bitsback train' makes models. If several models fit, the one that makes a
    sample smallest is used, whatever the size of the input. The slowest models, which count
    contexts, are tried where a look at the sample says that they may pay, and by --best always.

    With --scheduler workers make an archive each of some of the items, and beside these a manifest:
    -o names a folder, or archives as part-{i}.bb. INPUT is a .npy or .npz file, a Zarr array, or a
    folder of pictures, where all workers see it. Archives that are there and whole are not made
    again: start a run that has died again.

    \b
      bitsback compress scans --unordered             a set of pictures, which lose their names
      bitsback compress digits.npz --labels y         images with labels
      bitsback compress digits --labels folders       of pictures, the folders that they are in
      bitsback compress scans --hashes sha256         and 'list --hashes' tells them
      bitsback compress scans --resume                goes on if it is stopped and called again
      bitsback compress scans -o s3://bucket/scans.bb --storage-option profile=me
      bitsback compress scans.zarr -o s3://bucket/scans --scheduler tcp://host:8786
    """
    source = sources[0]
    if scheduler is None and (shard is not None or assume_unchanged):
        raise click.UsageError("--shard and --assume-unchanged are for --scheduler")
    if given["keep_names"] and not given["unordered"]:
        raise click.UsageError("--keep-names is for --unordered; names are kept otherwise")
    if scheduler is not None and embed == "always":
        raise click.UsageError("with --scheduler a model lies beside the archives, not in them")
    if len(sources) > 1 and scheduler is None:
        if options.STANDARD in sources:
            raise click.UsageError("standard input cannot be one of several inputs")
        if output is None:
            raise click.UsageError("several inputs make one archive; name it with -o FILE")
    asked = CompressOptions(
        **given,
        model=choice_of(model, fast, best),
        embed="if-smaller" if embed == "auto" else embed,
    )
    if scheduler is not None:
        from bitsback.cli import scheduled

        for option, of_one in (
            ("--rm", remove),
            ("--unordered", asked.unordered),
            ("--labels", asked.labels is not None),
            ("--hashes", asked.hashes is not None),
            ("--previews", asked.previews),
            ("--parity", asked.parity is not None),
            ("--resume", asked.resume),
        ):
            if of_one:
                raise click.UsageError(f"{option} does not go with --scheduler")
        folder = _default_output(source).removesuffix(".bb") + ".shards"
        with (
            Progress("compressing", quiet) as progress,
            shown_warnings(progress, quiet or as_json) as messages,
        ):
            finished = scheduled.compress(
                scheduler, sources, folder if output is None else output, shard, assume_unchanged,
                progress, asked,
            )  # fmt: skip
        scheduled.report(source, finished, messages, as_json, quiet)
        return
    if remove and asked.unordered:
        raise click.UsageError("--rm would remove the order, which --unordered does not keep")
    output = options.checked_output(source, _default_output(source) if output is None else output)
    if remove:
        check_removable(sources, output)
    taken: str | list[str] = list(sources) if len(sources) > 1 else source
    start = time.perf_counter()
    with (
        Progress("compressing", quiet) as progress,
        shown_warnings(progress, quiet or as_json) as messages,
    ):
        from bitsback.writing.writer import write_archive

        with _told_what_is_kept(progress, output, asked.resume):
            summary = write_archive(
                options.standard_input() if source == options.STANDARD else taken,
                options.standard_output() if output == options.STANDARD else output,
                replace(asked, progress=progress),
            )
    row = compress_report.report(
        source if len(sources) == 1 else f"{len(sources)} inputs", output, summary,
        time.perf_counter() - start, as_json, quiet, messages,
    )  # fmt: skip
    if as_json:
        figures.show_json(row, err=output == options.STANDARD)
    if remove:
        remove_compressed(sources, output, messages, asked.threads, quiet or as_json)


def choice_of(model: str | None, fast: bool, best: bool) -> str:
    """The choice of a model. Raises UsageError if it is given twice."""
    choices = (model, "fast" if fast else None, "best" if best else None)
    given = [choice for choice in choices if choice is not None]
    if len(given) > 1:
        raise click.UsageError("--fast, --best and -m each choose a model; give one of them")
    return given[0] if given else "auto"


@contextmanager
def _told_what_is_kept(progress: Progress, output: str, resume: bool) -> Iterator[None]:
    """Says, if a run with --resume is stopped, that it can be continued."""
    try:
        yield
    except (KeyboardInterrupt, InputError):
        if resume:
            from bitsback.writing.unfinished import part_of

            if (part := part_of(output)).exists():
                progress.say(f"bitsback: kept what is coded in {part}; the same command goes on")
        raise


def _default_output(source: str) -> str:
    """The archive of an input: beside it, with another ending."""
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
    on_their_own=formats.on_their_own(), coded=formats.coded()
)
