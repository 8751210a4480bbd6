"""`bitsback train`: a model for the user's own images."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bitsback.cli import options, train_report
from bitsback.cli.progress import Progress

if TYPE_CHECKING:
    from bitsback.train.job.image_set import ImageSet


@click.command(short_help="Train a model for your own images.")
@click.argument("data", metavar="DATA")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    help="The model to write, such as model.safetensors.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    metavar="N",
    help=(
        "About how long to train; what is measured afterwards takes more, none of it longer than"
        " the training."
    ),
)
@click.option(
    "--arch",
    type=click.Choice(["auto", "context", "dense"]),
    default="auto",
    show_default=True,
    help=(
        "Kind of model: context codes each pixel given those around it, and is smaller; dense is"
        " far faster to use."
    ),
)
@click.option("--epochs", type=click.IntRange(min=2), hidden=True)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, metavar="N")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to train with.  [default: one or all cores, whichever is faster]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint of an interrupted run, with its settings.",
)
@click.option(
    "--data", "folder", metavar="DIR", help="Where the files of mnist or fashion-mnist are."
)
@click.option(
    "--name",
    metavar="TEXT",
    help="What the model is to be called.  [default: the name of its file]",
)
@click.option("--about", metavar="TEXT", help="A line about the model, which it carries.")
@click.option(
    "--licence", metavar="TEXT", help="Of the model; see that of the data.  [default: unspecified]"
)
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    data: str,
    output: str,
    minutes: float,
    arch: Literal["auto", "context", "dense"],
    epochs: int | None,
    seed: int,
    threads: int | None,
    resume: bool,
    folder: str | None,
    name: str | None,
    about: str | None,
    licence: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model for images like those in DATA, and say what it is worth.

    DATA is anything that 'bitsback compress' reads: at least 100 images of one shape, 8 x 8 to 128
    x 128 pixels, bilevel or grey (8 bits). Or it is the word mnist or fashion-mnist, which are
    downloaded unless --data or BITSBACK_DATA names their folder. The size of the model follows from
    the data and from --minutes. A tenth of the images is used to make choices and another tenth
    only to measure, at the end, beside PNG, xz, WebP and JPEG XL.

    Needs bitsback[train]. Compressing and decompressing with the model does not.

    \b
      bitsback train faces.npy -o faces.safetensors
      bitsback train faces.npy -o faces.safetensors --resume       after an interruption
      bitsback compress faces.npy -m faces.safetensors             the model goes into the archive
    """
    from bitsback.train.export.exporter import Card
    from bitsback.train.job.downloads import SETS
    from bitsback.train.job.image_set import as_images, split
    from bitsback.train.job.job import PLAN, Settings, check_output, train
    from bitsback.train.job.worth import compare

    path = Path(output)
    kind = None if arch == "auto" else arch
    settings = Settings(path, minutes, seed, threads, epochs, resume, force, kind)
    check_output(settings)
    collection = _collection(data, folder)
    about = about or (SETS[data].about if data in SETS else train_report.about(collection))
    licence = licence or (SETS[data].licence if data in SETS else "unspecified")
    card = Card(name or path.stem, about, licence, collection.shape)
    parts = split(collection, seed)
    try:
        with Progress("training", quiet, show_count=True) as progress:
            outcome = train(
                collection,
                parts,
                card,
                settings,
                lambda done, total, rate: progress(done, total, train_report.rate_note(rate)),
            )
    except KeyboardInterrupt:
        if (settings.folder / PLAN).exists():
            again = shlex.join(word for word in sys.argv[1:] if word != "--resume")
            click.echo(
                f"\nthe checkpoint is in {settings.folder}; go on with:  bitsback {again} --resume",
                err=True,
            )
        raise
    if not quiet:
        click.echo("measuring on the held-out images, and on all ...", err=True)
    held_out, everything = (
        as_images(symbols, collection.levels) for symbols in (parts.held_out, collection.everything)
    )
    comparison = compare(outcome.model, held_out, everything, outcome.seconds)
    if as_json:
        train_report.show_json(settings, collection, parts, outcome, comparison)
    elif not quiet:
        train_report.show(settings, collection, parts, outcome, comparison)


def _collection(data: str, folder: str | None) -> ImageSet:
    from bitsback.train.job.downloads import SETS, find
    from bitsback.train.job.image_set import named_image_set, read_image_set

    if data in SETS:
        return named_image_set(data, find(data, folder))
    if folder is not None:
        raise click.UsageError(f"--data is for {' and '.join(SETS)}; name your own images alone")
    return read_image_set(data)
