"""What trials told of pictures, so that of many small ones that are alike few need their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import log2

from bitsback.archive.grid import Shape
from bitsback.images.bands import Bands

_SMALL = 1 << 18  # elements: of larger ones the trial, of a part, takes little beside the rest
_EACH = 32  # of so many files, in order, one has a trial, whatever is known
_ENOUGH = 6  # trials that told the same
_STEPS = 4  # in which the density of files is told, for each factor of two


@dataclass(frozen=True)
class Outcome:
    """Of a trial."""

    worth: bool
    """Whether a picture takes fewer bytes by its pixels than as a file."""
    general: bool
    """Whether a general compressor makes them fewest."""


@dataclass(frozen=True)
class Alike:
    """What pictures have in common of which one outcome is expected: dtype, channels, about how
    many elements, and about how many bytes their files have for each.
    """

    dtype: str
    channels: Shape
    indexed: bool
    size: int
    density: int

    @classmethod
    def of(cls, pixels: Bands, indexed: bool, file_size: int) -> Alike:
        density = round(_STEPS * log2(file_size / pixels.size))
        size = pixels.size.bit_length()
        return cls(pixels.dtype.str, pixels.shape[2:], indexed, size, density)

    @property
    def small(self) -> bool:
        return self.size <= _SMALL.bit_length()


def is_tried(number: int) -> bool:
    """Whether the file with this number has a trial, whatever is known of those like it."""
    return number % _EACH == 0


class Outcomes:
    """The last trials of pictures that are alike. What it expects depends on the order in which it
    is asked, and on nothing else.
    """

    def __init__(self) -> None:
        self._last: dict[Alike, deque[Outcome]] = {}

    def of(self, alike: Alike, told: Outcome | None, trial: Callable[[], Outcome]) -> Outcome:
        """What its own trial `told`; or what the last ones of others told, if all told the same;
        or else what a trial tells now.
        """
        last = self._last.setdefault(alike, deque(maxlen=_ENOUGH))
        if told is None:
            if len(last) == _ENOUGH and len(set(last)) == 1:
                return last[0]
            told = trial()
        last.append(told)
        return told
