"""A value at the item, the same at each place of a grid."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class SpreadLayer:
    inputs: tuple[str]
    values: Values

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_spread(numbers[0], *self.values.extent(size))

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> SpreadLayer:
    name, source = entry.input_at_item()
    grid = entry.fields.integer("grid", 1, 4096)
    return SpreadLayer((name,), Values(grid, source.channels, source.low, source.high))
