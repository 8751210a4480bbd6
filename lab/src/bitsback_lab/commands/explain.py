"""`bitsback explain`: show what bits back does with one image, bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bitsback.cli import figures, options
from bitsback.io.names import printable

if TYPE_CHECKING:
    from bitsback_lab.paper.ledger import Explained


@click.command(short_help="Show what bits back does with an image.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "-m",
    "--model",
    metavar="MODEL",
    help="A bundled model's name, or a model file.  [default: the best bundled one]",
)
@click.option(
    "--item",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="The number of the image, if the input has several.",
)
@options.json_option
@options.traceback_option
def command(image: str, model: str | None, item: int, as_json: bool) -> None:
    """Show how bits-back coding codes an image: how many bits each step adds to the message, or
    removes from it.

    IMAGE is a picture, an array (.npy) or anything else that 'bitsback compress' reads, of a size
    that a latent-variable model is for, such as 28 x 28. The message is that of an archive of this
    image alone: it starts with the 256 bits of the image's digest. The length of a message is its
    log2 as a number.

    \b
      bitsback explain digit.png
      bitsback explain digits.npy --item 7 -m mnist-binary-paper
      bitsback explain face.png -m faces.safetensors
    """
    from bitsback_lab.paper.ledger import explain

    explained = explain(image, image, model, item)
    if as_json:
        figures.show_json(_numbers(explained))
    else:
        click.echo(_text(explained))


def _numbers(explained: Explained) -> dict[str, object]:
    ledger = explained.ledger
    return {
        "model": explained.model.name,
        "shape": explained.shape,
        "steps": [
            {
                "step": step.name,
                "before": step.before,
                "after": step.after,
                "change": step.change,
                "information": step.information,
            }
            for step in ledger.steps
        ],
        "change": ledger.change,
        "negative_elbo": ledger.negative_elbo,
        "bits_per_pixel": ledger.negative_elbo / ledger.pixels,
        "raw_bytes": explained.raw_bytes,
        "message_bytes": explained.message_bytes,
        "archive_bytes": explained.archive_bytes,
    }


def _text(explained: Explained) -> str:
    ledger, model = explained.ledger, explained.model
    wide = max(20, *(len(step.name) + 1 for step in ledger.steps))
    lines = [
        (
            f"{figures.dimensions(explained.shape)}, coded with {printable(model.name)}:"
            f" {_latents(explained)}"
        ),
        "",
        f"{'bits':{wide}}{'before':>12}{'after':>12}{'change':>12}{'information':>14}",
    ]
    for step in ledger.steps:
        lines.append(
            f"{step.name:{wide}}{step.before:12.3f}{step.after:12.3f}{step.change:+12.3f}"
            f"{step.information:+14.3f}"
        )
    first, last = ledger.steps[0], ledger.steps[-1]
    lines += [
        (
            f"{'in all':{wide}}{first.before:12.3f}{last.after:12.3f}{ledger.change:+12.3f}"
            f"{ledger.negative_elbo:+14.3f}"
        ),
        "",
        (
            f"The image is worth {ledger.negative_elbo:.1f} bits,"
            f" {ledger.negative_elbo / ledger.pixels:.4f} a"
            f" {'pixel' if model.channels == 1 else 'channel of a pixel'}: a sample of the negative"
            " ELBO."
        ),
        (
            f"On its own it takes {explained.message_bytes} bytes of message, since the"
            f" {first.before:.0f} bits that it starts from are there too,"
        ),
        (
            f"and {explained.archive_bytes} bytes as an archive; {explained.raw_bytes} bytes as it"
            " is. In a collection each further image takes only what it is worth."
        ),
    ]
    if len(ledger.layers) > 1:
        costs = ", ".join(f"{name} {bits:.1f}" for name, bits in ledger.layers.items())
        lines.append(
            f"Of them its latents cost, layer by layer, {costs} bits: pushed, less popped."
        )
    if min(step.after for step in ledger.steps) < 0:
        lines.append(
            "Below zero the message borrows bits that both sides can compute, and pays them back."
        )
    return "\n".join(lines)


def _latents(explained: Explained) -> str:
    """The number of latents of each variable, and of their values."""
    from bitsback.models.variables import DATA

    size = explained.model.size_of(explained.shape)
    assert size is not None, "the model codes the image"
    latents = {
        name: (figures.count(variable.elements(size), "latent"), variable.levels)
        for name, variable in explained.model.variables.items()
        if name != DATA
    }
    if len(latents) == 1:
        ((count, levels),) = latents.values()
        return f"{count} of {levels} buckets"
    parts = [f"{name}, {count} of {levels} values" for name, (count, levels) in latents.items()]
    return "; ".join(parts) or "no latents"
