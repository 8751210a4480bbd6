"""What `bitsback train` says at the end of a free model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from bitsback.cli import figures

if TYPE_CHECKING:
    from bitsback.train.job.free.image_pool import ImagePool
    from bitsback.train.job.free.run import FreeOutcome
    from bitsback.train.job.free.worth import FreeWorth
    from bitsback.train.job.job import Settings

WRITTEN = {
    "trained": "new weights",
    "starts": "the weights it started from, and new start matrices",
    "base": "the model that it started from",
}


@dataclass(frozen=True, eq=False)
class Report:
    """kind: of images, in words. images: how many there are."""

    settings: Settings
    kind: str
    images: int
    pool: ImagePool
    outcome: FreeOutcome
    worth: FreeWorth

    def show(self) -> None:
        """The table, on standard output."""
        from bitsback.train.job.free.worth import verdict
        from bitsback.train.job.worth import free_table

        outcome, worth = self.outcome, self.worth
        click.echo(f"{self.settings.output}: {WRITTEN[outcome.kind]}; for images of {self.kind}")
        base = f", where it was {outcome.base_bits:.3f}" if worth.base is not None else ""
        click.echo(
            f"{outcome.steps:,} steps; {outcome.bits:.3f} bits per pixel and channel of the"
            f" validation images{base}. On {self._held_out()}, held out for this table:"
        )
        click.echo("")
        for line in free_table(worth.ours, worth.others, worth.model_bytes):
            click.echo(line)
        click.echo("")
        if worth.model_bytes:
            click.echo(
                f"The model adds {worth.model_bytes:,} bytes to an archive. 'pays from': the number"
                " of images from which on the archive with its model inside is smaller, if further"
                " images cost as much as these."
            )
        click.echo(verdict(outcome, worth, self.images))
        for line in worth.missing:
            click.echo(line)
        if self.settings.curve is not None:
            click.echo(f"{self.settings.curve}: the curve of the training")

    def _held_out(self) -> str:
        """What was held out, in images; of a few large ones it is parts."""
        count = round(self.images * self.pool.part_held_out)
        if count >= 2:
            return f"{count:,} of {self.images:,} images"
        share = f"{self.pool.part_held_out:.0%}"
        return f"{share} of the image" if self.images == 1 else f"{share} of {self.images:,} images"

    def show_json(self) -> None:
        """The same figures and more, on standard output."""
        from bitsback.train.job.free.worth import verdict
        from bitsback.train.job.worth import break_even

        outcome, worth = self.outcome, self.worth
        rows = [
            {
                "name": row.name,
                "unit": row.unit,
                "bytes": row.bytes,
                "bits_per_value": row.rate,
                "bytes_an_image": row.bytes_an_image,
                "pays_from_images": (
                    None if row is worth.ours else break_even(worth.ours, row, worth.model_bytes)
                ),
            }
            for row in (worth.ours, *worth.others)
        ]
        figures.show_json(
            {
                "model": str(self.settings.output),
                "curve": None if self.settings.curve is None else str(self.settings.curve),
                "kind": "free",
                "written": outcome.kind,
                "images": {"all": self.images, "of": self.kind},
                "values": {
                    name: sum(values.size for values in getattr(self.pool, name))
                    for name in ("train", "validation", "held_out")
                },
                "plan": asdict(outcome.plan),
                "steps": outcome.steps,
                "seconds": round(outcome.seconds, 1),
                "validation_bits_per_value": {
                    "base": outcome.base_bits,
                    "model": outcome.bits,
                },
                "model_bytes_in_archive": worth.model_bytes,
                "held_out": rows,
                "verdict": verdict(outcome, worth, self.images),
                "missing": worth.missing,
                "validations": outcome.rows,
            }
        )
