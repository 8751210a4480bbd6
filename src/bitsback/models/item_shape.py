"""The shape of an item in a model."""

from collections.abc import Sequence
from typing import NamedTuple


class ItemShape(NamedTuple):
    """The shape of an item: [slices, rows, columns, channels] of symbols 0 ... levels - 1.

    All numbers are positive. levels is in [2, 65536].
    """

    slices: int
    rows: int
    columns: int
    channels: int
    levels: int
    jpeg: bool = False
    """Whether the channels are the red, green and blue of a JPEG's colours, with 256 levels."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def elements(self) -> int:
        """The number of symbols of the item."""
        return self.slices * self.rows * self.columns * self.channels

    @property
    def planes(self) -> int:
        """Slices times channels."""
        return self.slices * self.channels


Shapes = Sequence[tuple[int, ItemShape]]
"""Pairs (number of consecutive items, their shape)."""
