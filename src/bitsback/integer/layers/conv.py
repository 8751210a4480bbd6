"""A linear layer on the patch around each stride-th place; zeros outside the grid."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values

_COARSEST = 4096


@dataclass(frozen=True)
class ConvLayer:
    inputs: tuple[str]
    values: Values
    weights: int
    linear: _core.Linear
    kernel: int
    stride: int

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_conv(numbers[0], self.linear, self.kernel, self.stride)

    def multiply_adds(self, size: Size) -> int:
        rows, columns = self.values.extent(size)
        return rows * columns * self.weights


def read(entry: LayerEntry) -> ConvLayer:
    name, source = entry.input_on_grid()
    kernel = entry.fields.integer("kernel", 1, 7)
    stride = entry.fields.integer("stride", 1, 4)
    if kernel % 2 == 0:
        raise ModelError(f"{entry.where}: 'kernel' must be 1, 3, 5 or 7, not {kernel}")
    if source.grid * stride > _COARSEST:
        raise ModelError(f"{entry.where}: its cells would have more than {_COARSEST} pixels a side")
    inputs = kernel**2 * source.channels
    linear = entry.linear(inputs, source)
    values = Values(source.grid * stride, linear.outputs, linear.low, linear.high)
    return ConvLayer((name,), values, inputs * linear.outputs, linear, kernel, stride)
