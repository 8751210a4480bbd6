"""A variable as a network sees it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback.train.portable.operations.operation import Operation, Range
from bitsback.train.portable.steps import Steps
from bitsback.train.portable.writer import NetworkWriter


class Source(Operation):
    """Symbols that stand for real numbers by `steps`; or, with a `table`, buckets that are equally
    likely under N(0, 1), of which the table gives the integers.
    """

    word = "source"

    def __init__(self, variable: str, steps: Steps, table: NDArray[np.uint8] | None = None) -> None:
        super().__init__()
        self.variable = variable
        self.steps = self.target = steps
        self.table = table

    def forward(self, *values: Tensor) -> Tensor:
        (value,) = values
        if not self.rounded:
            return value
        if self.table is None:
            return self.steps.snap(value)
        count = len(self.table)
        bucket = (torch.special.ndtr(value.detach().double()) * count).long().clamp_(0, count - 1)
        held = self.steps.real(self._entries(bucket)).to(value.dtype)
        return value + (held - value.detach())

    def integers(self, *values: Tensor) -> Tensor:
        (symbols,) = values
        return symbols if self.table is None else self._entries(symbols.long())

    def range(self) -> Range:
        if self.table is None:
            return self.steps.low, self.steps.high
        return int(self.table.min()), int(self.table.max())

    def scaled(self, factor: float, shift: float) -> "Source":
        """The same symbols standing for factor * value + shift; factor > 0."""
        step = self.steps.step * factor
        zero = self.steps.zero - shift / step
        made = Source(self.variable, Steps(step, zero, self.steps.low, self.steps.high), self.table)
        made.factor, made.shift = self.factor * factor, self.shift * factor + shift
        return made

    factor, shift = 1.0, 0.0

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        if self.table is None:
            return self.variable
        name = f"{self.variable}_value"
        if all(entry["name"] != name for entry in writer.entries):
            writer.named(name, "table", self.variable, {"table": self.table})
        return name

    def _entries(self, symbols: Tensor) -> Tensor:
        table: NDArray[Any] = self.table if self.table is not None else np.zeros(0)
        return torch.from_numpy(table.astype(np.float64))[symbols]
