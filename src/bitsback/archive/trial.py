"""How many bytes the pixels of a picture would take in an archive, before they are in one."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.choose import Effort, UnfitError, any_codes, choose, coder_for
from bitsback.archive.collection import ONE, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.grid import Grid
from bitsback.archive.levels import find_levels, to_symbols
from bitsback.archive.pieces import Pieces
from bitsback.archive.sampling import sample_boxes
from bitsback.archive.squeeze import squeeze
from bitsback.images.bands import Bands, Rows
from bitsback.models import Model

_START = 40
"""Bytes that a message has more if it is of one picture, and not of as many as fill a block."""
_HOPELESS = 1.5
"""Times as many bytes as a model's, from which on a general compressor is not tried on all."""
_AT_ONCE = 1 << 20
_TOGETHER = 1 << 24  # bytes of pieces that are compressed together for a trial


def pixel_cost(
    pixels: Bands, tile: int | None, given: Model | None, effort: Effort, job: int
) -> tuple[int, bool]:
    """The bytes that they would take, about, and whether a general compressor makes them fewest.

    Of a large picture a model codes what is in its middle, and how much more all of it takes is
    judged by what deflate makes of both: pages are often empty at their edges. tile: rows and
    columns of a piece at most, if that was asked for. given, effort, job: as `choose` takes them.
    """
    grid = _grid(pixels, tile)
    boxes = sample_boxes(pixels.dtype, grid)
    sample = Pieces.of(pixels.regions(boxes), pixels.dtype)
    share = _share(sample, pixels, grid)
    whole, by_model = sample.elements.size == pixels.size, None
    if any_codes(given, pixels.dtype, pixels.shape):
        try:
            chosen = choose(given, sample, "", effort, job)
        except UnfitError:
            chosen = None
        if chosen is not None and chosen.model is not None:
            by_model = max(chosen.rate * sample.elements.size - _START, 1.0) / share
            if given is not None or (whole and not chosen.contested):
                return int(by_model), False
    coder = coder_for(effort, job)
    of_sample = squeeze(sample, coder) if whole or by_model is not None else None
    if by_model is not None and (
        of_sample is None or len(of_sample) > _HOPELESS * by_model * share
    ):
        return int(by_model), False
    if whole:
        squeezed = _size(of_sample, sample)
    else:
        squeezed = sum(_size(squeeze(some, coder), some) for some in _pieces(pixels, grid))
    if by_model is None or squeezed < by_model:
        return squeezed, True
    return int(by_model), False


def _grid(pixels: Bands, tile: int | None) -> Grid:
    """As the picture is cut, where other pieces were asked for than large ones."""
    part = Collection(pixels.dtype, pixels.shape, ONE)
    return Grid(pixels.shape, None if tile is None else cut_for(part, tile))


def _pieces(pixels: Bands, grid: Grid) -> Iterator[Pieces]:
    """All of the picture: of one that is in memory all pieces at once, of a larger one some, or
    bands where it is not cut.
    """
    if grid.cut is None:
        for band in pixels:
            yield Pieces.stacked(np.ascontiguousarray(band)[np.newaxis])
        return
    row = math.prod(grid.shape[1:]) * pixels.dtype.itemsize
    strips = max(_TOGETHER // (row * grid.extents[0]), 1)
    rows = Rows(pixels)
    for first in range(0, grid.pieces, strips * grid.in_a_strip):
        numbers = range(first, min(first + strips * grid.in_a_strip, grid.pieces))
        top, bottom = grid.region(numbers[0])[0].start, grid.region(numbers[-1])[0].stop
        some = rows.take(bottom - top)
        regions = (grid.region(number) for number in numbers)
        yield Pieces.of(
            (
                np.ascontiguousarray(some[(slice(along.start - top, along.stop - top), *others)])
                for along, *others in regions
            ),
            pixels.dtype,
        )


def _size(squeezed: bytes | None, pieces: Pieces) -> int:
    """Bytes: of what was made of pieces, or of the pieces, whichever are fewer."""
    size = pieces.elements.nbytes
    return size if squeezed is None else min(len(squeezed), size)


def _share(sample: Pieces, pixels: Bands, grid: Grid) -> float:
    """The part of the bytes that is the sample's."""
    if sample.elements.size == pixels.size:
        return 1.0
    return min(_deflated([sample]) / _deflated(_pieces(pixels, grid)), 1.0)


def _deflated(parts: Iterable[Pieces]) -> int:
    size, deflate = 0, zlib.compressobj(1)
    for part in parts:
        bits = _bits(part)
        data = part.bytes if bits is None else bits.data
        for at in range(0, len(data), _AT_ONCE):
            size += len(deflate.compress(data[at : at + _AT_ONCE]))
    return size + len(deflate.flush())


def _bits(pieces: Pieces) -> NDArray[np.uint8] | None:
    levels = find_levels(pieces.elements)
    if levels is None:
        return None
    return np.packbits(to_symbols(pieces.elements, levels), bitorder="little")
