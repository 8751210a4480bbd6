"""Report of `bitsback train`, printed at its end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures

if TYPE_CHECKING:
    from bitsback_train.job.evaluation import Evaluation
    from bitsback_train.job.image_set import ImageSet
    from bitsback_train.job.job import Job, Outcome
    from bitsback_train.job.settings import Settings

WRITTEN = {
    "trained": "new weights",
    "kept": "the weights it started from, with other start matrices or contexts",
    "base": "the model that it started from",
}


def show(settings: Settings, job: Job, outcome: Outcome, evaluation: Evaluation) -> None:
    """The result, on standard output."""
    base = f", where it was {outcome.base_rate:.3f}" if outcome.base_rate is not None else ""
    rows = (
        ("the model, which is not counted", evaluation.trained),
        ("compress --best, without training", evaluation.untrained),
    )
    lines = [
        f"{settings.output}: {WRITTEN[outcome.written]}; for images of {job.images.kind}",
        f"{outcome.steps:,} steps; {outcome.rate:.3f} bits per pixel and channel of the validation"
        f" images by the networks alone{base}.",
        f"Archives of {_held_out(job.images)}, held out of the training:",
        "",
        f"{'':34} {'bits per pixel':>15} {'bytes':>12}",
        *(f"{name:34} {evaluation.rate(size):15.3f} {size:12,}" for name, size in rows),
        "",
        f"The model adds {evaluation.model_bytes:,} bytes to an archive.",
        evaluation.verdict(outcome.still_falling),
    ]
    click.echo("\n".join(lines))


def _held_out(images: ImageSet) -> str:
    """The amount of held-out images, or of parts of images if there are few large ones."""
    count = round(images.count * images.part_held_out)
    if count >= 2:
        return f"{count:,} of {images.count:,} images"
    share = f"{images.part_held_out:.0%}"
    return f"{share} of the image" if images.count == 1 else f"{share} of {images.count:,} images"


def show_json(settings: Settings, job: Job, outcome: Outcome, evaluation: Evaluation) -> None:
    """Prints the same figures and more on standard output, as JSON."""
    images = job.images
    splits = {
        "train": images.train,
        "validation": images.validation,
        "held_out": images.held_out,
    }
    figures.show_json(
        {
            "model": str(settings.output),
            "written": outcome.written,
            "images": {"all": images.count, "of": images.kind},
            "values": {name: sum(one.size for one in split) for name, split in splits.items()},
            "plan": asdict(outcome.plan),
            "steps": outcome.steps,
            "seconds": round(outcome.seconds, 1),
            "validation_bits_per_value": {"base": outcome.base_rate, "model": outcome.rate},
            "held_out": {
                name: {"bytes": size, "bits_per_value": evaluation.rate(size)}
                for name, size in (
                    ("trained", evaluation.trained),
                    ("untrained", evaluation.untrained),
                )
            },
            "model_bytes_in_archive": evaluation.model_bytes,
            "pays_from_images": evaluation.pays_from,
            "verdict": evaluation.verdict(outcome.still_falling),
            "validations": outcome.rows,
        }
    )
