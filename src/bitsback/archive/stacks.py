"""Whether an array, or the pages of a TIFF file, is a stack: slices of which each is like the one
before it, and that are coded together.
"""

from dataclasses import replace

import numpy as np

from bitsback.archive import planes
from bitsback.archive.block_plan import BlockPlan
from bitsback.archive.choose import Effort, picture_models, plans_of
from bitsback.archive.collection import COUNTED, ONE, Collection
from bitsback.archive.pieces import Pieces
from bitsback.archive.sampling import middle
from bitsback.images.npy import Items
from bitsback.models import Model

_SLICES = 8
_SAMPLE = 1 << 17  # elements, of what is in their middle
_MOST = 1 << 26  # elements that are read for it


def stackable(part: Collection) -> bool:
    """Whether it can be a stack at all."""
    return (
        part.axes == COUNTED
        and part.entries > 1
        and planes.STACKS in planes.layouts_for(part.dtype, part.shape)
    )


def as_stack(part: Collection) -> Collection:
    """The same array as one item."""
    return replace(part, axes=ONE)


def is_stack(part: Collection, items: Items, given: Model | None, effort: Effort) -> bool:
    """Whether a trial on the slices in the middle says so; not of what can be read only once."""
    if not stackable(part) or not part.elements or not picture_models(given, effort):
        return False
    count = min(part.entries, _SLICES, _MOST * part.entries // part.elements)
    if count < 2:
        return False
    slices = items.peek((part.entries - count) // 2, count)
    if slices is None:
        return False
    sample = middle(slices, _SAMPLE)
    alone, together = Pieces.stacked(sample), Pieces.stacked(sample[np.newaxis])
    plans = plans_of(picture_models(given, effort), alone)
    stacks = [
        replace(plan, pieces=together, layout=planes.STACKS)
        for plan in {plan.model: plan for plan in plans}.values()
    ]
    return bool(plans) and _least(stacks) < _least(plans)


def _least(plans: list[BlockPlan]) -> int:
    return min(plan.cost() for plan in plans)
