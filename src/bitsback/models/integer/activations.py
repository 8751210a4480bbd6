"""The properties of a network's values that are known before it runs: channels, range, grid."""

from dataclasses import dataclass

Size = tuple[int, int]
"""Rows and columns of an image, or of a grid."""

ITEM = 0
"""Stands for a grid: one place for the whole item."""


@dataclass(frozen=True)
class Activations:
    """The channels at each place, their range, and the grid of the places."""

    grid: int
    """The side of a place in pixels: each cell of grid x grid pixels is a place. Or ITEM."""
    channels: int
    low: int
    high: int

    def extent(self, size: Size) -> Size:
        """Rows and columns of its places, for images of this size."""
        return extent(self.grid, size)

    def elements(self, size: Size) -> int:
        """The number of elements of one item, for images of this size."""
        rows, columns = self.extent(size)
        return rows * columns * self.channels

    def within(self, low: int, high: int) -> bool:
        return low <= self.low and self.high <= high

    def __str__(self) -> str:
        where = "the item" if self.grid == ITEM else f"the grid {self.grid}"
        return f"{self.channels} channels in [{self.low}, {self.high}] at {where}"


def extent(grid: int, size: Size) -> Size:
    """Rows and columns of the places of a grid, for images of this size."""
    if grid == ITEM:
        return 1, 1
    return -(-size[0] // grid), -(-size[1] // grid)
