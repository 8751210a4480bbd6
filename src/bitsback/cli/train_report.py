"""What `bitsback train` says at the end of a sized model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures

if TYPE_CHECKING:
    from bitsback.train.job.image_set import ImageSet, Parts
    from bitsback.train.job.job import Outcome, Settings
    from bitsback.train.job.worth import Worth


def about(collection: ImageSet) -> str:
    """A line for the model to carry."""
    height, width = collection.shape
    return f"{collection.kind} images of {height}x{width} pixels, trained by bitsback train"


def show(
    settings: Settings,
    collection: ImageSet,
    parts: Parts,
    outcome: Outcome,
    worth: Worth,
) -> None:
    """The table, on standard output."""
    from bitsback.train.job.worth import table, verdict
    from bitsback.train.twins.architectures import in_words

    height, width = collection.shape
    sizes = in_words(outcome.plan.architecture, outcome.model.latents)
    click.echo(f"{settings.output}: {collection.kind} images of {height} x {width} pixels; {sizes}")
    click.echo(
        f"{outcome.plan.images:,} images trained on, {len(parts.validation):,} to choose by"
        f" ({outcome.validation_rate:.3f} bits per pixel), {len(parts.held_out):,} held out for"
        " this table:"
    )
    click.echo("")
    for line in table(worth):
        click.echo(line)
    click.echo("")
    click.echo(
        f"The model adds {worth.model_bytes:,} bytes to an archive. 'pays from': the number of"
        " images from which on the archive with its model inside is smaller, if further images"
        " cost as much as these. 'all images': bytes for the whole collection, as measured."
    )
    if outcome.replanned:
        click.echo(replanned(outcome))
    click.echo(verdict(worth, total_images(collection), outcome.still_falling, outcome.plan.kind))
    for line in worth.missing:
        click.echo(line)
    if settings.curve is not None:
        click.echo(f"{settings.curve}: the curve of the training")


def replanned(outcome: Outcome) -> str:
    """That there was another number of epochs than planned, and why."""
    slower = outcome.epochs < outcome.plan.epochs
    return (
        f"There were {outcome.epochs:,} epochs in place of the {outcome.plan.epochs:,} planned,"
        f" since they took {'more' if slower else 'less'} time than expected"
        + (": the machine was busy with other work." if slower else ".")
        + f" They took {outcome.seconds / 60:.1f} minutes."
    )


def total_images(collection: ImageSet) -> int:
    return len(collection.images) + (0 if collection.test is None else len(collection.test))


def show_json(
    settings: Settings,
    collection: ImageSet,
    parts: Parts,
    outcome: Outcome,
    worth: Worth,
) -> None:
    """The same figures and more, on standard output."""
    from bitsback.train.job.worth import break_even, verdict

    ours = worth.ours
    rows = [
        {
            "name": row.name,
            "unit": row.unit,
            "bytes": row.bytes,
            "bits_per_pixel": row.rate,
            "bytes_an_image": row.bytes_an_image,
            "bytes_of_all_images": row.whole,
            "pays_from_images": (None if row is ours else break_even(ours, row, worth.model_bytes)),
        }
        for row in (ours, *worth.peers)
    ]
    figures.show_json(
        {
            "model": str(settings.output),
            "curve": None if settings.curve is None else str(settings.curve),
            "item_shape": collection.shape,
            "levels": collection.levels,
            "images": {
                "all": total_images(collection),
                "train": outcome.plan.images,
                "validation": len(parts.validation),
                "held_out": len(parts.held_out),
            },
            "architecture": outcome.plan.kind,
            "plan": asdict(outcome.plan),
            "epochs_after_replanning": outcome.epochs,
            "training_seconds": round(outcome.seconds, 1),
            "latents": outcome.model.latents,
            "validation_bits_per_pixel": outcome.validation_rate,
            "model_bytes_in_archive": worth.model_bytes,
            "held_out": rows,
            "verdict": verdict(
                worth, total_images(collection), outcome.still_falling, outcome.plan.kind
            ),
            "missing": worth.missing,
            "epochs": outcome.rows,
        }
    )
