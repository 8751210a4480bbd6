"""What all operations have."""

from torch import Tensor, nn

from bitsback.train.portable.steps import Steps
from bitsback.train.portable.writer import NetworkWriter

Range = tuple[int, int]
"""The least and the greatest integer of a value."""


class Operation(nn.Module):
    """Values are [b, rows, columns, channels] on a grid and [b, channels] at the item, the orders
    of docs/model-format.md.
    """

    sources: tuple[Steps, ...]
    """Of its inputs."""
    source_ranges: tuple[Range, ...]
    """The least and the greatest integer of each input, as the model file knows them."""
    target: Steps
    """Of its output."""
    rounded = False
    """Whether `forward` rounds as the integers do."""
    word = ""
    """What it is, for people."""
    moves = False
    """Whether it only puts numbers elsewhere."""

    def forward(self, *values: Tensor) -> Tensor:
        """Real numbers to real numbers, with straight-through gradients where it is rounded."""
        raise NotImplementedError

    def integers(self, *values: Tensor) -> Tensor:
        """What the layers of the model file compute: whole numbers in float64."""
        raise NotImplementedError

    def range(self) -> Range:
        """Of its output."""
        raise NotImplementedError

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        """Adds its layers; returns the name of the last one. where: its place in the user's module,
        for errors.
        """
        raise NotImplementedError
