"""Estimate the bytes of a picture's pixels, to compare them with those of its file, and infer those
of similar pictures.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitsback.coding.fallback import encode_fallback
from bitsback.coding.plan import BLOCK_BYTES, NO_MODEL
from bitsback.files.bands import Bands, Rows
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.grid import Grid, Shape
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import find_two_values, to_symbols
from bitsback.planner.candidates import any_codes
from bitsback.planner.cutting import cut_for
from bitsback.planner.planner import Planner, UnfitError
from bitsback.planner.policy import Policy
from bitsback.planner.sampling import Box, sample_boxes

_AT_ONCE = 1 << 20  # bytes that deflate takes at once
_TOGETHER = 1 << 24  # bytes of tiles that are in memory, and compressed together


class Sample(NamedTuple):
    """A sample of a picture."""

    tiles: Tiles
    above: Tiles
    """What is above each of the tiles."""


def sample_picture(pixels: Bands, tile: int | None, policy: Policy) -> Sample:
    """tile: the requested number of rows and columns of a tile at most."""
    above, boxes = zip(
        *sample_boxes(pixels.dtype, _grid(pixels, tile, policy), policy), strict=True
    )
    # The regions have to come in order.
    read = sorted({*map(_key, boxes), *map(_key, above)})
    regions = dict(zip(read, pixels.regions([*map(_box, read)]), strict=True))
    sample, before = (
        Tiles.from_arrays((regions[_key(box)] for box in some), pixels.dtype)
        for some in (boxes, above)
    )
    return Sample(sample, before)


def pixel_cost(
    pixels: Bands,
    tile: int | None,
    planner: Planner,
    enough: float = 0.0,
    taken: Sample | None = None,
) -> tuple[int, bool]:
    """An estimate of the bytes of the pixels, and whether a general compressor needs the fewest.

    A model codes only a sample of a large picture. Deflate codes the sample and the whole, and
    their ratio extrapolates the model's cost, since pages are often empty at their edges. The ratio
    of elements does so where the cost is far below `enough`. tile: the requested number of rows and
    columns of a tile at most. enough: the bytes that the caller compares the estimate with. taken:
    the sample, if it was taken before.
    """
    policy = planner.policy
    grid = _grid(pixels, tile, policy)
    sample, before = taken or sample_picture(pixels, tile, policy)
    sample = sample.like(sample)
    whole, by_model, share = sample.elements.size == pixels.size, None, 1.0
    if any_codes(planner.requested, pixels.dtype, pixels.shape):
        plan, learned = NO_MODEL, before if before.elements.size else None
        with suppress(UnfitError):
            plan = planner.plan(sample, "a picture", learned, pixels.size)
        if plan.models:
            start = BLOCK_BYTES // 2  # of a message, which pictures share
            by_model = max(plan.rate * sample.elements.size - start, 1.0)
            share = sample.elements.size / pixels.size
            if policy.surprise * by_model > share * enough:
                share = _share(sample, pixels, grid)
            by_model /= share
            if planner.requested is not None or (whole and not plan.contested):
                return int(by_model), False
    coder = policy.coder
    limit = math.inf if by_model is None else by_model * share
    of_sample = None
    if whole or by_model is not None:
        of_sample = encode_fallback(sample, coder, limit)
    if by_model is not None and (of_sample is None or len(of_sample) > policy.surprise * limit):
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


def _grid(pixels: Bands, tile: int | None, policy: Policy) -> Grid:
    """The grid of a picture, if another size of tiles was requested."""
    part = ArrayPart(pixels.dtype, pixels.shape, ONE)
    return Grid(pixels.shape, None if tile is None else cut_for(part, tile, policy))


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
        yield Tiles.from_arrays(
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
    share: float = field(compare=False)
    """Its bytes by pixels divided by those of its file; about equal for similar pictures."""


@dataclass(frozen=True)
class SimilarPictures:
    """The properties of similar pictures, whose trials are expected to have the same outcome.

    These are dtype, channels, the approximate number of elements, and the approximate number of
    bytes per element in their files.
    """

    dtype: str
    channels: Shape
    indexed: bool
    size: int
    density: int

    @classmethod
    def measure(
        cls, pixels: Bands, indexed: bool, file_size: int, policy: Policy
    ) -> SimilarPictures:
        density = round(math.log(file_size / pixels.size, policy.surprise))
        size = pixels.size.bit_length()
        return cls(pixels.dtype.str, pixels.shape[2:], indexed, size, density)


class TrialOutcomes:
    """The last trials of similar pictures. Predictions depend only on the order of the calls."""

    def __init__(self, policy: Policy) -> None:
        self._same = policy.same_outcomes
        self._last: dict[SimilarPictures, deque[TrialOutcome]] = {}

    def decide(
        self, alike: SimilarPictures, own: TrialOutcome | None, trial: Callable[[], TrialOutcome]
    ) -> TrialOutcome:
        """The outcome of the picture's own trial, of the last trials of similar pictures if they
        agree, or of a new trial.
        """
        last = self._last.setdefault(alike, deque(maxlen=self._same))
        if own is None:
            if len(last) == self._same and len(set(last)) == 1:
                return last[0]
            own = trial()
        last.append(own)
        return own
