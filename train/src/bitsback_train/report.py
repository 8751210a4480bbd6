"""Report of `bitsback train`, printed at its end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import figures

if TYPE_CHECKING:
    from bitsback_train.job.evaluation import Evaluation
    from bitsback_train.job.image_set import ImageSet
    from bitsback_train.job.job import Job, Outcome, Settings
    from bitsback_train.job.vae_job import VaePlan

WRITTEN = {
    "trained": "new weights",
    "starts": "the weights it started from, and new start matrices",
    "base": "the model that it started from",
    "counted": "a model that needs no training",
}


def _is_vae(job: Job[Any]) -> bool:
    return bool(job.item_shape)


def measured_on(job: Job[Any]) -> str:
    return "the held-out images, and on all" if _is_vae(job) else "what was held out"


def show(settings: Settings, job: Job[Any], outcome: Outcome[Any], evaluation: Evaluation) -> None:
    """The table, on standard output."""
    from bitsback_train.job.evaluation import table

    vae = _is_vae(job)
    for line in (_vae_heading if vae else _heading)(settings, job, outcome, evaluation):
        click.echo(line)
    click.echo("")
    for line in table(evaluation, "bits per pixel" if vae else "bits a channel", vae):
        click.echo(line)
    click.echo("")
    if evaluation.model_bytes:
        click.echo(
            f"The model adds {evaluation.model_bytes:,} bytes to an archive. 'pays from': the"
            " number of images from which on the archive with its model inside is smaller, if"
            " further images cost as much as these."
            + (" 'all images': bytes for the whole collection, as measured." if vae else "")
        )
    if vae and outcome.epochs != outcome.plan.epochs:
        click.echo(replanned(outcome))
    click.echo(job.verdict(outcome, evaluation))
    for line in evaluation.missing:
        click.echo(line)
    if settings.curve is not None:
        click.echo(f"{settings.curve}: the curve of the training")


def _vae_heading(
    settings: Settings, job: Job[Any], outcome: Outcome[VaePlan], evaluation: Evaluation
) -> list[str]:
    from bitsback_train.network.architectures import in_words

    images, (rows, columns) = job.images, job.item_shape
    sizes = in_words(outcome.plan.architecture, outcome.model.latents)
    return [
        f"{settings.output}: {images.kind} images of {rows} x {columns} pixels; {sizes}",
        f"{outcome.plan.images:,} images trained on, {len(images.validation[0]):,} to choose by"
        f" ({outcome.rate:.3f} bits per pixel), {len(images.held_out[0]):,} held out for this"
        " table:",
    ]


def _heading(
    settings: Settings, job: Job[Any], outcome: Outcome[Any], evaluation: Evaluation
) -> list[str]:
    base = f", where it was {outcome.base_rate:.3f}" if outcome.base_rate is not None else ""
    return [
        f"{settings.output}: {WRITTEN[outcome.written]}; for images of {job.images.kind}",
        f"{outcome.epochs:,} steps; {outcome.rate:.3f} bits per pixel and channel of the"
        f" validation images{base}. On {_held_out(job.images)}, held out for this table:",
    ]


def _held_out(images: ImageSet) -> str:
    """The amount of held-out images, or of parts of images if there are few large ones."""
    count = round(images.count * images.part_held_out)
    if count >= 2:
        return f"{count:,} of {images.count:,} images"
    share = f"{images.part_held_out:.0%}"
    return f"{share} of the image" if images.count == 1 else f"{share} of {images.count:,} images"


def replanned(outcome: Outcome[VaePlan]) -> str:
    """A line about a number of epochs that differs from the plan, with the reason."""
    slower = outcome.epochs < outcome.plan.epochs
    return (
        f"There were {outcome.epochs:,} epochs in place of the {outcome.plan.epochs:,} planned,"
        f" since they took {'more' if slower else 'less'} time than expected"
        + (": the machine was busy with other work." if slower else ".")
        + f" They took {outcome.seconds / 60:.1f} minutes."
    )


def show_json(
    settings: Settings, job: Job[Any], outcome: Outcome[Any], evaluation: Evaluation
) -> None:
    """Prints the same figures and more on standard output, as JSON."""
    vae = _is_vae(job)
    rows = [
        {
            "name": row.name,
            "unit": row.unit,
            "bytes": row.bytes,
            "bits_per_pixel" if vae else "bits_per_value": row.rate,
            "bytes_an_image": row.bytes_an_image,
            **({"bytes_of_all_images": row.whole} if vae else {}),
            "pays_from_images": evaluation.pays_from(row),
        }
        for row in (evaluation.ours, *evaluation.others)
    ]
    figures.show_json(
        {
            "model": str(settings.output),
            "curve": None if settings.curve is None else str(settings.curve),
            **(_vae_figures if vae else _figures)(job, outcome),
            "model_bytes_in_archive": evaluation.model_bytes,
            "held_out": rows,
            "verdict": job.verdict(outcome, evaluation),
            "missing": evaluation.missing,
            "epochs" if vae else "validations": outcome.rows,
        }
    )


def _vae_figures(job: Job[Any], outcome: Outcome[VaePlan]) -> dict[str, Any]:
    images = job.images
    return {
        "item_shape": job.item_shape,
        "levels": images.levels,
        "images": {
            "all": images.count,
            "train": outcome.plan.images,
            "validation": len(images.validation[0]),
            "held_out": len(images.held_out[0]),
        },
        "architecture": outcome.plan.kind,
        "plan": asdict(outcome.plan),
        "epochs_after_replanning": outcome.epochs,
        "training_seconds": round(outcome.seconds, 1),
        "latents": outcome.model.latents,
        "validation_bits_per_pixel": outcome.rate,
    }


def _figures(job: Job[Any], outcome: Outcome[Any]) -> dict[str, Any]:
    images = job.images
    return {
        "kind": "any-size",
        "written": outcome.written,
        "images": {"all": images.count, "of": images.kind},
        "values": {
            name: sum(values.size for values in of)
            for name, of in (
                ("train", images.train),
                ("validation", images.validation),
                ("held_out", images.held_out),
            )
        },
        "plan": asdict(outcome.plan),
        "steps": outcome.epochs,
        "seconds": round(outcome.seconds, 1),
        "validation_bits_per_value": {"base": outcome.base_rate, "model": outcome.rate},
    }
