"""How many bytes the pixels of a picture would take in an archive, before they are in one."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.choose import Effort, UnfitError, any_codes, choose, coder_for
from bitsback.archive.collection import ONE, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.grid import Grid
from bitsback.archive.levels import find_levels, to_symbols
from bitsback.archive.pieces import Pieces
from bitsback.archive.sampling import sample_of
from bitsback.archive.squeeze import squeeze
from bitsback.models import Model

_START = 40
"""Bytes that a message has more if it is of one picture, and not of as many as fill a block."""
_HOPELESS = 1.5
"""Times as many bytes as a model's, from which on a general compressor is not tried on all."""
_AT_ONCE = 1 << 20


def pixel_cost(
    pixels: NDArray[Any], tile: int | None, given: Model | None, effort: Effort, job: int
) -> tuple[int, bool]:
    """The bytes that they would take, about, and whether a general compressor makes them fewest.

    Of a large picture a model codes what is in its middle, and how much more all of it takes is
    judged by what deflate makes of both: pages are often empty at their edges. tile: rows and
    columns of a piece at most, if that was asked for. given, effort, job: as `choose` takes them.
    """
    pieces = _pieces(pixels, tile)
    sample = sample_of(pieces, whole=False)
    share = _share(sample, pieces)
    by_model = None
    if any_codes(given, pixels.dtype, pixels.shape):
        try:
            chosen = choose(given, sample, "", effort, job)
        except UnfitError:
            chosen = None
        if chosen is not None and chosen.model is not None:
            by_model = max(chosen.rate * sample.elements.size - _START, 1.0) / share
            if given is not None:
                return int(by_model), False
    coder = coder_for(effort, job)
    if by_model is not None:
        of_sample = squeeze(sample, _bits(sample), coder)
        if of_sample is None or len(of_sample) > _HOPELESS * by_model * share:
            return int(by_model), False
    whole = squeeze(pieces, _bits(pieces), coder)
    squeezed = pixels.nbytes if whole is None else min(len(whole), pixels.nbytes)
    if by_model is None or squeezed < by_model:
        return squeezed, True
    return int(by_model), False


def _pieces(pixels: NDArray[Any], tile: int | None) -> Pieces:
    """The picture as it is cut, where other pieces were asked for than large ones."""
    part = Collection(pixels.dtype, pixels.shape, ONE)
    cut = None if tile is None else cut_for(part, tile)
    if cut is None:
        return Pieces.stacked(np.ascontiguousarray(pixels)[np.newaxis])
    grid = Grid(pixels.shape, cut)
    regions = map(grid.region, range(grid.pieces))
    return Pieces.of((np.ascontiguousarray(pixels[region]) for region in regions), pixels.dtype)


def _share(sample: Pieces, pieces: Pieces) -> float:
    """The part of the bytes that is the sample's."""
    if sample.elements.size == pieces.elements.size:
        return 1.0
    return min(_deflated(sample) / _deflated(pieces), 1.0)


def _deflated(pieces: Pieces) -> int:
    bits, deflate = _bits(pieces), zlib.compressobj(1)
    data = pieces.bytes if bits is None else bits.data
    parts = (data[at : at + _AT_ONCE] for at in range(0, len(data), _AT_ONCE))
    return sum(len(deflate.compress(part)) for part in parts) + len(deflate.flush())


def _bits(pieces: Pieces) -> NDArray[np.uint8] | None:
    levels = find_levels(pieces.elements)
    if levels is None:
        return None
    return np.packbits(to_symbols(pieces.elements, levels), bitorder="little")
