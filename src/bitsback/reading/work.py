"""Progress of a compression or decompression: elements, weighted by what they cost to code."""

from __future__ import annotations

import numpy as np

from bitsback.format.collection import BYTES, Collection
from bitsback.format.parts import Content
from bitsback.reading.summary import Progress

_BIT, _BYTE, _OTHER = 2, 3, 5
"""Of a truth value, of a byte of a file, and of any other element. A size-agnostic model takes some
0.4 us for a bilevel pixel and 0.7 to 1.2 us for a grey or a colour sample, LZMA 0.4 to 0.6 us for a
byte.
"""


class Work:
    """Reports the blocks that are done to a progress callback."""

    def __init__(self, content: Content, progress: Progress | None) -> None:
        self._content, self._progress = content, progress
        self._done = 0
        self._all = sum(_weight(part) * part.elements for part in content.parts)

    def add(self, first: int, tiles: int) -> None:
        """Reports that so many tiles from this one on, of one part, are done."""
        if self._progress is None or first >= self._content.tiles:
            return
        start, part = self._content.part_of(first)
        low, high = (min(place - start, part.tiles) for place in (first, first + tiles))
        self._done += _weight(part) * (part.elements_before(high) - part.elements_before(low))
        self._progress(self._done, self._all)


def _weight(part: Collection) -> int:
    if part.axes == BYTES:
        return _BYTE
    return _BIT if part.dtype == np.bool_ else _OTHER


def begin(progress: Progress | None, stage: str) -> None:
    """Announces a stage of the work to a progress callback that has a method `stage`."""
    told = getattr(progress, "stage", None)
    if told is not None:
        told(stage)
