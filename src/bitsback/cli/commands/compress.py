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
from bitsback.files import formats

MODEL_OPTIONS = (
    click.option(
        "-m", "--model", metavar="NAME|FILE", shell_complete=complete.models,
        help="A bundled model, see 'bitsback models', or a model file.  [default: auto]",
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
            "Put the model into the archive. auto: only a model that is not bundled, and only if"
            " it makes the archive smaller, model included, in a trial."
        ),
    )  # fmt: skip
FILE_OPTIONS = (
    click.option(
        "--files", type=click.Choice(["pixels", "exact"]), default="pixels", show_default=True,
        help=(
            "pixels: files come back with the same pixels and metadata; exact: with the same"
            " bytes. Files whose compression cannot be reproduced then take more space."
        ),
    ),
    click.option(
        "--pictures-only", is_flag=True,
        help=(
            "Leave out hidden files and files other than pictures (labels, texts), and list them."
            " A damaged picture is then an error. Without this option every file of a folder is"
            " kept."
        ),
    ),
    click.option(
        "--skip-bad", is_flag=True,
        help=(
            "Leave out files that cannot be read, and list them. Without this option the first of"
            " them is an error."
        ),
    ),
)  # fmt: skip
PURPOSE_OPTION = click.option(
        "--for", "purpose", type=click.Choice(["storage", "random-access"]), default="storage",
        show_default=True,
        help=(
            "storage: the archive is small. random-access: reading one item, or a region of a large"
            " one, is fast, and the archive is larger: 8 % for grey MNIST digits, 57 % for bilevel"
            " ones, 4 % for photographs."
        ),
    )  # fmt: skip
EXTRA_OPTIONS = (
    click.option(
        "--previews", is_flag=True,
        help=(
            "Store a small picture of each large one, for viewers; about 1 % of the archive."
        ),
    ),
    click.option(
        "--parity", type=click.FloatRange(0, MOST_PARITY, min_open=True), metavar="PERCENT",
        help=(
            "Append parity data of this share of the archive, so that 'bitsback repair' can mend"
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
            "Cut large pictures into tiles of N x N pixels. Small tiles make regions faster to"
            " read, large ones make the archive smaller.  [default: 1024, and 64 for a"
            " latent-variable model for images of any size]"
        ),
    ),
    click.option(
        "--stack/--no-stack", default=None,
        help=(
            "Treat the slices of an array, the pages of a TIFF file, or the pictures of a folder"
            " that have one size, as a stack, where each is similar to the one before it. "
            " [default: as a trial decides]"
        ),
    ),
)  # fmt: skip
"""The options that `bitsback add` has, too."""


@click.command(cls=GroupedCommand, short_help="Compress an array or pictures.")
@click.argument("sources", nargs=-1, required=True, metavar="INPUT...")
@group(
    "Output",
    options.output_option("The archive to write.  [default: INPUT.bb; for a URL, in this folder]"),
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
            " of its largest array. Or the word folders: the label of a picture is its folder."
        ),
    ),
    click.option(
        "--hashes", type=click.Choice(["sha256"]),
        help=(
            "Store the hash of each file of a folder that comes back byte for byte. It is checked"
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
            "Drop the order and the names of the items; they come back sorted. This saves 11.8 bits"
            " an item for 10,000 items. All of them are one block, unless --block is given, so"
            " reading one decodes all."
        ),
    ),
)  # fmt: skip
@group(
    "Layout of the archive",
    click.option(
        "--keep-names", is_flag=True,
        help=(
            "With --unordered: keep the names of files, and report how many bytes they take."
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
            "Keep coded blocks beside the archive, in .NAME.part, until it is complete. After an"
            " interruption, the same command continues from them."
        ),
    ),
    options.storage_option,
    options.traceback_option,
    rare=True,
)  # fmt: skip
def command(
    sources: tuple[str, ...],
    output: str | None,
    model: str | None,
    fast: bool,
    best: bool,
    embed: Embed,
    remove: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Compress an array or a collection of pictures into an archive.

    INPUT is one of: $on_their_own, with one or several pages; a folder, with all files in it and
    in its subfolders; one or several files of pictures. 'decompress' restores the same kind of file
    or folder, with the same names, and every pixel as it was. INPUT and the archive may be URLs
    that fsspec supports, or -, standard input and output.

    \b
      bitsback compress digits.npy                makes digits.bb
      bitsback compress scans                     makes scans.bb of a folder
      bitsback compress scans -o small.bb --best  the smallest archive, slowly
      bitsback compress scans --files exact       restores bytes, not only pixels
      bitsback compress scans --rm                removes the verified folder
      bitsback compress t10k-images-idx3-ubyte.gz --fast
      bitsback compress digits.npy --for random-access
      bitsback compress digits.npy --unordered    drops the order of the items
      make-digits | bitsback compress - -o - | ssh host 'cat > digits.bb'
    \f
    A folder comes back with the same names, metadata (profiles, EXIF, texts, palettes, resolution)
    and modification times. $coded files are coded by their pixels where that makes them smaller.
    All other files, JPEG, texts and hidden files among them, are stored verbatim. So the archive is
    hardly ever larger than the files, and the folder may be deleted. Links to folders, broken
    links, pipes, empty folders, Thumbs.db and .DS_Store are left out, and listed at the end.
    --files exact restores the same bytes of every file, or of a single TIFF file.

    Pictures may be of any size. Large ones are cut into tiles, so memory does not grow with their
    size, unless the file format has to be decoded as a whole. The slices of an array, the pages of
    a TIFF file, or the pictures of a folder that have one size, are coded as a stack where that
    makes them smaller.

    Items of a size that has a model, such as 28 x 28, are coded with that model; bilevel items
    (bool, 0/1, 0/255) and grey items have different ones. Pictures of all other sizes are coded
    with universal models. Arrays of one dimension, or of a few columns, are coded as series, with a
    model that learns from them. Anything that no model suits is compressed by LZMA, or with --fast
    by deflate. 'bitsback train' makes models. If several models fit, the one that makes a sample
    smallest is used, whatever the size of the input. The slowest models, which count contexts, are
    tried where a look at the sample says that they may pay, and by --best always.

    \b
      bitsback compress scans --unordered        a set of pictures without names
      bitsback compress digits.npz --labels y    images with labels
      bitsback compress digits --labels folders  labels are names of folders
      bitsback compress scans --hashes sha256    'list --hashes' prints them
      bitsback compress scans --resume           continues an interrupted run
      bitsback compress scans -o s3://bucket/scans.bb --storage-option profile=me
    """
    source = sources[0]
    if given["keep_names"] and not given["unordered"]:
        raise click.UsageError("--keep-names is for --unordered; names are kept otherwise")
    if len(sources) > 1:
        if options.STANDARD in sources:
            raise click.UsageError("standard input cannot be one of several inputs")
        if output is None:
            raise click.UsageError("several inputs make one archive; name it with -o FILE")
    request = CompressOptions(
        **given,
        model=choice_of(model, fast, best),
        embed="if-smaller" if embed == "auto" else embed,
    )
    if remove and request.unordered:
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
        from bitsback.archive.writing.writer import write_archive

        with _told_what_is_kept(progress, output, request.resume):
            summary = write_archive(
                options.standard_input() if source == options.STANDARD else taken,
                options.standard_output() if output == options.STANDARD else output,
                replace(request, progress=progress),
            )
    row = compress_report.report(
        source if len(sources) == 1 else f"{len(sources)} inputs", output, summary,
        time.perf_counter() - start, as_json, quiet, messages,
    )  # fmt: skip
    if as_json:
        figures.show_json(row, err=output == options.STANDARD)
    if remove:
        remove_compressed(sources, output, messages, request.threads, quiet or as_json)


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
            from bitsback.archive.writing.unfinished import part_of

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
