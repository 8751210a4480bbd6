"""Try codings before anything is coded: estimate the bytes of a picture's pixels, infer those of
similar pictures, and find whether an array is a stack.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.choose import (
    LONG_LIST,
    Effort,
    UnfitError,
    any_codes,
    choose,
    coder_for,
    picture_models,
    plans_of,
)
from bitsback.coding.cutting import cut_for
from bitsback.coding.fallback import encode_fallback
from bitsback.coding.number_digits import cut_of
from bitsback.coding.sampling import Box, boxes_in, middle, sample_boxes
from bitsback.format.collection import COUNTED, ONE, Collection
from bitsback.format.grid import Grid, Shape
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import find_two_values, to_symbols
from bitsback.format.value_list import find_value_list
from bitsback.format.value_range import is_narrow
from bitsback.images.bands import Bands, Rows
from bitsback.models import Model

_START = 40
"""The additional bytes of a message for a single picture, instead of a full block."""
_HOPELESS = 1.5
"""The ratio to a model's bytes above which a general compressor is not tried on everything."""
_AT_ONCE = 1 << 20
_TOGETHER = 1 << 24  # bytes of tiles that are compressed together for a trial
_SMALL = 1 << 18  # elements; the trial of a part of a larger picture takes little time
_EACH = 32  # one of this many files, in order, has a trial in any case
_ENOUGH = 6  # trials with the same result
_STEPS = 4  # of the density of files, for each factor of two
Peek = Callable[[int, int], NDArray[Any] | None]
"""Some items from a place on, if they can be read more than once."""
_SLICES, _PLACES = 4, 4  # slices in a row, and the number of places where they are, at least
_TILES = 64  # slices at most
_STACK_SAMPLE = 1 << 17  # elements, from the middle of the slices
_LIKELY_SLICES, _LIKELY_PLACES, _LIKELY_SAMPLE, _LIKELY_PAYS = 8, 2, 1 << 19, 1.05
"""The same for slices that are known to be neighbours, and times as many bytes of a smaller sample
as they may take there.
"""
_MOST_READ = 1 << 26  # elements read for a sample
_PAYS, _PAYS_LIKELY, _PAYS_SURELY = 0.99, 0.95, 0.8
"""Times as many bytes as slices take alone, below which an array is a stack: with models that know
pictures; where a general compressor, or a model that only counts in both cases, may learn more from
a block than from a sample; and where a model that only counts may do so alone.
"""


def pixel_cost(
    pixels: Bands, tile: int | None, given: Model | None, effort: Effort, job: int
) -> tuple[int, bool]:
    """An estimate of the bytes of the pixels, and whether a general compressor needs the fewest.

    A model codes only the middle of a large picture; the cost of the whole is extrapolated by the
    sizes that deflate gives for both, since pages are often empty at their edges. tile: the most
    rows and columns of a tile, if requested. given, effort, job: as in `choose`.
    """
    grid = _grid(pixels, tile)
    above, boxes = zip(*sample_boxes(pixels.dtype, grid), strict=True)
    # The regions have to come in order.
    read = sorted({*map(_key, boxes), *map(_key, above)})
    regions = dict(zip(read, pixels.regions([*map(_box, read)]), strict=True))
    sample, before = (
        Tiles.of((regions[_key(box)] for box in some), pixels.dtype) for some in (boxes, above)
    )
    share = _share(sample, pixels, grid)
    whole, by_model = sample.elements.size == pixels.size, None
    if any_codes(given, pixels.dtype, pixels.shape):
        try:
            chosen = choose(
                given, sample, "", effort, job, before if before.elements.size else None
            )
        except UnfitError:
            chosen = None
        if chosen is not None and chosen.models:
            by_model = max(chosen.rate * sample.elements.size - _START, 1.0) / share
            if given is not None or (whole and not chosen.contested):
                return int(by_model), False
    coder = coder_for(effort, job)
    limit = math.inf if by_model is None else by_model * share
    of_sample = None
    if whole or by_model is not None:
        of_sample = encode_fallback(sample, coder, limit)
    if by_model is not None and (of_sample is None or len(of_sample) > _HOPELESS * limit):
        return int(by_model), False
    if whole:
        by_fallback = _size(of_sample, sample)
    else:
        by_fallback = sum(
            _size(encode_fallback(some, coder), some) for some in _tiles(pixels, grid)
        )
    if by_model is None or by_fallback < by_model:
        return by_fallback, True
    return int(by_model), False


def _key(box: Box) -> tuple[tuple[int, int], ...]:
    """A box as a key, since slices are none."""
    return tuple((part.start, part.stop) for part in box)


def _box(key: tuple[tuple[int, int], ...]) -> Box:
    return tuple(slice(*ends) for ends in key)


def _grid(pixels: Bands, tile: int | None) -> Grid:
    """The grid of a picture, if another size of tiles was requested."""
    part = Collection(pixels.dtype, pixels.shape, ONE)
    return Grid(pixels.shape, None if tile is None else cut_for(part, tile))


def _tiles(pixels: Bands, grid: Grid) -> Iterator[Tiles]:
    """The whole picture in parts: all tiles at once if it is in memory, some tiles at a time
    otherwise, or bands if it is not cut.
    """
    if grid.cut is None:
        for band in pixels:
            yield Tiles.stacked(np.ascontiguousarray(band)[np.newaxis])
        return
    row = math.prod(grid.shape[1:]) * pixels.dtype.itemsize
    strips = max(_TOGETHER // (row * grid.extents[0]), 1)
    rows = Rows(pixels)
    for first in range(0, grid.tiles, strips * grid.in_a_strip):
        numbers = range(first, min(first + strips * grid.in_a_strip, grid.tiles))
        top, bottom = grid.region(numbers[0])[0].start, grid.region(numbers[-1])[0].stop
        some = rows.take(bottom - top)
        regions = (grid.region(number) for number in numbers)
        yield Tiles.of(
            (
                np.ascontiguousarray(some[(slice(along.start - top, along.stop - top), *others)])
                for along, *others in regions
            ),
            pixels.dtype,
        )


def _size(by_fallback: bytes | None, tiles: Tiles) -> int:
    """The bytes of compressed tiles, or of the tiles if these are fewer."""
    size = tiles.elements.nbytes
    return size if by_fallback is None else min(len(by_fallback), size)


def _share(sample: Tiles, pixels: Bands, grid: Grid) -> float:
    """The sample's share of the bytes."""
    if sample.elements.size == pixels.size:
        return 1.0
    return min(_deflated([sample]) / _deflated(_tiles(pixels, grid)), 1.0)


def _deflated(parts: Iterable[Tiles]) -> int:
    size, deflate = 0, zlib.compressobj(1)
    for part in parts:
        bits = _bits(part)
        data = part.bytes if bits is None else bits.data
        for at in range(0, len(data), _AT_ONCE):
            size += len(deflate.compress(data[at : at + _AT_ONCE]))
    return size + len(deflate.flush())


def _bits(tiles: Tiles) -> NDArray[np.uint8] | None:
    two_values = find_two_values(tiles.elements)
    if two_values is None:
        return None
    return np.packbits(to_symbols(tiles.elements, two_values), bitorder="little")


@dataclass(frozen=True)
class TrialOutcome:
    """The outcome of a trial."""

    by_pixels: bool
    """Whether a picture takes fewer bytes by its pixels than as a file."""
    general: bool
    """Whether a general compressor needs the fewest bytes."""


@dataclass(frozen=True)
class Alike:
    """The properties of pictures that are expected to have the same outcome: dtype, channels, about
    the same number of elements, and about the same number of bytes for each in their files.
    """

    dtype: str
    channels: Shape
    indexed: bool
    size: int
    density: int

    @classmethod
    def of(cls, pixels: Bands, indexed: bool, file_size: int) -> Alike:
        density = round(_STEPS * math.log2(file_size / pixels.size))
        size = pixels.size.bit_length()
        return cls(pixels.dtype.str, pixels.shape[2:], indexed, size, density)

    @property
    def small(self) -> bool:
        return self.size <= _SMALL.bit_length()


def is_tried(number: int) -> bool:
    """Whether the file with this number has a trial of its own in any case."""
    return number % _EACH == 0


class TrialOutcomes:
    """The last trials of similar pictures. Predictions depend only on the order of the calls."""

    def __init__(self) -> None:
        self._last: dict[Alike, deque[TrialOutcome]] = {}

    def of(
        self, alike: Alike, told: TrialOutcome | None, trial: Callable[[], TrialOutcome]
    ) -> TrialOutcome:
        """The outcome `told` by the picture's own trial, or that of the last trials of its kind if
        they agree, or that of a new trial.
        """
        last = self._last.setdefault(alike, deque(maxlen=_ENOUGH))
        if told is None:
            if len(last) == _ENOUGH and len(set(last)) == 1:
                return last[0]
            told = trial()
        last.append(told)
        return told


def stackable(part: Collection) -> bool:
    """Whether an array can be a stack: slices, each like the one before it, that are coded
    together.
    """
    return (
        part.axes == COUNTED
        and part.entries > 1
        and layouts.STACKS in layouts.layouts_for(part.dtype, part.shape)
    )


def as_stack(part: Collection) -> Collection:
    """The same array as one item."""
    return replace(part, axes=ONE)


def frames_stack(part: Collection) -> bool:
    """Whether the pictures of an array can be tiles that are slices of a stack."""
    some = (min(part.entries, layouts.MOST_SLICES), *part.entry_shape)
    return stackable(part) and layouts.layouts_for(part.dtype, some) == (layouts.STACKS,)


def is_stack(
    part: Collection, peek: Peek, given: Model | None, effort: Effort, likely: bool = False
) -> bool:
    """Whether a trial on some slices in a row, at several places, says so; not of what can be read
    only once. likely: whether they are known to be neighbours, so that the trial has more slices,
    and any gain is enough.
    """
    models = picture_models(given, effort)
    if not stackable(part) or not part.elements or not models:
        return False
    groups = _groups(part, *((_LIKELY_SLICES, _LIKELY_PLACES) if likely else (_SLICES, _PLACES)))
    found = []
    for group in groups:
        slices = peek(group.start, len(group))
        if slices is None:
            return False
        found.append(slices)
    if not found:
        return False
    pays, enough = (1.0, _LIKELY_PAYS) if likely else (_PAYS, _PAYS)
    alone, stacked = _alone_and_stacked(found, spread=likely)
    apart, together = (plans_of(models, tiles) for tiles in (alone, stacked))
    if not apart or not together:
        return False
    # The first slice of each group has none before it, but only one of the whole array has none.
    length = len(groups[0])
    more = (1 - 1 / part.entries) / (1 - 1 / length)
    tried = likely or effort != "best"
    if tried and _least(together) >= (1 - (1 - pays) / more) * _least(apart):
        return False
    if likely:  # no more than what a choice looks at, so that it sees the same of both
        alone, stacked = _alone_and_stacked(found, spread=False)
    best, best_stacked = (
        choose(given, tiles, "", effort, part.elements) for tiles in (alone, stacked)
    )
    if best.model is None or best_stacked.model is None:
        return False
    learns = _PAYS_LIKELY if best_stacked.model.counted else _PAYS_SURELY
    if best.model.counted:  # beside a network, it would gain as much from the slices before
        enough = max(enough, 1.0) if best.model.predictive else learns
    limit = enough * best.rate * alone.elements.size
    if best.contested:
        general = encode_fallback(alone, coder_for(effort, part.elements))
        limit = min(limit, _PAYS_LIKELY * _size(general, alone))
    whole = best.rate + more * (best_stacked.rate - best.rate)
    return whole * alone.elements.size < limit


def _alone_and_stacked(groups: list[NDArray[Any]], spread: bool) -> tuple[Tiles, Tiles]:
    """Some of groups of slices, as tiles of one slice, and of several: of wide numbers of many
    values their highest digits. spread: more, from all over the slices, instead of their middle.
    """
    if spread:
        boxes = [
            (slices, box)
            for slices in groups
            for _, box in boxes_in(slices.dtype, slices.shape, _LIKELY_SAMPLE // len(groups))
        ]
        sample = [np.ascontiguousarray(slices[box]) for slices, box in boxes]
    else:
        sample = [middle(slices, _STACK_SAMPLE // len(groups)) for slices in groups]
    alone = Tiles.of((one for slices in sample for one in slices), sample[0].dtype)
    stacked = Tiles.of(sample, alone.dtype)
    if is_narrow(alone.dtype):
        return alone, stacked
    listed = find_value_list(alone.elements)
    if listed is not None and LONG_LIST * listed.levels <= alone.elements.size:
        return alone, stacked
    _, (highest, *_) = cut_of(alone.elements)
    return Tiles(highest, alone.shapes), Tiles(highest, stacked.shapes)


def _least(plans: list[BlockPlan]) -> int:
    return min(plan.cost for plan in plans)


def _groups(part: Collection, most: int, places: int) -> list[range]:
    """Slices in a row, at most so many, at places all over the array."""
    slices = part.elements // part.entries
    length = min(part.entries, most, _MOST_READ // slices)
    if length < 2:
        return []
    several = max(_STACK_SAMPLE // (length * slices), places)
    count = min(several, _TILES // length, part.entries // length, _MOST_READ // (length * slices))
    lead = (part.entries // count - length) // 2
    starts = (n * part.entries // count + lead for n in range(count))
    return [range(start, start + length) for start in starts]
