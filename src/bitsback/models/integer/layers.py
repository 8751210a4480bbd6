"""The layers of integer networks (docs/model-format.md, Integer networks).

Each function reads one kind of layer from its entry in a description, and checks its bounds.
src/core/layers/ computes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.integer.activations import ITEM, Activations, Size, extent
from bitsback.models.integer.fields import Fields, TensorReader

_COARSEST = 4096


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of a network without a size."""

    op: str
    inputs: tuple[str, ...]
    """The names of the values that it reads."""
    values: Activations
    """The activations of its result."""
    fields: Mapping[str, Any]
    """The arguments for the core, without the rows and columns of its values."""
    weights: int
    """The multiply-adds at each place of its values."""

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        """Adds the layer, for images of this size, to a network of the core. Returns its number.

        numbers: those of its inputs in that network.
        """
        rows, columns = self.values.extent(size)
        return core.add(self.op, numbers, {**self.fields, "rows": rows, "columns": columns})

    def multiply_adds(self, size: Size) -> int:
        """The multiply-adds of one item."""
        rows, columns = self.values.extent(size)
        return rows * columns * self.weights


@dataclass(frozen=True)
class LayerEntry:
    """The source of a layer: its entry in a description, the earlier values, and the tensors."""

    op: str
    fields: Fields
    where: str
    """The name of the layer in messages, and the start of its tensors' names."""
    known: Mapping[str, Activations]
    """The activations that it may read."""
    tensors: TensorReader
    size: Size | None
    """Rows and columns of the images of a fixed-size model."""

    def read(self) -> Layer:
        """The layer. Raises ModelError for anything that docs/model-format.md does not allow."""
        if self.op not in _OPS:
            raise self.error(
                f"unknown op {self.op!r}; the model needs a newer bitsback, or is damaged"
            )
        layer = _OPS[self.op](self)
        self.fields.done()
        return layer

    def layer(self, *inputs: str, values: Activations, weights: int = 0, **fields: Any) -> Layer:
        return Layer(self.op, inputs, values, fields, weights)

    def error(self, what: str) -> ModelError:
        return ModelError(f"{self.where}: {what}")

    def input(self, key: str = "input") -> tuple[str, Activations]:
        """The name of an input in a field, and its activations."""
        name = self.fields.text(key)
        if name not in self.known:
            raise self.error(f"its input '{name}' is neither a source nor an earlier layer")
        return name, self.known[name]

    def input_on_grid(self) -> tuple[str, Activations]:
        name, values = self.input()
        if values.grid == ITEM:
            raise self.error(f"its input '{name}' has one place for the item, and no grid")
        return name, values

    def input_at_item(self) -> tuple[str, Activations]:
        name, values = self.input()
        if values.grid != ITEM:
            raise self.error(f"its input '{name}' must have one place for the item")
        return name, values

    def two_inputs(self) -> tuple[tuple[str, str], Activations, Activations]:
        """The inputs of the fields `input` and `other`, which have the same grid."""
        (one, first), (two, second) = self.input(), self.input("other")
        if first.grid != second.grid:
            raise self.error("its inputs have different grids")
        return (one, two), first, second

    def clamp(self) -> tuple[int, int]:
        low, high = self.fields.integers("clamp", 2, -32768, 32767)
        if low >= high:
            raise self.error(
                f"'clamp' must be two integers, the lower one first, not {[low, high]}"
            )
        return low, high

    def whole_size(self) -> Size:
        """Rows and columns of the images. Raises ModelError for a size-agnostic model."""
        if self.size is None:
            raise self.error("only fixed-size models can have this layer")
        return self.size

    def tensor(self, name: str, *dtypes: str, dimensions: int) -> NDArray[Any]:
        return self.tensors.get(f"{self.where}.{name}", *dtypes, dimensions=dimensions)

    def linear(self, inputs: int, source: Activations) -> _core.Linear:
        """The common part of `linear` and `conv`.

        out = clamp((acc * multiplier + half) >> shift), with acc = bias + weight * input exact in
        int32. Raises ModelError if it exceeds a bound.
        """
        weight = self.tensor("weight", "int8", dimensions=2)
        bias = self.tensor("bias", "int32", dimensions=1)
        multiplier = self.tensor("multiplier", "int32", dimensions=1)
        shift = self.fields.integer("shift", 1, 52)
        low, high = self.clamp()
        if weight.shape[1] != inputs:
            raise self.error(
                f"the weight must have the shape [out, {inputs}], not {list(weight.shape)}"
            )
        if not source.within(0, 255):
            raise self.error(
                f"its input has the range [{source.low}, {source.high}], beyond [0, 255]"
            )
        try:
            return _core.Linear(weight, bias, multiplier, shift, low, high, source.high)
        except (ValueError, TypeError) as error:
            raise self.error(str(error)) from None


def _linear(entry: LayerEntry) -> Layer:
    """A linear layer at each place."""
    name, source = entry.input()
    linear = entry.linear(source.channels, source)
    values = Activations(source.grid, linear.outputs, linear.low, linear.high)
    weights = source.channels * linear.outputs
    return entry.layer(name, values=values, weights=weights, linear=linear)


def _conv(entry: LayerEntry) -> Layer:
    """A linear layer on the patch around each stride-th place. Outside the grid there are zeros."""
    name, source = entry.input_on_grid()
    kernel = entry.fields.integer("kernel", 1, 7)
    stride = entry.fields.integer("stride", 1, 4)
    if kernel % 2 == 0:
        raise entry.error(f"'kernel' must be 1, 3, 5 or 7, not {kernel}")
    if source.grid * stride > _COARSEST:
        raise entry.error(f"its cells would have more than {_COARSEST} pixels a side")
    inputs = kernel**2 * source.channels
    linear = entry.linear(inputs, source)
    values = Activations(source.grid * stride, linear.outputs, linear.low, linear.high)
    weights = inputs * linear.outputs
    return entry.layer(
        name, values=values, weights=weights, linear=linear, kernel=kernel, stride=stride
    )


def _lookup(entry: LayerEntry) -> Layer:
    """A table that maps each element, a small integer, to another integer."""
    name, source = entry.input()
    table = entry.tensor("table", "uint8", "int16", dimensions=1)
    entries = source.high - source.low + 1
    if table.size != entries:
        raise entry.error(f"the table must have {entries} entries, not {table.size}")
    values = Activations(source.grid, source.channels, int(table.min()), int(table.max()))
    return entry.layer(name, values=values, table=table.astype(np.int64))


def _add(entry: LayerEntry) -> Layer:
    """The sum of two values, clamped."""
    names, one, two = entry.two_inputs()
    if one.channels != two.channels:
        raise entry.error(f"it adds {one.channels} channels and {two.channels}")
    clamp = entry.clamp()
    return entry.layer(*names, values=Activations(one.grid, one.channels, *clamp), clamp=clamp)


def _concat(entry: LayerEntry) -> Layer:
    """The channels of two values, one after the other."""
    names, one, two = entry.two_inputs()
    low, high = min(one.low, two.low), max(one.high, two.high)
    if low < 0 and high > 32767:
        raise entry.error(f"the range of its inputs, [{low}, {high}], exceeds 16 bits")
    return entry.layer(*names, values=Activations(one.grid, one.channels + two.channels, low, high))


def _pixel_shuffle(entry: LayerEntry) -> Layer:
    """Turns each place into factor x factor places, with factor^2 times fewer channels."""
    name, source = entry.input_on_grid()
    factor = entry.fields.integer("factor", 2, 8)
    if source.grid % factor or source.channels % factor**2:
        raise entry.error(
            f"the cells of its input, of {source.grid} x {source.grid} pixels and"
            f" {source.channels} channels, do not divide up among {factor} x {factor} places"
        )
    channels = source.channels // factor**2
    values = Activations(source.grid // factor, channels, source.low, source.high)
    return entry.layer(name, values=values, factor=factor)


def _flatten(entry: LayerEntry) -> Layer:
    """A value on a grid, reshaped to a value per item."""
    name, source = entry.input_on_grid()
    elements = source.elements(entry.whole_size())
    return entry.layer(name, values=Activations(ITEM, elements, source.low, source.high))


def _image(entry: LayerEntry) -> Layer:
    """A value per item, reshaped to a value on a grid."""
    name, source = entry.input_at_item()
    grid = entry.fields.integer("grid", 1, _COARSEST)
    rows, columns = extent(grid, entry.whole_size())
    if source.channels % (rows * columns):
        raise entry.error(
            f"its input of {source.channels} channels does not fit {rows} x {columns} places"
        )
    channels = source.channels // (rows * columns)
    return entry.layer(name, values=Activations(grid, channels, source.low, source.high))


def _broadcast(entry: LayerEntry) -> Layer:
    """A value per item, repeated at each place of a grid."""
    name, source = entry.input_at_item()
    grid = entry.fields.integer("grid", 1, _COARSEST)
    return entry.layer(name, values=Activations(grid, source.channels, source.low, source.high))


_OPS: dict[str, Callable[[LayerEntry], Layer]] = {
    "linear": _linear,
    "conv": _conv,
    "lookup_table": _lookup,
    "add": _add,
    "concat": _concat,
    "pixel_shuffle": _pixel_shuffle,
    "flatten": _flatten,
    "image": _image,
    "broadcast": _broadcast,
}
