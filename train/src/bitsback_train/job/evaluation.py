"""The evaluation of a trained model: its rate beside other compressors on the same images, and the
number of images from which the model pays off.
"""

import io
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback.errors import BitsbackError
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.models.model import Choice
from bitsback_train.peers.catalogue import all_peers
from bitsback_train.peers.measure import Measurement, Peer, measure
from bitsback_train.peers.units import Images, Pictures, elements, layouts

AT_LEAST = 10.0  # seconds that each may take, however short the training was
MOST_PIXELS = 1 << 26  # the limit for measuring a collection: a picture of it has to fit in memory
SAMPLE = 50  # images for estimating the time of a compressor
PEERS = (
    ("PNG", "each"),
    ("PNG", "mosaic"),
    ("xz -9e", "stream"),
    ("WebP m4", "mosaic"),
    ("JPEG XL e9", "mosaic"),
    ("JPEG XL e10", "mosaic"),
)
UNITS = {
    "each": "a file for each image",
    "mosaic": "all images in one picture",
    "stream": "the pixels of all images",
}
HELD_OUT, ALL = "the held-out images", "all images of the collection"


@dataclass(frozen=True)
class Contender:
    """A compressor's bytes for all held-out images."""

    name: str
    unit: str
    bytes: int
    images: float
    """The number of images, or the part of one."""
    pixels: int
    """The pixels of all images, each channel counted."""
    whole: int | None = None
    """Bytes for all images of the collection, including the model in an archive; None if they were
    not measured.
    """

    @property
    def rate(self) -> float:
        """Bits per pixel and channel."""
        return 8 * self.bytes / self.pixels

    @property
    def bytes_an_image(self) -> float:
        return self.bytes / self.images


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model on the held-out images."""

    ours: Contender
    """Without the model."""
    peers: list[Contender]
    model_bytes: int
    """The bytes that the model adds to an archive; 0 if it is bundled."""
    missing: list[str]
    """The reasons why peers are missing, or were not measured on the whole collection."""
    untrained: list[Contender] = field(default_factory=list)
    """Models without this training: the one from which it started, and those that learn as they
    code.
    """

    @property
    def others(self) -> list[Contender]:
        return [*self.untrained, *self.peers]

    def pays_from(self, row: Contender) -> int | None:
        """See `break_even`."""
        return None if row is self.ours else break_even(self.ours, row, self.model_bytes)


def break_even(ours: Contender, peer: Contender, model_bytes: int) -> int | None:
    """The number of images from which an archive with its model is smaller than the result of
    `peer`; None if it never is.

    Both are assumed to need as many bytes for each further image as for the held-out ones.
    """
    saved = peer.bytes_an_image - ours.bytes_an_image
    return math.floor(model_bytes / saved) + 1 if saved > 0 else None


@dataclass
class Clock:
    """Leaves out, and names, peers that would take longer than the training, by their time on fewer
    images.
    """

    allowed: float
    """Seconds."""
    missing: list[str] = field(default_factory=list)

    def soon(self, name: str, spent: float, done: Pictures, images: Pictures, what: str) -> bool:
        """Whether there is time for `images`, by the seconds spent on the images so far."""
        if elements(images) > MOST_PIXELS and what == ALL:
            self.missing.append(f"{name} was not measured on {what}, which has too many pixels.")
            return False
        expected = spent * elements(images) / elements(done)
        if expected > self.allowed:
            self.missing.append(
                f"{name} was not measured on {what}: that would take {duration(expected)},"
                " longer than the training."
            )
        return expected <= self.allowed


def chosen_peers(wanted: Sequence[tuple[str, str]], images: Pictures, clock: Clock) -> list[Peer]:
    """The available peers with the wanted names and units that take such images."""
    known, _ = all_peers()
    found = {(peer.name, peer.unit): peer for peer in known if peer.takes(images)}
    if not any(peer.name.startswith("JPEG XL") for peer in known):
        clock.missing.append("JPEG XL is left out: pip install 'bitsback[peers]'")
    return [found[one] for one in wanted if one in found]


def measured(
    peers: Sequence[Peer],
    sample: Pictures,
    held_out: Pictures,
    images: float,
    clock: Clock,
    whole: Pictures | None = None,
    called: Mapping[str, str] | None = None,
) -> list[Contender]:
    """Each peer on all held-out images, and on the whole collection, if there is one.

    sample: images for estimating the time of a compressor. images: the number of held-out images,
    or the part of one. called: the name of a unit in the table.
    """
    rows = []
    for peer in peers:
        alone = peer if peer.unit in layouts(sample) else replace(peer, unit="each")
        try:
            if not clock.soon(
                peer.title, time_of(measure(alone, sample)), sample, held_out, HELD_OUT
            ):
                continue
            made = measure(peer, held_out)
            unit = (called or {}).get(peer.unit, peer.unit)
            row = Contender(peer.name, unit, made.bytes, images, made.pixels)
            if whole is not None and clock.soon(peer.title, time_of(made), held_out, whole, ALL):
                row = replace(row, whole=measure(peer, whole).bytes)
        # an error of a peer must not lose the trained model
        except ValueError as error:
            clock.missing.append(f"{error}.")
            continue
        rows.append(row)
    return rows


def time_of(made: Measurement) -> float:
    return made.encode_seconds + made.decode_seconds


def duration(seconds: float) -> str:
    """A duration for people."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def table(evaluation: Evaluation, rate: str, whole: bool = False) -> list[str]:
    """The lines of the table. rate: the head of its first column. whole: whether the collection was
    measured.
    """
    heads = (rate, "bytes an image", "pays from", *(("all images",) if whole else ()))
    lines = [" ".join([f"{'':42}", *(f"{head:>15}" for head in heads)])]
    for row in (evaluation.ours, *evaluation.others):
        pays = "" if row is evaluation.ours else _images(evaluation.pays_from(row))
        columns = [f"{row.rate:15.3f} {row.bytes_an_image:15.1f} {pays:>15}"]
        if row.whole is not None:
            columns.append(f"{row.whole:15,}")
        lines.append(" ".join([f"{row.name + ', ' + row.unit:42}", *columns]).rstrip())
    return lines


def _images(count: int | None) -> str:
    return "never" if count is None else f"{count:,} images"


def evaluate_whole(model: Model, held_out: Images, whole: Images, seconds: float) -> Evaluation:
    """Measures a model for images of one shape and its peers, on held-out images and on the whole
    collection. All measure the same images, which are decoded again and compared.

    whole: all images of the collection. seconds: the time of the training. Peers that would take
    longer are left out, and named.
    """
    clock = Clock(max(AT_LEAST, seconds))
    start = time.perf_counter()
    size = _archive_bytes(model, held_out, embed=False)
    spent = time.perf_counter() - start
    images = len(held_out)
    ours = Contender("bitsback", "an archive, without the model", size, images, held_out.size)
    if clock.soon(ours.name, spent, held_out, whole, ALL):
        ours = replace(ours, whole=_archive_bytes(model, whole, embed=True))
    start = time.perf_counter()
    size = _archive_bytes("auto", held_out, embed=False)
    spent = time.perf_counter() - start
    auto = Contender("bitsback auto", "an archive, untrained", size, images, held_out.size)
    if clock.soon(auto.name, spent, held_out, whole, ALL):
        auto = replace(auto, whole=_archive_bytes("auto", whole, embed=False))
    peers = chosen_peers(PEERS, held_out, clock)
    rows = measured(peers, held_out[:SAMPLE], held_out, images, clock, whole, UNITS)
    return Evaluation(ours, rows, len(pack_model(model)), clock.missing, [auto])


def _archive_bytes(model: Choice, images: NDArray[Any], embed: bool) -> int:
    """The bytes of an archive of the images, which is decoded and compared."""
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=model, embed="always" if embed else "never")
    size = buffer.tell()
    buffer.seek(0)
    given = model if isinstance(model, Model) and not embed else None
    restored = bitsback.decompress(buffer, model=given)
    if restored is None or not np.array_equal(restored, images):
        raise BitsbackError("the model did not restore the images; please report this")
    return size


def verdict_of_whole(evaluation: Evaluation, images: int, still_falling: bool, kind: str) -> str:
    """Whether the archive of a collection of `images` images, with the model in it, beats all
    others, and the reason if not. The figures are measured on the collection.

    still_falling: the training ended before the validation rate had settled.
    """
    lost = [row for row in evaluation.others if evaluation.pays_from(row) is None]
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
    ours = evaluation.ours.whole
    if ours is None:
        return (
            f"The archive of the {images:,} images of this collection was not measured; the table"
            " is of the held-out ones."
        )
    said = f"{ours:,} bytes for the {images:,} images of this collection, model included:"
    smaller = [row for row in evaluation.others if row.whole is not None and row.whole <= ours]
    if smaller:
        return (
            f"{said} that is too few images to pay for the model in their archive against"
            f" {_names(smaller)}; many such collections can share one model"
            " ('compress --embed never')."
        )
    if all(row.whole is not None for row in evaluation.others):
        return f"{said} smaller than what any of these make of them."
    return f"{said} smaller than what those of these make of them that were measured on them."


def _names(rows: Sequence[Contender]) -> str:
    return ", ".join(f"{row.name} ({row.unit})" for row in rows)
