"""The shapes of items whose size, number of planes and number of levels a model leaves open."""

from typing import NamedTuple


class PlaneShape(NamedTuple):
    """An item [slices, rows, columns, channels] of symbols 0 ... levels - 1; each number is
    positive, and levels lies in [2, 65536].
    """

    slices: int
    rows: int
    columns: int
    channels: int
    levels: int

    @property
    def elements(self) -> int:
        """Symbols of the item."""
        return self.slices * self.rows * self.columns * self.channels

    @property
    def planes(self) -> int:
        """Slices times channels."""
        return self.slices * self.channels
