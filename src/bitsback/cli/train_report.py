"""What `bitsback train` shows: the bar while it trains, and the table at the end."""

from __future__ import annotations

import sys
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from bitsback.cli import figures

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from bitsback.train.collection import Collection, Parts
    from bitsback.train.comparison import Comparison
    from bitsback.train.job import Outcome, Settings


class Bar:
    """A progress bar with the time left and the validation rate, on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._hidden = quiet or not sys.stderr.isatty()
        self._bar: ProgressBar[Any] | None = None
        self._rate: float | None = None

    def __call__(self, done: int, total: int, rate: float | None) -> None:
        """Epochs done and planned, and the validation rate in bits per pixel once there is one."""
        if self._hidden:
            return
        self._rate = rate
        if self._bar is None:
            self._bar = click.progressbar(
                length=total, label="training", file=sys.stderr, item_show_func=self._show, show_pos=True
            )
            self._bar.__enter__()
        self._bar.length = total  # less than planned, where training has stalled
        self._bar.update(done - self._bar.pos)

    def _show(self, item: object) -> str | None:
        return None if self._rate is None else f"validation {self._rate:.4f} bits per pixel"

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, value, trace)


def about(collection: Collection) -> str:
    """A line for the model to carry."""
    height, width = collection.shape
    return f"{collection.kind} images of {height}x{width} pixels, trained by bitsback train"


def show(settings: Settings, collection: Collection, parts: Parts, outcome: Outcome, comparison: Comparison) -> None:
    """The table, on standard output."""
    from bitsback.train.comparison import table, verdict

    height, width = collection.shape
    layers = "-".join(map(str, (height * width, *outcome.plan.architecture.hidden, outcome.model.latents)))
    click.echo(f"{settings.output}: {collection.kind} images of {height} x {width} pixels; sizes {layers}")
    click.echo(
        f"{outcome.plan.images:,} images trained on, {len(parts.validation):,} to choose by"
        f" ({outcome.validation_rate:.3f} bits per pixel), {len(parts.held_out):,} held out for this table:"
    )
    click.echo("")
    for line in table(comparison):
        click.echo(line)
    click.echo("")
    click.echo(
        f"The model adds {comparison.model_bytes:,} bytes to an archive. 'pays from': the number of images from which"
        " on the archive with its model inside is smaller, if further images cost as much as these."
    )
    click.echo(verdict(comparison, total_images(collection), outcome.still_falling))
    for line in comparison.missing:
        click.echo(line)
    click.echo(f"{settings.curve}: the curve of the training")


def total_images(collection: Collection) -> int:
    return len(collection.images) + (0 if collection.test is None else len(collection.test))


def show_json(
    settings: Settings, collection: Collection, parts: Parts, outcome: Outcome, comparison: Comparison
) -> None:
    """The same figures and more, on standard output."""
    from bitsback.train.comparison import break_even, verdict

    ours = comparison.ours
    rows = [
        {
            "name": row.name,
            "unit": row.unit,
            "bytes": row.bytes,
            "bits_per_pixel": row.rate,
            "bytes_an_image": row.bytes_an_image,
            "pays_from_images": None if row is ours else break_even(ours, row, comparison.model_bytes),
        }
        for row in (ours, *comparison.peers)
    ]
    figures.show_json(
        {
            "model": str(settings.output),
            "curve": str(settings.curve),
            "item_shape": collection.shape,
            "levels": collection.levels,
            "images": {
                "all": total_images(collection),
                "train": outcome.plan.images,
                "validation": len(parts.validation),
                "held_out": len(parts.held_out),
            },
            "plan": asdict(outcome.plan),
            "latents": outcome.model.latents,
            "validation_bits_per_pixel": outcome.validation_rate,
            "model_bytes_in_archive": comparison.model_bytes,
            "held_out": rows,
            "verdict": verdict(comparison, total_images(collection), outcome.still_falling),
            "missing": comparison.missing,
            "epochs": outcome.rows,
        }
    )
