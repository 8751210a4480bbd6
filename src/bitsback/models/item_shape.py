"""The shape of an item as a model sees it."""

from collections.abc import Sequence
from typing import NamedTuple


class ItemShape(NamedTuple):
    """The shape of an item [slices, rows, columns, channels] of symbols 0 ... levels - 1. All
    numbers are positive, and levels lies in [2, 65536].
    """

    slices: int
    rows: int
    columns: int
    channels: int
    levels: int
    jpeg: bool = False
    """Whether the channels are red, green and blue of colours that JPEG has, of 256 levels."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def elements(self) -> int:
        """Symbols of the item."""
        return self.slices * self.rows * self.columns * self.channels

    @property
    def planes(self) -> int:
        """Slices times channels."""
        return self.slices * self.channels


Shapes = Sequence[tuple[int, ItemShape]]
"""Shapes, and the number of consecutive items of each."""
