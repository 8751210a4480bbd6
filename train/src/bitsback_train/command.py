"""`bitsback train`: a model for the user's own images."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bitsback.cli import options
from bitsback.cli.progress import Progress
from bitsback_train import report, require_torch

if TYPE_CHECKING:
    from bitsback_train.job.settings import Settings


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
        "Approximate training time. The comparison with 'compress --best' afterwards takes"
        " additional time."
    ),
)
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE",
    help=(
        "The model to start from, or the word none.  [default: universal, or universal-16 for more"
        " than 256 levels]"
    ),
)
@click.option("--steps", type=click.IntRange(min=2), hidden=True)
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
    "--name",
    metavar="TEXT",
    help="The name of the model.  [default: the name of its file]",
)
@click.option("--about", metavar="TEXT", help="A line about the model, stored in its file.")
@click.option(
    "--licence",
    metavar="TEXT",
    default="unspecified",
    show_default=True,
    help="The licence of the model; mind that of the data.",
)
@options.force_option
@options.quiet_option
@options.json_option
@options.traceback_option
def command(
    data: str,
    output: str,
    minutes: float,
    start: str | None,
    steps: int | None,
    seed: int,
    threads: int | None,
    resume: bool,
    name: str | None,
    about: str | None,
    licence: str,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model for images like those in DATA, and report whether it pays.

    DATA is any input of 'bitsback compress' whose elements are bool or integers of 8 or 16 bits: an
    array, pictures of any sizes, a stack, or one large image. A tenth of the images is used for
    validation. Another tenth is used only at the end, to compare with 'compress --best', which
    needs no training.

    Training needs ./train[torch]; compressing and decompressing with the model do not.

    \b
      bitsback train scans/ -o scans.safetensors
      bitsback train scans/ -o scans.safetensors --resume    continues
      bitsback compress scans/ -m scans.safetensors          embeds the model
    """
    require_torch()
    with Progress("loading PyTorch", quiet):
        from bitsback_train.export.exporter import Card
        from bitsback_train.job.settings import Settings, check_output
        from bitsback_train.job.train_model import load_job

    settings = Settings(Path(output), minutes, seed, threads, steps, resume, force)
    check_output(settings)
    with Progress("reading", quiet):
        job = load_job(data, start, seed)
    summary = about or f"{job.words}, trained by bitsback train"
    card = Card(name or settings.output.stem, summary, licence)
    with _resumable(settings), Progress("training", quiet, show_count=True) as progress:
        outcome = job.train(card, settings, _watching(progress))
    with Progress("comparing with compress --best", quiet):
        evaluation = job.evaluate(outcome)
    if as_json:
        report.show_json(settings, job, outcome, evaluation)
    elif not quiet:
        report.show(settings, job, outcome, evaluation)


@contextmanager
def _resumable(settings: Settings) -> Iterator[None]:
    """Says how to continue an interrupted run, if there is a checkpoint."""
    from bitsback_train.job.settings import PLAN

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
