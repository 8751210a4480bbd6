"""`bitsback train`: a model for the user's own images."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bitsback.cli import options
from bitsback.cli.progress import Progress
from bitsback_train import report, require_torch

if TYPE_CHECKING:
    from bitsback_train.export.exporter import Card
    from bitsback_train.job.job import Job, Settings


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
        "Approximate training time. The evaluation afterwards takes additional time; no step of it"
        " takes longer than the training."
    ),
)
@click.option(
    "--kind",
    type=click.Choice(["auto", "any-size", "vae"]),
    default="auto",
    show_default=True,
    help=(
        "any-size: a model for images of any size and kind, fine-tuned from an existing one; vae:"
        " a VAE for small images of one shape; auto: vae if --arch is given, and for many small"
        " grey or bilevel images."
    ),
)
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE",
    default="universal",
    show_default=True,
    help="With --kind any-size: the model to start from, or the word none.",
)
@click.option(
    "--arch",
    type=click.Choice(["auto", "context", "dense"]),
    default="auto",
    show_default=True,
    help=(
        "The architecture of a VAE. context codes each pixel given those around it, and makes"
        " smaller archives; dense is far faster."
    ),
)
@click.option("--epochs", type=click.IntRange(min=2), hidden=True)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=1,
    show_default=True,
    metavar="N",
    help="The seed of all random numbers.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads to train with.  [default: one or all cores, whichever is faster]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue from the checkpoint of an interrupted run, with its settings.",
)
@click.option(
    "--data", "folder", metavar="DIR", help="The folder with the files of mnist or fashion-mnist."
)
@click.option(
    "--name",
    metavar="TEXT",
    help="The name of the model.  [default: the name of its file]",
)
@click.option("--about", metavar="TEXT", help="A line about the model, stored in its file.")
@click.option(
    "--licence",
    metavar="TEXT",
    help="The licence of the model; mind that of the data.  [default: unspecified]",
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
    kind: Literal["auto", "any-size", "vae"],
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
    """Train a model for images like those in DATA, and evaluate it.

    DATA is anything that 'bitsback compress' reads, of bool or of integers of 8 or 16 bits: an
    array, pictures of any sizes, a stack, or one large image, of which parts are held out. Or it is
    the word mnist or fashion-mnist, which are downloaded unless --data or BITSBACK_DATA names their
    folder. A tenth of the images is used for validation, and another tenth only for the evaluation
    at the end, beside models without this training, PNG, xz, WebP and JPEG XL.

    Training needs bitsback[train]; compressing and decompressing with the model do not.

    \b
      bitsback train scans/ -o scans.safetensors
      bitsback train scans/ -o scans.safetensors --resume    continues
      bitsback compress scans/ -m scans.safetensors          embeds the model
    """
    require_torch()
    with Progress("loading PyTorch", quiet):
        from bitsback_train.job.job import Settings, check_output, train
        from bitsback_train.job.one_shape import suits_vae
        from bitsback_train.job.train_model import load_job

    settings = Settings(
        Path(output), minutes, seed, threads, epochs, resume, force,
        None if arch == "auto" else arch,
        None if plot is None else Path(plot),
    )  # fmt: skip
    check_output(settings)
    if kind == "any-size" and arch != "auto":
        raise click.UsageError("--arch is for --kind vae")
    public = _public_data(data, folder)
    vae = kind == "vae" or arch != "auto"
    if kind == "auto" and not vae:
        with Progress("looking at the images", quiet):
            vae = suits_vae(data)
    with Progress("reading", quiet):
        job = load_job(data, vae, start, seed, public)
    card = _card(data, job, name or settings.output.stem, about, licence)
    with _resumable(settings), Progress("training", quiet, show_count=True) as progress:
        outcome = train(job, card, settings, _watching(progress))
    if not quiet:
        click.echo(f"measuring on {report.measured_on(job)} ...", err=True)
    with Progress("measuring", quiet):
        evaluation = job.evaluate(outcome)
    if as_json:
        report.show_json(settings, job, outcome, evaluation)
    elif not quiet:
        report.show(settings, job, outcome, evaluation)


def _public_data(data: str, folder: str | None) -> Path | None:
    """The folder of a public data set, if `data` is its name."""
    from bitsback_train.downloads import SETS, find

    if data in SETS:
        return find(data, folder)
    if folder is not None:
        raise click.UsageError(f"--data is for {' and '.join(SETS)}; name your own images alone")
    return None


def _card(data: str, job: Job[Any], name: str, about: str | None, licence: str | None) -> Card:
    """The model's description of itself: the user's own, or one made from what is known of the
    data.
    """
    from bitsback_train.downloads import SETS
    from bitsback_train.export.exporter import Card

    known = SETS.get(data)
    said = f"{job.words}, trained by bitsback train" if known is None else known.about
    usual = "unspecified" if known is None else known.licence
    return Card(name, about or said, licence or usual, job.item_shape)


@contextmanager
def _resumable(settings: Settings) -> Iterator[None]:
    """Says how to continue an interrupted run, if there is a checkpoint."""
    from bitsback_train.job.job import PLAN

    try:
        yield
    except KeyboardInterrupt:
        if (settings.folder / PLAN).exists():
            again = shlex.join(word for word in sys.argv[1:] if word != "--resume")
            click.echo(
                f"\nthe checkpoint is in {settings.folder}; go on with:  bitsback {again} --resume",
                err=True,
            )
        raise


def _watching(progress: Progress) -> Callable[[int, int, float | None], None]:
    """The function for training to call. It moves the bar, whose time left counts from the first
    call: preparation, and training before an interruption, came before.
    """
    begun = False

    def watch(done: int, total: int, rate: float | None) -> None:
        nonlocal begun
        if Progress.stopping:  # other code may have swallowed the interruption
            raise KeyboardInterrupt
        if not begun:
            progress.begin(done)
        begun = True
        progress(done, total, rate_note(rate))

    return watch


def rate_note(rate: float | None) -> str | None:
    """The validation rate in bits per pixel, for the progress bar; None before there is one."""
    return None if rate is None else f"validation {rate:.4f} bits per pixel"
