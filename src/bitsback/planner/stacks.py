"""Decide whether an array is a stack: slices that each resemble the one before."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.fallback import encode_fallback
from bitsback.coding.number_digits import cut_of
from bitsback.format.array_part import COUNTED, ONE, ArrayPart
from bitsback.format.tiles import Tiles
from bitsback.format.value_list import find_value_list
from bitsback.format.value_range import is_narrow
from bitsback.models import bundled
from bitsback.planner.candidates import any_codes, picture_plans
from bitsback.planner.cutting import cut_for
from bitsback.planner.planner import Planner, repetition
from bitsback.planner.policy import Policy
from bitsback.planner.sampling import SAMPLE_SLICES, SAMPLE_TILES, boxes_in, middle

Peek = Callable[[int, int], NDArray[Any] | None]
"""Reads some items from a place on; None if the source can be read only once.

Its arguments are the first item and the number of items.
"""
_MOST_READ = 1 << 26  # elements of a sample that are in memory


def stackable(part: ArrayPart) -> bool:
    """Whether the dtype and shape of an array allow coding its slices together, as a stack."""
    return (
        part.axes == COUNTED
        and part.entries > 1
        and layouts.STACKS in layouts.layouts_for(part.dtype, part.shape)
    )


def as_stack(part: ArrayPart) -> ArrayPart:
    """The same array as one item, whose first axis counts slices."""
    return replace(part, axes=ONE)


def frames_stack(part: ArrayPart) -> bool:
    """Whether the pictures of an array can be tiles that are slices of a stack."""
    some = (min(part.entries, layouts.MOST_SLICES), *part.entry_shape)
    return stackable(part) and layouts.layouts_for(part.dtype, some) == (layouts.STACKS,)


def is_stack(
    part: ArrayPart, peek: Peek, planner: Planner, block: int, likely: bool = False
) -> bool:
    """Whether coding as a stack is smaller in a trial on groups of consecutive slices.

    Sources that can be read only once get no trial, and are no stacks. block: the elements of a
    block of slices. likely: the slices are known
    to be neighbours, so the trial has more of them and any gain is enough.
    """
    policy, requested = planner.policy, planner.requested
    if not stackable(part) or not part.elements or not any_codes(requested, part.dtype, part.shape):
        return False
    groups = _groups(part, policy, likely)
    found = []
    for group in groups:
        slices = peek(group.start, len(group))
        if slices is None:
            return False
        found.append(slices)
    if not found:
        return False
    alone, stacked = _alone_and_stacked(found, policy, spread=likely)
    apart, together = (picture_plans(requested, policy, tiles) for tiles in (alone, stacked))
    if not apart or not together:
        return False
    # In each group the first slice has none before it; in the whole array only one slice has none.
    length = len(groups[0])
    more = (1 - 1 / part.entries) / (1 - 1 / length)
    enough = 1 / policy.worthwhile if likely else policy.worthwhile
    pays = 1.0 if likely else policy.worthwhile
    mixing = policy.counting_share and repetition(alone) < policy.repetition
    settled = likely or not (mixing and _keeps_slices(part, policy))
    if settled and _least(together) >= (1 - (1 - pays) / more) * _least(apart):
        return False
    if mixing:  # networks know much before the first slice, but learn less from the others
        names = {
            one.name
            for one in map(bundled.outline, bundled.names())
            if one.counted and one.wavefront
        }
        planner = replace(planner, refused=planner.refused | names)
    if likely:  # no more than the sample of a plan, so that both codings have equal samples
        alone, stacked = _alone_and_stacked(found, policy, spread=False)
    sizes = min(block, part.elements), min(policy.block_elements, part.elements)
    best, best_stacked = (
        planner.plan(tiles, "some slices", elements=elements)
        for tiles, elements in zip((alone, stacked), sizes, strict=True)
    )
    if best.model is None or best_stacked.model is None:
        return False
    if best.model.counted:  # with a network it would gain as much from earlier slices
        learns = policy.stack_learns[0 if best_stacked.model.counted else 1]
        enough = max(enough, 1.0) if best.model.wavefront else learns
    limit = enough * best.rate * alone.elements.size
    if best.contested:
        general = encode_fallback(alone, policy.coder)
        size = alone.elements.nbytes
        size = size if general is None else min(len(general), size)
        limit = min(limit, policy.stack_learns[0] * size)
    whole = best.rate + more * (best_stacked.rate - best.rate)
    return whole * alone.elements.size < limit


def _keeps_slices(part: ArrayPart, policy: Policy) -> bool:
    """Whether tiles of a stack have whole slices. Smaller ones have less to learn from."""
    cut = cut_for(as_stack(part), None, policy, policy.stack_slices)
    return cut is None or all(map(operator.ge, cut[1:], part.entry_shape))


def _alone_and_stacked(
    groups: list[NDArray[Any]], policy: Policy, spread: bool
) -> tuple[Tiles, Tiles]:
    """The sampled slices as tiles of one slice each, and as tiles of several slices.

    Wide numbers with many values are replaced by their highest digits. spread: samples the whole of
    the slices instead of their middle, and more elements.
    """
    if spread:
        boxes = [
            (slices, box)
            for slices in groups
            for _, box in boxes_in(slices.dtype, slices.shape, policy.whole_elements // len(groups))
        ]
        sample = [np.ascontiguousarray(slices[box]) for slices, box in boxes]
    else:
        sample = [middle(slices, policy.sample_elements // len(groups)) for slices in groups]
    alone = Tiles.from_arrays((one for slices in sample for one in slices), sample[0].dtype)
    stacked = Tiles.from_arrays(sample, alone.dtype)
    if is_narrow(alone.dtype):
        return alone, stacked
    listed = find_value_list(alone.elements)
    if listed is not None and policy.values_of_list * listed.levels <= alone.elements.size:
        return alone, stacked
    _, (highest, *_) = cut_of(alone.elements)
    return Tiles(highest, alone.shapes), Tiles(highest, stacked.shapes)


def _least(plans: list[BlockPlan]) -> int:
    return min(plan.cost for plan in plans)


def _groups(part: ArrayPart, policy: Policy, likely: bool) -> list[range]:
    """Groups of consecutive slices, at places all over the array."""
    most, places = policy.stack_slices, policy.stack_slices
    if likely:
        most, places = SAMPLE_SLICES, policy.stack_slices // 2
    slices = part.elements // part.entries
    length = min(part.entries, most, _MOST_READ // slices)
    if length < 2:
        return []
    several = max(policy.sample_elements // (length * slices), places)
    most = SAMPLE_TILES // length
    count = min(several, most, part.entries // length, _MOST_READ // (length * slices))
    lead = (part.entries // count - length) // 2
    starts = (n * part.entries // count + lead for n in range(count))
    return [range(start, start + length) for start in starts]
