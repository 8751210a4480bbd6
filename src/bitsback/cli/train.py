"""`bitsback train`: a model for the user's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from bitsback.cli import options, train_free, train_sized
from bitsback.cli.progress import Progress
from bitsback.cli.training import Source, Words


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
    "--kind",
    type=click.Choice(["auto", "free", "sized"]),
    default="auto",
    show_default=True,
    help=(
        "free: for images of any size and kind, going on from a model there is; sized: a VAE of"
        " small images of one shape; auto: sized for what --arch is given with, and for many"
        " small grey or bilevel images."
    ),
)
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE",
    default="universal",
    show_default=True,
    help="The free model to go on from, or the word none.",
)
@click.option(
    "--arch",
    type=click.Choice(["auto", "context", "dense"]),
    default="auto",
    show_default=True,
    help=(
        "Of a sized model: context codes each pixel given those around it, and is smaller; dense is"
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
@click.option("--plot", metavar="FILE", help="Draw the curve of the training, as .png.")
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    data: str,
    output: str,
    minutes: float,
    kind: Literal["auto", "free", "sized"],
    start: str,
    arch: Literal["auto", "context", "dense"],
    epochs: int | None,
    seed: int,
    threads: int | None,
    resume: bool,
    folder: str | None,
    name: str | None,
    about: str | None,
    licence: str | None,
    plot: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model for images like those in DATA, and say what it is worth.

    DATA is anything that 'bitsback compress' reads, of bool or of integers of 8 or 16 bits: an
    array, pictures of any sizes, a stack, or one large image, of which parts are held out. Or it is
    the word mnist or fashion-mnist, which are downloaded unless --data or BITSBACK_DATA names their
    folder. A tenth is used to make choices and another tenth only to measure, at the end, beside
    the model that training started from, PNG, xz, WebP and JPEG XL.

    Needs bitsback[train]. Compressing and decompressing with the model does not.

    \b
      bitsback train scans/ -o scans.safetensors
      bitsback train scans/ -o scans.safetensors --resume          after an interruption
      bitsback compress scans/ -m scans.safetensors                the model goes into the archive
    """
    with Progress("loading PyTorch", quiet):
        from bitsback.train.job.job import Settings, check_output
        from bitsback.train.job.kinds import takes_sized

    path = Path(output)
    settings = Settings(
        path, minutes, seed, threads, epochs, resume, force, None if arch == "auto" else arch,
        None if plot is None else Path(plot),
    )  # fmt: skip
    check_output(settings)
    if kind == "free" and arch != "auto":
        raise click.UsageError("--arch is for --kind sized")
    source = _source(data, folder)
    words = Words(name or path.stem, about, licence)
    free = kind == "free"
    if kind == "auto" and arch == "auto":
        with Progress("looking at the images", quiet):
            free = not takes_sized(source.data)
    if free:
        train_free.run(source, start, settings, words, quiet, as_json)
    else:
        train_sized.run(source, settings, words, quiet, as_json)


def _source(data: str, folder: str | None) -> Source:
    """Where the images are: a path, or the folder of public data."""
    from bitsback.downloads import SETS, find

    if data in SETS:
        return Source(data, find(data, folder))
    if folder is not None:
        raise click.UsageError(f"--data is for {' and '.join(SETS)}; name your own images alone")
    return Source(data)
