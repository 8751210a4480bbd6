"""`bitsback train` for images of any size and kind: a free model, going on from one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bitsback.cli import free_report
from bitsback.cli.progress import Progress
from bitsback.cli.training import Source, Words, resumable, watching

if TYPE_CHECKING:
    from bitsback.train.job.job import Settings


def run(
    source: Source, start: str, settings: Settings, words: Words, quiet: bool, as_json: bool
) -> None:
    """Trains, writes the model, and prints the report. start: the model to go on from."""
    from bitsback.downloads import TRAIN_IMAGES
    from bitsback.train.job.free.base import load_base
    from bitsback.train.job.free.run import train_free, write_model
    from bitsback.train.job.free.source import open_source
    from bitsback.train.job.free.stopwatch import Stopwatch
    from bitsback.train.job.free.worth import judge

    clock = Stopwatch()
    path = source.data if source.folder is None else str(source.folder / TRAIN_IMAGES)
    base = load_base(start)
    with Progress("reading", quiet), open_source(path, base.model) as found:
        pool, images, kind = found.pool(settings.seed), found.images, found.in_words()
    card = words.card(source, f"images ({kind}), trained by bitsback train")
    with resumable(settings), Progress("training", quiet, show_count=True) as progress:
        outcome = train_free(
            pool,
            base,
            card,
            settings,
            watching(progress),
            clock,
        )
    if not quiet:
        click.echo("measuring on what was held out ...", err=True)
    with Progress("measuring", quiet):
        outcome, worth = judge(pool, base, outcome, images * pool.part_held_out)
    write_model(outcome, settings)
    report = free_report.Report(settings, kind, images, pool, outcome, worth)
    if as_json:
        report.show_json()
    elif not quiet:
        report.show()
