"""The terms of contexts (docs/model-format.md, Counted contexts).

A term is a number from the neighbours of a pixel, or from its place.
"""

from dataclasses import dataclass
from typing import Any

from bitsback.errors import ModelError
from bitsback.models.integer.fields import Fields

_REACH = 15
_MOST = 1 << 20  # the limit of a sum's thresholds
_MOST_VALUES = 1 << 16

Part = tuple[int, int, int, int]
"""A neighbour of a pixel, and its weight in a sum.

The numbers are planes before the pixel's own, rows below it, columns to its right, and the weight.
"""


@dataclass(frozen=True)
class Term:
    """A number from the neighbours of a pixel, or from its place."""

    kind: str
    """The kind: a sum; or the row, column or channel of the pixel.

    With a blend it may be the prediction, or the index of its unit. With candidates it may be the
    candidate, or whether a pixel equals the candidate.
    """
    parts: tuple[Part, ...]
    """The parts of a sum."""
    shift: int
    low: int
    high: int
    """The greatest number after the shift. Numbers are clipped to low ... high."""
    steps: tuple[int, ...] = ()
    """Thresholds, instead of the shift and the range.

    The value is the number of thresholds that do not exceed the sum.
    """

    @property
    def values(self) -> int:
        return len(self.steps) + 1 if self.steps else self.high - self.low + 1

    @property
    def bits(self) -> int:
        return (self.values - 1).bit_length()

    @property
    def is_bit(self) -> bool:
        """Whether the term is a single pixel of two levels, unchanged."""
        is_pixel = self.kind == "sum" and len(self.parts) == 1 and self.parts[0][3] == 1
        return is_pixel and (self.shift, self.low, self.high, self.steps) == (0, 0, 1, ())

    @property
    def needs_candidate(self) -> bool:
        return self.kind in ("candidate", "equal")


@dataclass(frozen=True)
class TermReader:
    """Reads the terms of a context from JSON, for data of `levels` levels."""

    levels: int
    decisions: int
    lag: int
    foresees: bool  # whether there is a blend of predictors
    guesses: bool  # whether there are candidates

    def read(self, entry: Any) -> Term:
        if isinstance(entry, list):
            back, rows, columns, shift = self.site(entry, 0, 15)
            return Term("sum", ((back, rows, columns, 1),), shift, 0, (self.levels - 1) >> shift)
        fields = Fields(entry, "a term")
        if fields.has("place"):
            foreseen = ["prediction", "unit"] if self.foresees else []
            guessed = ["candidate"] if self.guesses else []
            kind = fields.text("place", "row", "column", "channel", *foreseen, *guessed)
            shift, most = fields.integer("shift", 0, 15), fields.integer("most", 0, 65535)
            fields.done()
            return Term(kind, (), shift, 0, most)
        if self.guesses and fields.has("equal"):
            site = self.site([*fields.items("equal"), 1], 1, 1)
            fields.done()
            return Term("equal", (site,), 0, 0, 1)
        parts = tuple(self.site(entry, -64, 64) for entry in fields.items("sum", range(1, 17)))
        if fields.has("steps"):
            steps = fields.integers("steps", range(1, 256), -_MOST, _MOST)
            fields.done()
            if steps != sorted(set(steps)):
                raise ModelError(f"the 'steps' of a term must rise, and {steps} do not")
            return Term("sum", parts, 0, 0, 0, tuple(steps))
        shift = fields.integer("shift", 0, 15)
        low, high = fields.integers("range", 2, -_MOST, _MOST)
        fields.done()
        if not 0 <= high - low < _MOST_VALUES:
            raise ModelError(f"the 'range' of a term holds 1 to {_MOST_VALUES:,} numbers")
        return Term("sum", parts, shift, low, high)

    def site(self, entry: Any, low: int, high: int) -> Part:
        """Reads the place of a neighbour, and a number from `low` to `high`."""
        whole = isinstance(entry, list) and len(entry) == 4 and all(type(n) is int for n in entry)
        if not whole:
            raise ModelError(f"{entry!r} must be [plane, rows, columns, number]")
        back, rows, columns, number = entry
        near = 0 <= back <= _REACH and abs(rows) <= _REACH and abs(columns) <= _REACH
        if not near or not low <= number <= high:
            raise ModelError(
                f"{entry!r} must have a plane of 0 to {_REACH}, rows and columns of -{_REACH} to"
                f" {_REACH}, and a number of {low} to {high}"
            )
        if back == 0 and not ((rows < 0 and columns < -rows * self.lag) or rows == 0 > columns):
            raise ModelError(
                f"{entry!r} is a pixel that is not decoded yet, with a lag of {self.lag} columns"
            )
        return back, rows, columns, number
