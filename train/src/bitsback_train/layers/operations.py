"""The operations of a network, except those that multiply by weights (affine.py).

Each computes with real numbers, rounded or not, and with the integers of its layers in a model
file. It also writes these layers.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback_train.layers.network_writer import NetworkWriter
from bitsback_train.layers.rounding import Grid

Range = tuple[int, int]
"""The least and the greatest integer of a value."""
Shape = tuple[int, ...]
"""Of an item: rows, columns and channels, or channels."""


class Rounding(nn.Module):
    """A module that computes with real numbers, or rounds like the integers."""

    rounded = False

    def quantise(self, on: bool = True) -> None:
        """Switches rounding on or off, here and in all modules inside."""
        for module in self.modules():
            if isinstance(module, Rounding):
                module.rounded = on


class Operation(Rounding):
    """Values are [b, rows, columns, channels] on a grid and [b, channels] per item, the orders of
    docs/model-format.md. Called with nodes in place of tensors, it makes a node of a graph.

    A layer of a user's network gets its grids by calibration; one of ours is made with them.
    """

    sources: tuple[Grid, ...]
    """The grids of its inputs."""
    source_ranges: tuple[Range, ...]
    """The least and the greatest integer of each input in the model file."""
    target: Grid
    """The grid of its output."""
    fixed = False
    """Whether it was made with its grids, to whose range its real numbers are clamped."""
    word = ""
    """Its name for people."""
    label = ""
    """Its name in a model file; '' for a number."""
    moves = False
    """Whether it only moves numbers."""
    ratio = Fraction(1)
    """The side of a place of its output in pixels over that of its input."""

    def __call__(self, *values: Any) -> Any:
        if values and isinstance(values[0], Node):
            return Node(self, values, self.label)
        return super().__call__(*values)

    def forward(self, *values: Tensor) -> Tensor:
        """Real numbers to real numbers, with straight-through gradients if it rounds."""
        raise NotImplementedError

    def integers(self, *values: Tensor) -> Tensor:
        """The integers that the layers of the model file compute: whole numbers in float64."""
        raise NotImplementedError

    def shape(self, *shapes: Shape) -> Shape:
        """The shape of its output, from those of its inputs."""
        return shapes[0]

    def range(self) -> Range:
        """The range of its output."""
        return self.target.lo, self.target.hi

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        """Adds its layers; returns the name of the last one. where: its place in the user's module,
        for errors.
        """
        raise NotImplementedError


@dataclass(eq=False, frozen=True)
class Node:
    """A value of a network: its operation and inputs. Graphs never change; rewriting makes new
    nodes, and unused ones are dropped.
    """

    operation: Operation
    inputs: tuple["Node", ...]
    place: str
    """The place in the user's modules, for people."""

    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        shape = self.operation.shape(*(node.shape for node in self.inputs))
        object.__setattr__(self, "shape", shape)

    @property
    def channels(self) -> int:
        return self.shape[-1]

    def over(self, operation: Operation, place: str) -> "Node":
        """The result of the operation on this value alone."""
        return Node(operation, (self,), place)

    def using(self, *inputs: "Node", operation: Operation | None = None) -> "Node":
        """The same with other inputs or another operation."""
        return Node(operation or self.operation, inputs, self.place)


def in_order(outputs: Iterable[Node]) -> list[Node]:
    """All nodes on which the outputs depend, each after its inputs."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node not in found:
            for one in node.inputs:
                visit(one)
            found[node] = None

    for node in outputs:
        visit(node)
    return list(found)


class Source(Operation):
    """A variable as a network sees it: symbols on `grid`; or, with a `table`, its integers. With
    `buckets` the symbols are those equally likely under N(0, 1). item: the shape of an item.
    """

    word = "source"

    def __init__(
        self, variable: str, item: Shape, grid: Grid, table: NDArray[np.uint8] | None = None
    ) -> None:
        super().__init__()
        self.variable, self.item = variable, item
        self.grid = self.target = grid
        self.table = table

    def forward(self, *values: Tensor) -> Tensor:
        (value,) = values
        if not self.rounded:
            return value
        if self.table is None:
            return self.grid.snap(value)
        return in_buckets(value, self.grid.real(torch.from_numpy(self.table.astype(np.float64))))

    def integers(self, *values: Tensor) -> Tensor:
        (symbols,) = values
        if self.table is None:
            return symbols
        return torch.from_numpy(self.table.astype(np.float64))[symbols.long()]

    def shape(self, *shapes: Shape) -> Shape:
        return self.item

    def node(self) -> Node:
        """The start of a graph."""
        return Node(self, (), self.variable)

    def range(self) -> Range:
        if self.table is None:
            return self.grid.lo, self.grid.hi
        return int(self.table.min()), int(self.table.max())

    def scaled(self, factor: float, shift: float) -> "Source":
        """The same symbols with the meaning factor * value + shift; factor > 0."""
        scale = self.grid.scale / factor
        grid = replace(self.grid, scale=scale, zero=self.grid.zero - shift * scale)
        made = Source(self.variable, self.item, grid, self.table)
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


def in_buckets(value: Tensor, centres: Tensor) -> Tensor:
    """The centre of the bucket of N(0, 1) that holds each value, all equally likely;
    straight-through gradient.
    """
    count = len(centres)
    bucket = (torch.special.ndtr(value.detach()) * count).long().clamp_(0, count - 1)
    return value + (centres[bucket].to(value.dtype) - value.detach())


class Add(Operation):
    """The sum of two values, as in a residual connection. All three have the same scale, with the
    zero 0.
    """

    word = "sum"

    def __init__(self, target: Grid | None = None, label: str = "") -> None:
        super().__init__()
        self.label = label
        if target is not None:
            self.target, self.fixed = target, True

    def forward(self, *values: Tensor) -> Tensor:
        one, two = values
        if self.fixed:  # the terms lie on the grid already, if they are rounded
            return self.target.clamp(one + two)
        return self.target.snap(one + two) if self.rounded else one + two

    def integers(self, *values: Tensor) -> Tensor:
        one, two = values
        return (one + two).clamp(self.target.lo, self.target.hi)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        one, two = inputs
        return writer.sum(self.label or writer.numbered("sum"), one, two, self.target)


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

    def shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

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

    def shape(self, *shapes: Shape) -> Shape:
        return self.rows, self.columns, shapes[0][-1] // self.factor**2

    def moved(self, value: Tensor) -> Tensor:
        return pixel_shuffle(value, self.factor)[:, : self.rows, : self.columns]

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        name = writer.numbered("shuffled")
        return writer.add("pixel_shuffle", name, inputs[0], factor=self.factor)


class Flatten(Move):
    """Moves from a grid to one place per item."""

    def shape(self, *shapes: Shape) -> Shape:
        return (math.prod(shapes[0]),)

    def moved(self, value: Tensor) -> Tensor:
        return value.flatten(1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("flatten", writer.numbered("row"), inputs[0])


class Image(Move):
    """Moves from one place per item to a grid of rows x columns places, each of `grid` x `grid`
    pixels, which may become known with the whole network.
    """

    def __init__(self, rows: int, columns: int, grid: int = 0) -> None:
        super().__init__()
        self.rows, self.columns, self.grid = rows, columns, grid

    def shape(self, *shapes: Shape) -> Shape:
        return self.rows, self.columns, shapes[0][0] // (self.rows * self.columns)

    def moved(self, value: Tensor) -> Tensor:
        return value.reshape(len(value), self.rows, self.columns, -1)

    def write(self, writer: NetworkWriter, inputs: list[str], where: str) -> str:
        return writer.add("image", writer.numbered("cells"), inputs[0], grid=self.grid)


def pixel_shuffle(value: Tensor, factor: int) -> Tensor:
    """[b, h, w, factor * factor * c] to [b, h * factor, w * factor, c]: each pixel becomes a square
    of pixels.
    """
    b, h, w, c = value.shape
    squares = value.reshape(b, h, w, factor, factor, c // factor**2)
    return squares.transpose(2, 3).reshape(b, h * factor, w * factor, c // factor**2)
