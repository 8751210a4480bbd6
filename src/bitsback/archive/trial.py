"""How many bytes the pixels of a picture would take in an archive, before they are in one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.choose import Effort, UnfitError, any_codes, choose, coder_for
from bitsback.archive.levels import find_levels, to_symbols
from bitsback.archive.pieces import Pieces
from bitsback.archive.sampling import middle_box
from bitsback.archive.squeeze import Coder, squeeze
from bitsback.images.bands.bands import Bands
from bitsback.models import Model

_START = 40
"""Bytes that a message has more if it is of one picture, and not of as many as fill a block."""
_HOPELESS = 1.5
"""Times as many bytes as a model's, from which on a general compressor is not tried on all."""


def pixel_cost(pixels: Bands, given: Model | None, effort: Effort, job: int) -> tuple[int, bool]:
    """The bytes that they would take, about, and whether a general compressor makes them fewest.

    Of a large picture a model codes what is in its middle, and a general compressor one band after
    the other. given, effort, job: as `choose` takes them.
    """
    sample = _sample(pixels)
    share = sample.elements.size / pixels.size
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
    squeezed = sum(_squeezed(band, coder) for band in pixels)
    if by_model is None or squeezed < by_model:
        return squeezed, True
    return int(by_model), False


def _sample(pixels: Bands) -> Pieces:
    return Pieces.stacked(pixels.region(middle_box(pixels.dtype, pixels.shape))[np.newaxis])


def _squeezed(band: NDArray[Any], coder: Coder) -> int:
    pieces = Pieces.stacked(np.ascontiguousarray(band)[np.newaxis])
    whole = squeeze(pieces, _bits(pieces), coder)
    return band.nbytes if whole is None else min(len(whole), band.nbytes)


def _bits(pieces: Pieces) -> NDArray[np.uint8] | None:
    levels = find_levels(pieces.elements)
    if levels is None:
        return None
    return np.packbits(to_symbols(pieces.elements, levels), bitorder="little")
