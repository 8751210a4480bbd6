"""The sum of two values, clamped."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class AddLayer:
    inputs: tuple[str, str]
    values: Values

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        one, two = numbers
        return core.add_sum(one, two, self.values.low, self.values.high)

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> AddLayer:
    names, one, two = entry.two_inputs()
    if one.channels != two.channels:
        raise ModelError(f"{entry.where}: it adds {one.channels} channels and {two.channels}")
    return AddLayer(names, Values(one.grid, one.channels, *entry.clamp()))
