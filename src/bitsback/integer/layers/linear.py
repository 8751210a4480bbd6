"""A linear layer at each place."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class LinearLayer:
    inputs: tuple[str]
    values: Values
    weights: int
    linear: _core.Linear

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_linear(numbers[0], self.linear)

    def multiply_adds(self, size: Size) -> int:
        rows, columns = self.values.extent(size)
        return rows * columns * self.weights


def read(entry: LayerEntry) -> LinearLayer:
    name, source = entry.input()
    linear = entry.linear(source.channels, source)
    values = Values(source.grid, linear.outputs, linear.low, linear.high)
    return LinearLayer((name,), values, source.channels * linear.outputs, linear)
