"""The channels of several values, one behind the other."""

import torch
from torch import Tensor

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.writer import NetworkWriter


class Join(Operation):
    """All values have the same steps."""

    moves = True

    def forward(self, *values: Tensor) -> Tensor:
        return torch.cat(values, -1)

    def integers(self, *values: Tensor) -> Tensor:
        return torch.cat(values, -1)

    def range(self) -> Range:
        return min(low for low, _ in self.source_ranges), max(
            high for _, high in self.source_ranges
        )

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        name = inputs[0]
        for other in inputs[1:]:
            name = writer.add("join", "joined", name, {}, {"other": other})
        return name
