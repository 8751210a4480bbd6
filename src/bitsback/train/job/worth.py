"""What a trained model is worth: its rate beside other compressors, what all of them make of the
whole collection, and from how many images on the model pays.
"""

import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    ("JPEG XL e10", "mosaic"),
)
SAMPLE = 50  # images, by which it is known how long a compressor takes
AT_LEAST = 10.0  # seconds that each may take, however soon the training was done
MOST_PIXELS = 1 << 26  # of a collection that is measured: one picture of it has to fit in memory
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
    images: float
    """How many, or which part of one."""
    pixels: int
    """Of all images."""
    whole: int | None = None
    """Bytes for all images of the collection, of an archive with its model in it; None: that was
    not measured.
    """

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
    """Why a peer is not among them, or has not been measured on the whole collection."""


def break_even(ours: Contender, peer: Contender, model_bytes: int) -> int | None:
    """The number of images from which on an archive with its model is smaller than what `peer`
    makes; None: never.

    Both are taken to need as many bytes for each further image as for the held-out ones.
    """
    saved = peer.bytes_an_image - ours.bytes_an_image
    return math.floor(model_bytes / saved) + 1 if saved > 0 else None


def compare(model: Model, held_out: Images, whole: Images, seconds: float) -> Worth:
    """Measures everything on the same images, each of them decoded again and compared.

    whole: all images of the collection. seconds: that the training took. What would take longer
    than that is left out, and named.
    """
    allowed = max(AT_LEAST, seconds)
    missing: list[str] = []

    def soon(name: str, spent: float, done: Images, images: Images, what: str) -> bool:
        """Whether `images` are not too many, by the seconds that were spent on those done."""
        if images.size > MOST_PIXELS:
            missing.append(f"{name} was not measured on {what}, which has too many pixels.")
            return False
        expected = spent * len(images) / len(done)
        if expected > allowed:
            missing.append(
                f"{name} was not measured on {what}: that would take {duration(expected)},"
                " longer than the training."
            )
        return expected <= allowed

    start = time.perf_counter()
    size = _archive_bytes(model, held_out, embed=False)
    spent = time.perf_counter() - start
    ours = Contender(
        "bitsback", "an archive, without the model", size, len(held_out), held_out.size
    )
    if soon(ours.name, spent, held_out, whole, ALL):
        ours = replace(ours, whole=_archive_bytes(model, whole, embed=True))
    peers, absent = _peers()
    rows = []
    sample = held_out[:SAMPLE]
    for peer in peers:
        tried = measure(peer, sample)
        if not soon(peer.title, time_of(tried), sample, held_out, "the held-out images"):
            continue
        measured = measure(peer, held_out)
        row = _row(measured)
        if soon(peer.title, time_of(measured), held_out, whole, ALL):
            row = replace(row, whole=measure(peer, whole).bytes)
        rows.append(row)
    return Worth(ours, rows, len(pack_model(model)), missing + absent)


ALL = "all images of the collection"


def _archive_bytes(model: Model, images: Images, embed: bool) -> int:
    """Of an archive of the images, which come back out of it."""
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=model, embed="always" if embed else "never")
    size = buffer.tell()
    buffer.seek(0)
    restored = bitsback.decompress(buffer, model=None if embed else model)
    if restored is None or not np.array_equal(restored, images):
        raise BitsbackError("the model did not restore the images; please report this")
    return size


def time_of(measured: Measurement) -> float:
    return measured.encode_seconds + measured.decode_seconds


def duration(seconds: float) -> str:
    """For people."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


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
    heads = ("bits per pixel", "bytes an image", "pays from", "all images")
    lines = [" ".join([f"{'':42}", *(f"{head:>15}" for head in heads)])]
    for row in (ours, *worth.peers):
        pays = "" if row is ours else _images(break_even(ours, row, worth.model_bytes))
        name = f"{row.name}, {row.unit}"
        whole = "" if row.whole is None else f"{row.whole:,}"
        lines.append(
            f"{name:42} {row.rate:15.3f} {row.bytes_an_image:15.1f} {pays:>15} {whole:>15}".rstrip()
        )
    return lines


def free_table(ours: Contender, others: Sequence[Contender], model_bytes: int) -> list[str]:
    """The lines of the table of a free model, of which the whole collection is not measured."""
    heads = ("bits a channel", "bytes an image", "pays from")
    lines = [" ".join([f"{'':42}", *(f"{head:>15}" for head in heads)])]
    for row in (ours, *others):
        pays = "" if row is ours else _images(break_even(ours, row, model_bytes))
        name = f"{row.name}, {row.unit}"
        lines.append(f"{name:42} {row.rate:15.3f} {row.bytes_an_image:15.1f} {pays:>15}".rstrip())
    return lines


def _images(count: int | None) -> str:
    return "never" if count is None else f"{count:,} images"


def verdict(worth: Worth, images: int, still_falling: bool, kind: Kind) -> str:
    """Whether the archive of a collection of so many images, with the model in it, beats all of
    them; if not, why. What is said of the collection has been measured on it.

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
    ours = worth.ours.whole
    if ours is None:
        return (
            f"The archive of the {images:,} images of this collection was not measured; the table"
            " is of the held-out ones."
        )
    said = f"{ours:,} bytes for the {images:,} images of this collection, model included:"
    smaller = [row for row in worth.peers if row.whole is not None and row.whole <= ours]
    if smaller:
        return (
            f"{said} that is too few images to pay for the model in their archive against"
            f" {_names(smaller)}; many such collections can share one model"
            " ('compress --embed never')."
        )
    if all(row.whole is not None for row in worth.peers):
        return f"{said} smaller than what any of these make of them."
    return f"{said} smaller than what those of these make of them that were measured on them."


def _names(rows: Sequence[Contender]) -> str:
    return ", ".join(f"{row.name} ({row.unit})" for row in rows)
