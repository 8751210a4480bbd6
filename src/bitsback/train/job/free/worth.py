"""What a model for images of any kind is worth, on images that were held out: beside the model that
it started from, and beside other compressors.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import BitsbackError
from bitsback.message import Message
from bitsback.models import Model
from bitsback.models.embed import pack_model
from bitsback.peers.catalogue import all_peers
from bitsback.peers.measure import Peer, measure
from bitsback.peers.units import Pictures, elements, layouts
from bitsback.train.job.free.base import Base
from bitsback.train.job.free.image_pool import ImagePool
from bitsback.train.job.free.run import FreeOutcome
from bitsback.train.job.worth import AT_LEAST, Contender, break_even, duration, time_of

Values = NDArray[Any]  # [slices, rows, columns, channels]

LANES = 4
BLOCK_BYTES = 96  # of a block's header and entry in the index, beside its message
SAMPLE = 1 << 16  # elements by which it is known how long a compressor takes


@dataclass(frozen=True)
class FreeWorth:
    """ours: without the model, which adds `model_bytes` to an archive (none, if it is bundled).
    base: the model that training started from, alone, if there was one.
    """

    ours: Contender
    base: Contender | None
    rivals: list[Contender]
    model_bytes: int
    missing: list[str]

    @property
    def others(self) -> list[Contender]:
        return [*([] if self.base is None else [self.base]), *self.rivals]


def judge(
    pool: ImagePool, base: Base, outcome: FreeOutcome, images: float
) -> tuple[FreeOutcome, FreeWorth]:
    """Measures all on the held-out images. Where they are smaller with the base than with the model
    that came of it, the base is what comes of it.

    images: how many are held out, or which part of one. What would take longer than the training
    took, by the time it took on fewer images, is left out, and named.
    """
    held_out = pool.held_out

    def contender(name: str, unit: str, size: int) -> Contender:
        elements = sum(values.size for values in held_out)
        return Contender(name, unit, size, images, elements)

    outcome, size, size_of_base = prefer_base(pool, base, outcome)
    ours = contender(outcome.model.name, "bitsback", size)
    of_base = None
    if base.model is not None and size_of_base is not None:
        of_base = contender(base.model.name, "bitsback, the model as it was", size_of_base)
    pictures = as_pictures(held_out)
    found, missing = rivals(pictures)
    measured = []
    allowed = max(AT_LEAST, outcome.seconds)
    sample = as_pictures(_sample(held_out))
    for rival in found:
        try:
            part = replace(rival, unit="each") if rival.unit == "mosaic" else rival
            tried = measure(part, sample)
            expected = time_of(tried) * elements(pictures) / tried.pixels
            if expected > allowed:
                missing.append(
                    f"{rival.name} was not measured: that would take {duration(expected)}, longer"
                    " than the training."
                )
            else:
                size_of = measure(rival, pictures).bytes
                measured.append(contender(rival.name, rival.unit, size_of))
        except ValueError as error:  # of a peer, which is no reason to lose what was trained
            missing.append(f"{error}.")
    adds = 0 if outcome.kind == "base" else len(pack_model(outcome.model))
    return outcome, FreeWorth(ours, of_base, measured, adds, missing)


def prefer_base(
    pool: ImagePool, base: Base, outcome: FreeOutcome
) -> tuple[FreeOutcome, int, int | None]:
    """What came of the training, or the base if the held-out images are smaller with that; the
    bytes that they take with it, and those that they take with the base, if there is one.
    """
    size = message_bytes(outcome.model, pool)
    if base.model is None:
        return outcome, size, None
    size_of_base = size if outcome.kind == "base" else message_bytes(base.model, pool)
    if size_of_base < size:
        outcome = replace(outcome, model=base.model, kind="base", bits=outcome.base_bits)
    return outcome, min(size, size_of_base), size_of_base


def message_bytes(model: Model, pool: ImagePool) -> int:
    """Of the blocks that hold the held-out images, which come back out of them."""
    total = 0
    for block in pool.blocks(pool.held_out):
        total += BLOCK_BYTES
        if not block:
            continue
        bound = model.bind([(1, item.shape) for item in block])
        symbols = np.concatenate([item.symbols.reshape(-1) for item in block])
        message = Message(np.full(LANES, 1 << 32, np.uint64))
        empty = len(message.to_bytes())
        bound.push(message, symbols)
        total += len(message.to_bytes()) - empty
        if not np.array_equal(bound.pop(message), symbols):
            raise BitsbackError("the model did not restore the images; please report this")
    return total


def as_pictures(images: list[Values]) -> Pictures:
    """A picture for each slice; one array of them, where they are alike."""
    found = [one[..., 0] if one.shape[2] == 1 else one for values in images for one in values]
    alike = len({(one.shape, one.dtype) for one in found}) == 1
    return np.stack(found) if alike else found


def rivals(pictures: Pictures) -> tuple[list[Peer], list[str]]:
    """The compressors that take such pictures, in their best layout, and a line about what is not
    installed.
    """
    known, _ = all_peers()
    found = {(peer.name, peer.unit): peer for peer in known if peer.takes(pictures)}
    wanted = [("PNG", "each"), ("xz -9e", "stream")]
    if "mosaic" in layouts(pictures):
        wanted += [("WebP m4", "mosaic"), ("JPEG XL e9", "mosaic")]
    else:
        wanted += [("WebP m6", "each"), ("JPEG XL e9", "each")]
    missing = (
        []
        if any(peer.name.startswith("JPEG XL") for peer in known)
        else ["JPEG XL is left out: pip install 'bitsback[peers]'"]
    )
    return [found[one] for one in wanted if one in found], missing


def _sample(images: list[Values]) -> list[Values]:
    """Some images, or a part of the first."""
    found: list[Values] = []
    left = SAMPLE
    for values in images:
        if values.size > 2 * left:
            rows = max(1, left * values.shape[1] // values.size)
            values = values[:, :rows]
        found.append(values)
        left -= values.size
        if left <= 0:
            break
    return found


def verdict(outcome: FreeOutcome, worth: FreeWorth, images: int) -> str:
    """What came of it, and whether an archive of so many images, with the model in it, is smaller
    than what the others make, if they are like those held out.
    """
    base = worth.base
    if outcome.kind == "base":
        return (
            "Training found nothing better than the model it started from, which is what was"
            " written: compress without -m."
        )
    said = (
        "The weights are those of the model that training started from, which none were better"
        " than; only what each image starts from has been learned. "
        if outcome.kind == "starts"
        else ""
    )
    smaller = [row for row in worth.rivals if row.bytes <= worth.ours.bytes]
    if smaller:
        why = (
            "more --minutes will help"
            if outcome.still_falling
            else "more images would help, not more time"
        )
        names = ", ".join(row.name for row in smaller)
        return f"{said}{names}: smaller even without the model; {why}."
    if base is None:
        return said + _whether_it_pays("", worth, images)
    return said + _whether_it_pays(f" against {base.name} alone", worth, images)


def _whether_it_pays(against: str, worth: FreeWorth, images: int) -> str:
    points = [break_even(worth.ours, row, worth.model_bytes) for row in worth.others]
    if any(point is None or point > images for point in points):
        return (
            f"In one archive of these {images:,} images the model does not pay{against}; many such"
            " collections can share it ('compress --embed never')."
        )
    return f"In one archive of these {images:,} images the model pays, against all of these."
