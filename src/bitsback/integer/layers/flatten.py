"""A value on a grid, seen as one at the item."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import ITEM, Size, Values


@dataclass(frozen=True)
class FlattenLayer:
    inputs: tuple[str]
    values: Values

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_view(numbers[0], 1, 1)

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> FlattenLayer:
    name, source = entry.input_on_grid()
    elements = source.elements(entry.whole_size())
    return FlattenLayer((name,), Values(ITEM, elements, source.low, source.high))
