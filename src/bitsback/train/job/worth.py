"""What a trained model is worth: its rate beside other compressors, and from how many images on it
pays.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import bitsback
from bitsback.errors import BitsbackError
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.peers.catalogue import optional_peers, standard_peers
from bitsback.peers.measure import Measurement, Peer, measure
from bitsback.peers.units import Images
from bitsback.train.job.ladder import Kind

PEERS = (
    ("PNG", "each"),
    ("PNG", "mosaic"),
    ("xz -9e", "stream"),
    ("WebP m4", "mosaic"),
    ("JPEG XL e9", "mosaic"),
)
UNITS = {
    "each": "a file for each image",
    "mosaic": "all images in one picture",
    "stream": "the pixels of all images",
}


@dataclass(frozen=True)
class Contender:
    """A compressor's bytes for all held-out images."""

    name: str
    unit: str
    bytes: int
    images: int
    pixels: int
    """Of all images."""

    @property
    def rate(self) -> float:
        """Bits per pixel."""
        return 8 * self.bytes / self.pixels

    @property
    def bytes_an_image(self) -> float:
        return self.bytes / self.images


@dataclass(frozen=True)
class Worth:
    """`ours`: an archive of the held-out images without the model, `model_bytes` what the model
    adds to an archive.
    """

    ours: Contender
    peers: list[Contender]
    model_bytes: int
    missing: list[str]
    """Why a peer is not among them."""


def break_even(ours: Contender, peer: Contender, model_bytes: int) -> int | None:
    """The number of images from which on an archive with its model is smaller than what `peer`
    makes; None: never.

    Both are taken to need as many bytes for each further image as for the held-out ones.
    """
    saved = peer.bytes_an_image - ours.bytes_an_image
    return math.floor(model_bytes / saved) + 1 if saved > 0 else None


def compare(model: Model, held_out: Images) -> Worth:
    """Measures everything on the same images, each of them decoded again and compared."""
    buffer = io.BytesIO()
    bitsback.compress(held_out, buffer, model=model, embed="never")
    size = buffer.tell()
    buffer.seek(0)
    restored = bitsback.decompress(buffer, model=model)
    if restored is None or not np.array_equal(restored, held_out):
        raise BitsbackError("the model did not restore the held-out images; please report this")
    ours = Contender(
        "bitsback", "an archive, without the model", size, len(held_out), held_out.size
    )
    peers, missing = _peers()
    rows = [_row(measure(peer, held_out)) for peer in peers]
    return Worth(ours, rows, len(pack_model(model)), missing)


def _peers() -> tuple[list[Peer], list[str]]:
    more, _ = optional_peers()
    found = {(peer.name, peer.unit): peer for peer in (*standard_peers(), *more)}
    missing = (
        []
        if ("JPEG XL e9", "mosaic") in found
        else ["JPEG XL is left out: pip install 'bitsback[peers]'"]
    )
    return [found[wanted] for wanted in PEERS if wanted in found], missing


def _row(measured: Measurement) -> Contender:
    return Contender(
        measured.name, UNITS[measured.unit], measured.bytes, measured.images, measured.pixels
    )


def table(worth: Worth) -> list[str]:
    """The lines of the table."""
    ours = worth.ours
    lines = [f"{'':42} {'bits per pixel':>15} {'bytes an image':>15} {'pays from':>15}"]
    for row in (ours, *worth.peers):
        pays = "" if row is ours else _images(break_even(ours, row, worth.model_bytes))
        name = f"{row.name}, {row.unit}"
        lines.append(f"{name:42} {row.rate:15.3f} {row.bytes_an_image:15.1f} {pays:>15}".rstrip())
    return lines


def _images(count: int | None) -> str:
    return "never" if count is None else f"{count:,} images"


def verdict(worth: Worth, images: int, still_falling: bool, kind: Kind) -> str:
    """Whether an archive of a collection of so many images, with the model in it, beats all of
    them; if not, why.

    still_falling: the training ended before the validation rate had settled.
    """
    points = {row: break_even(worth.ours, row, worth.model_bytes) for row in worth.peers}
    lost = [row for row, point in points.items() if point is None]
    if lost:
        why = (
            "The validation rate was still falling when the time was up, so more --minutes will"
            " help."
            if still_falling
            else "The validation rate had settled, so more images would help, not more time."
            + (
                " Fine texture, which a dense network does not see, needs --arch context."
                if kind == "dense"
                else ""
            )
        )
        return (
            f"{_names(lost)}: smaller even without the model, so the model never pays against it."
            f" {why}"
        )
    later = [row for row, point in points.items() if point is not None and point > images]
    if later:
        return (
            f"The {images:,} images of this collection are too few to pay for the model in their"
            f" archive against {_names(later)}; many such collections can share one model"
            " ('compress --embed never')."
        )
    return (
        f"For the {images:,} images of this collection the archive, model included, is smaller than"
        " all of these."
    )


def _names(rows: Sequence[Contender]) -> str:
    return ", ".join(f"{row.name} ({row.unit})" for row in rows)
