"""Each place becomes factor x factor places, with so many times fewer channels."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class ShuffleLayer:
    inputs: tuple[str]
    values: Values
    factor: int

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_shuffle(numbers[0], self.factor, *self.values.extent(size))

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> ShuffleLayer:
    name, source = entry.input_on_grid()
    factor = entry.fields.integer("factor", 2, 8)
    if source.grid % factor or source.channels % factor**2:
        raise ModelError(
            f"{entry.where}: the cells of its input, of {source.grid} x {source.grid} pixels and"
            f" {source.channels} channels, do not divide up among {factor} x {factor} places"
        )
    channels = source.channels // factor**2
    values = Values(source.grid // factor, channels, source.low, source.high)
    return ShuffleLayer((name,), values, factor)
