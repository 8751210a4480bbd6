"""Any function of one number, as a table."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.writer import NetworkWriter


@dataclass(frozen=True)
class Function:
    """A function of each element. `clamp`: its range, if it is nothing but a clamp to it. `affine`:
    factor and shift, if that is all it is.
    """

    call: Callable[[Tensor], Tensor]
    clamp: tuple[float, float] | None = None
    affine: tuple[float, float] | None = None


def identity() -> Function:
    return scaling(1.0, 0.0)


def scaling(factor: float, shift: float) -> Function:
    """factor * value + shift."""
    return Function(lambda value: value * factor + shift, affine=(factor, shift))


def clamping(low: float, high: float) -> Function:
    """The value held to [low, high]."""
    if math.isinf(low) and math.isinf(high):
        return identity()
    return Function(lambda value: value.clamp(low, high), clamp=(low, high))


class Elementwise(Operation):
    """Some functions, one after the other."""

    word = "table"

    def __init__(self, *functions: Function) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, *values: Tensor) -> Tensor:
        (value,) = values
        for function in self.functions:
            value = function.call(value)
        return self.target.snap(value) if self.rounded else value

    def integers(self, *values: Tensor) -> Tensor:
        (value,) = values
        return self.table()[(value - self.source_ranges[0][0]).long()]

    def range(self) -> Range:
        table = self.table()
        return int(table.min()), int(table.max())

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        table = self.table().numpy()
        kind = np.uint8 if table.min() >= 0 and table.max() <= 255 else np.int16
        return writer.add("table", "value", inputs[0], {"table": table.astype(kind)})

    @torch.no_grad()
    def table(self) -> Tensor:
        """The integer for each integer of the source, float64; where the function is not defined,
        that of the nearest for which it is.
        """
        (source,), ((low, high),) = self.sources, self.source_ranges
        value = source.real(torch.arange(low, high + 1, dtype=torch.float64))
        for function in self.functions:
            value = function.call(value)
        defined = torch.nonzero(~torch.isnan(value))[:, 0]
        apart = (torch.arange(len(value))[:, None] - defined).abs()
        return self.target.integers(value[defined[apart.argmin(1)]])
