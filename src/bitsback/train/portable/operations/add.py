"""Sums of two values, as in a residual connection."""

from torch import Tensor

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.writer import NetworkWriter


class Add(Operation):
    """Both values and the sum have the same steps, and the zero 0."""

    word = "sum"

    def forward(self, *values: Tensor) -> Tensor:
        one, two = values
        return self.target.snap(one + two) if self.rounded else one + two

    def integers(self, *values: Tensor) -> Tensor:
        one, two = values
        return (one + two).clamp(self.target.low, self.target.high)

    def range(self) -> Range:
        return self.target.low, self.target.high

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        one, two = inputs
        clamp = [self.target.low, self.target.high]
        return writer.add("add", "sum", one, {}, {"other": two, "clamp": clamp})
