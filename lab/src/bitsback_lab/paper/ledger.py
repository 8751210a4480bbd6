"""The ledger of one image: the bits that each step of a model's code takes from the message and
adds to it.

Source: the paper's Table 1; Kingma, Abbeel, Ho 2019 (Bit-Swap), for layers of latents.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import bitsback
from bitsback import InputError, InputWarning, Message
from bitsback.archive.inputs.opening import Source, open_input
from bitsback.archive.inputs.request import Request
from bitsback.coding import chain
from bitsback.coding.block_plan import BlockPlan
from bitsback.compress_options import LARGEST_TILE, CompressOptions
from bitsback.files.npy import Items
from bitsback.format.array_part import VARIED, ArrayPart
from bitsback.format.runs import pack_runs
from bitsback.format.tiles import Tiles
from bitsback.models import Model, bundled, requested_model
from bitsback.models.integer import Size
from bitsback.models.variables import DATA
from bitsback.planner.candidates import any_fits, check_fit
from bitsback.planner.planner import Planner
from bitsback_lab.paper.coding import Symbols, length


@dataclass(frozen=True)
class Step:
    """before, after: the length of the message in bits. information: that of what was pushed,
    negative if popped.
    """

    name: str
    variable: str
    before: float
    after: float
    information: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Ledger:
    """The steps of a model's code for an image of `pixels` pixels, each channel counted."""

    steps: tuple[Step, ...]
    pixels: int

    @property
    def change(self) -> float:
        """Growth of the message in bits."""
        return self.steps[-1].after - self.steps[0].before

    @property
    def negative_elbo(self) -> float:
        """The sum of -log2 p of everything pushed and of log2 q of all latents, for the drawn
        latents, in bits: a sample of the negative ELBO.
        """
        return sum(step.information for step in self.steps)

    @property
    def layers(self) -> dict[str, float]:
        """The cost of each latent variable by the draws, in bits: its push less its pop."""
        costs: dict[str, float] = {}
        for step in self.steps:
            if step.variable != DATA:
                costs[step.variable] = costs.get(step.variable, 0.0) + step.information
        return costs


def enter(model: Model, size: Size, message: Message, x: Symbols) -> Ledger:
    """Codes one image of this size, x [1, pixels], into the message, and records each step of the
    model's code.
    """
    steps: list[Step] = []
    values: dict[str, NDArray[Any]] = {DATA: x}
    before = length(message)
    for line in model.code:
        codec = model.step_codec(line.distribution, values, 1, size)
        if line.pops:
            values[line.variable] = symbols = codec.pop(message)
            information = -float(codec.bits(symbols).sum())
        else:
            symbols = values.pop(line.variable)
            codec.push(message, symbols)
            information = float(codec.bits(symbols).sum())
        name = f"{'pop' if line.pops else 'push'} {line.variable} under {line.distribution}"
        after = length(message)
        steps.append(Step(name, line.variable, before, after, information))
        before = after
    return Ledger(tuple(steps), x.size)


@dataclass(frozen=True)
class Explained:
    """One item: its model, its ledger in the message of an archive, and sizes in bytes.

    `raw_bytes`: uncompressed, with two-valued pixels packed into bits. `message_bytes`: of its
    message. `archive_bytes`: of an archive of this item alone, without the model.
    """

    model: Model
    shape: tuple[int, ...]
    ledger: Ledger
    raw_bytes: int
    message_bytes: int
    archive_bytes: int


def explain(source: Source, name: str, model: str | None = None, item: int = 0) -> Explained:
    """Explains image number `item` of an input of `bitsback compress`; `name` is for error
    messages.

    model: the name of a bundled model or a file; by default the bundled one that codes the image
    best. Raises InputError if the source cannot be used or no model codes the image, ModelError if
    the model cannot be loaded.
    """
    requested = requested_model("auto" if model is None else model)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", InputWarning
        )  # the warning about parts that do not come back, which do not matter here
        with open_input(source, Request(requested, CompressOptions(stack=False))) as found:
            items, collection = _part(found.parts, name, item)
            return _explain(items, collection, requested, name, item)


def _part(parts: list[tuple[Items, ArrayPart]], name: str, item: int) -> tuple[Items, ArrayPart]:
    """The array that has the item. Raises InputError."""
    if len(parts) != 1 or parts[0][1].axes == VARIED:
        raise InputError(f"{name}: contains images of several shapes or kinds; give one of them")
    if not 0 <= item < parts[0][1].items:
        raise InputError(
            f"{name}: has {parts[0][1].items} images, so there is no image {item}; the first one"
            " is 0"
        )
    return parts[0]


def _explain(
    items: Items, collection: ArrayPart, requested: Model | None, name: str, item: int
) -> Explained:
    shape = collection.item_shape
    if requested is not None:
        check_fit(requested, collection.dtype, shape, name)
    elif not any_fits(None, shape):
        sizes = sorted(
            {
                " x ".join(map(str, outline.size))
                for outline in map(bundled.outline, bundled.names())
                if outline.size is not None
            }
        )
        raise InputError(
            f"{name}: no bundled model is for images of the shape {shape}, only for"
            f" {', '.join(sizes)}; give a model of your own with -m, made with 'bitsback train'"
        )
    for _ in range(item):
        items.read(1, collection.axes)
    image = items.read(1, collection.axes)
    tiles = Tiles.stacked(image)
    planned = Planner(requested=requested).plan(tiles, name)
    plan = size = None
    if planned.model is not None:
        plan = BlockPlan.for_model(planned.model, tiles, planned.layout, planned.invert)
        size = planned.model.size_of(shape)
    if plan is None or size is None:
        raise InputError(
            f"{name}: no model codes such values ({image.dtype}, from {image.min()} to"
            f" {image.max()}); convert the image to 8 bits grey, or to two values"
        )
    x = plan.symbols.reshape(1, -1)
    digest = chain.digest(pack_runs(plan.runs), tiles.bytes)
    message = chain.initial(digest, chain.lanes_for(x.size))
    ledger = enter(plan.model, size, message, x)
    buffer = io.BytesIO()
    whole = LARGEST_TILE if plan.model.wants_small else None  # the ledger covers this
    bitsback.compress(image, buffer, model=plan.model, embed="never", tile=whole)
    raw = image.nbytes if tiles.two_values is None else (image.size + 7) // 8
    return Explained(plan.model, shape, ledger, raw, len(message.to_bytes()), buffer.tell())
