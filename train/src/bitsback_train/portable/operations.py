"""The operations of a traced network: each computes with real numbers, rounded or not, and with the
integers of its layers in a model file, which it also writes. affine.py has those that multiply by
weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback_train.export.network_writer import NetworkWriter
from bitsback_train.network.convolutions import pixel_shuffle
from bitsback_train.network.rounding import Grid

Range = tuple[int, int]
"""The least and the greatest integer of a value."""


class Operation(nn.Module):
    """Values are [b, rows, columns, channels] on a grid and [b, channels] per item, the orders of
    docs/model-format.md.
    """

    sources: tuple[Grid, ...]
    """The grids of its inputs."""
    source_ranges: tuple[Range, ...]
    """The least and the greatest integer of each input in the model file."""
    target: Grid
    """The grid of its output."""
    rounded = False
    """Whether `forward` rounds like the integers."""
    word = ""
    """Its name for people."""
    moves = False
    """Whether it only moves numbers."""
    ratio = Fraction(1)
    """The side of a place of its output in pixels over that of its input."""

    def forward(self, *values: Tensor) -> Tensor:
        """Real numbers to real numbers, with straight-through gradients if it rounds."""
        raise NotImplementedError

    def integers(self, *values: Tensor) -> Tensor:
        """The integers that the layers of the model file compute: whole numbers in float64."""
        raise NotImplementedError

    def range(self) -> Range:
        """The range of its output."""
        raise NotImplementedError

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        """Adds its layers; returns the name of the last one. where: its place in the user's module,
        for errors.
        """
        raise NotImplementedError


class Source(Operation):
    """A variable as a network sees it: symbols on `grid`; or, with a
    `table`, buckets that are equally likely under N(0, 1), with integers from the table.
    """

    word = "source"

    def __init__(self, variable: str, grid: Grid, table: NDArray[np.uint8] | None = None) -> None:
        super().__init__()
        self.variable = variable
        self.grid = self.target = grid
        self.table = table

    def forward(self, *values: Tensor) -> Tensor:
        (value,) = values
        if not self.rounded:
            return value
        if self.table is None:
            return self.grid.snap(value)
        count = len(self.table)
        bucket = (torch.special.ndtr(value.detach().double()) * count).long().clamp_(0, count - 1)
        held = self.grid.real(self._entries(bucket)).to(value.dtype)
        return value + (held - value.detach())

    def integers(self, *values: Tensor) -> Tensor:
        (symbols,) = values
        return symbols if self.table is None else self._entries(symbols.long())

    def range(self) -> Range:
        if self.table is None:
            return self.grid.lo, self.grid.hi
        return int(self.table.min()), int(self.table.max())

    def scaled(self, factor: float, shift: float) -> "Source":
        """The same symbols with the meaning factor * value + shift; factor > 0."""
        scale = self.grid.scale / factor
        grid = replace(self.grid, scale=scale, zero=self.grid.zero - shift * scale)
        made = Source(self.variable, grid, self.table)
        made.factor, made.shift = self.factor * factor, self.shift * factor + shift
        return made

    factor, shift = 1.0, 0.0

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        if self.table is None:
            return self.variable
        name = f"{self.variable}_value"
        if all(entry["name"] != name for entry in writer.entries):
            writer.add("lookup_table", name, self.variable, table=self.table)
        return name

    def _entries(self, symbols: Tensor) -> Tensor:
        table: NDArray[Any] = self.table if self.table is not None else np.zeros(0)
        return torch.from_numpy(table.astype(np.float64))[symbols]


class Add(Operation):
    """The sum of two values, as in a residual connection. All three have the same grid, with the
    zero 0.
    """

    word = "sum"

    def forward(self, *values: Tensor) -> Tensor:
        one, two = values
        return self.target.snap(one + two) if self.rounded else one + two

    def integers(self, *values: Tensor) -> Tensor:
        one, two = values
        return (one + two).clamp(self.target.lo, self.target.hi)

    def range(self) -> Range:
        return self.target.lo, self.target.hi

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        one, two = inputs
        clamp = [self.target.lo, self.target.hi]
        return writer.add("add", writer.numbered("sum"), one, other=two, clamp=clamp)


@dataclass(frozen=True)
class Function:
    """A function of each element. `clamp`: its range, if it is only a clamp. `affine`: factor and
    shift, if it is affine.
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
    """The value clamped to [low, high]."""
    if math.isinf(low) and math.isinf(high):
        return identity()
    return Function(lambda value: value.clamp(low, high), clamp=(low, high))


class Elementwise(Operation):
    """A composition of functions of one number, as a table."""

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
        name = writer.numbered("value")
        return writer.add("lookup_table", name, inputs[0], table=table.astype(kind))

    @torch.no_grad()
    def table(self) -> Tensor:
        """The integer for each integer of the source, float64; where the function is undefined,
        that of the nearest integer for which it is defined.
        """
        (source,), ((low, high),) = self.sources, self.source_ranges
        value = source.real(torch.arange(low, high + 1, dtype=torch.float64))
        for function in self.functions:
            value = function.call(value)
        undefined = torch.isnan(value)
        defined, others = torch.nonzero(~undefined)[:, 0], torch.nonzero(undefined)
        nearest = torch.arange(len(value))
        nearest[undefined] = defined[(others - defined).abs().argmin(1)]
        return self.target.integers(value[nearest])


class Concat(Operation):
    """The channels of several values on the same grid, one after the other."""

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
            name = writer.add("concat", writer.numbered("joined"), name, other=other)
        return name


class Move(Operation):
    """Moves the numbers of one value without changing them."""

    moves = True

    def forward(self, *values: Tensor) -> Tensor:
        return self.moved(values[0])

    def integers(self, *values: Tensor) -> Tensor:
        return self.moved(values[0])

    def range(self) -> Range:
        return self.source_ranges[0]

    def moved(self, value: Tensor) -> Tensor:
        raise NotImplementedError


class PixelShuffle(Move):
    """Each place becomes factor x factor places; those beyond rows x columns are dropped."""

    def __init__(self, factor: int, rows: int, columns: int) -> None:
        super().__init__()
        self.factor, self.rows, self.columns = factor, rows, columns
        self.ratio = Fraction(1, factor)

    def moved(self, value: Tensor) -> Tensor:
        return pixel_shuffle(value, self.factor)[:, : self.rows, : self.columns]

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        name = writer.numbered("shuffled")
        return writer.add("pixel_shuffle", name, inputs[0], factor=self.factor)


class Flatten(Move):
    """Moves from a grid to one place per item."""

    def moved(self, value: Tensor) -> Tensor:
        return value.flatten(1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("flatten", writer.numbered("row"), inputs[0])


class Image(Move):
    """Moves from one place per item to a grid of rows x columns places."""

    grid: int
    """The side of a cell in pixels, known with the whole network."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def moved(self, value: Tensor) -> Tensor:
        return value.reshape(len(value), self.rows, self.columns, -1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("image", writer.numbered("cells"), inputs[0], grid=self.grid)
