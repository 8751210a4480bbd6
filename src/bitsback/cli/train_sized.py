"""`bitsback train` for small images of one shape: a VAE, whose size follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bitsback.cli import train_report
from bitsback.cli.progress import Progress
from bitsback.cli.training import Source, Words, resumable, watching

if TYPE_CHECKING:
    from bitsback.train.job.image_set import ImageSet
    from bitsback.train.job.job import Settings


def run(source: Source, settings: Settings, words: Words, quiet: bool, as_json: bool) -> None:
    """Trains, and prints the report."""
    from bitsback.train.job.image_set import as_images, split
    from bitsback.train.job.job import train
    from bitsback.train.job.worth import compare

    with Progress("reading", quiet):
        collection = _collection(source)
    card = words.card(source, train_report.about(collection), collection.shape)
    parts = split(collection, settings.seed)
    with resumable(settings), Progress("training", quiet, show_count=True) as progress:
        outcome = train(
            collection,
            parts,
            card,
            settings,
            watching(progress),
        )
    if not quiet:
        click.echo("measuring on the held-out images, and on all ...", err=True)
    held_out, everything = (
        as_images(symbols, collection.levels) for symbols in (parts.held_out, collection.everything)
    )
    with Progress("measuring", quiet):
        comparison = compare(outcome.model, held_out, everything, outcome.seconds)
    if as_json:
        train_report.show_json(settings, collection, parts, outcome, comparison)
    elif not quiet:
        train_report.show(settings, collection, parts, outcome, comparison)


def _collection(source: Source) -> ImageSet:
    from bitsback.train.job.image_set import named_image_set, read_image_set

    if source.folder is not None:
        return named_image_set(source.data, source.folder)
    return read_image_set(source.data)
