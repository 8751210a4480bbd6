"""The terms of contexts: numbers that the surroundings of a pixel or its place give, as
docs/model-format.md, Counted contexts, says.
"""

from dataclasses import asdict, dataclass
from typing import Any

from bitsback.errors import ModelError
from bitsback.models.integer.fields import Fields

_REACH = 15
_MOST = 1 << 20  # the bound of the thresholds of a sum
_MOST_VALUES = 1 << 16

Part = tuple[int, int, int, int]
"""Planes before that of a pixel, rows below it, columns to its right, and the weight of the symbol
there.
"""


@dataclass(frozen=True)
class Term:
    """A number that the surroundings of a pixel or its place give."""

    kind: str
    """A sum; the row, column or channel of the pixel; beside a blend, its prediction or the index
    of its unit; or, with candidates, the candidate, or whether a pixel is equal to it.
    """
    parts: tuple[Part, ...]
    """Of a sum."""
    shift: int
    low: int
    high: int
    """The least and the greatest number after the shift; others are clipped to them."""
    steps: tuple[int, ...] = ()
    """Thresholds, in place of the shift and the range: the value is how many are no more than the
    sum.
    """

    @property
    def values(self) -> int:
        return len(self.steps) + 1 if self.steps else self.high - self.low + 1

    @property
    def bits(self) -> int:
        return (self.values - 1).bit_length()

    @property
    def is_bit(self) -> bool:
        """Whether it is a pixel of two levels as it is."""
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
    foresees: bool  # whether a blend stands beside
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
                raise ModelError(f"the 'steps' of a term rise, and {steps} do not")
            return Term("sum", parts, 0, 0, 0, tuple(steps))
        shift = fields.integer("shift", 0, 15)
        low, high = fields.integers("range", 2, -_MOST, _MOST)
        fields.done()
        if not 0 <= high - low < _MOST_VALUES:
            raise ModelError(f"the 'range' of a term holds 1 to {_MOST_VALUES:,} numbers")
        return Term("sum", parts, shift, low, high)

    def site(self, entry: Any, low: int, high: int) -> Part:
        """Reads the position of a pixel, and a number from `low` to `high`."""
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
                f"{entry!r} is of a pixel that is not known before, in rows {self.lag} columns"
                " behind one another"
            )
        return back, rows, columns, number


def core_terms(terms: tuple[Term, ...]) -> list[dict[str, object]]:
    return [asdict(term) for term in terms]
