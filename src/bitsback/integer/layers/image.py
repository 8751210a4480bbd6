"""A value at the item, seen as one on a grid."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values, extent


@dataclass(frozen=True)
class ImageLayer:
    inputs: tuple[str]
    values: Values

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_view(numbers[0], *self.values.extent(size))

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> ImageLayer:
    name, source = entry.input_at_item()
    grid = entry.fields.integer("grid", 1, 4096)
    rows, columns = extent(grid, entry.whole_size())
    if source.channels % (rows * columns):
        raise ModelError(
            f"{entry.where}: its input of {source.channels} channels is no image of"
            f" {rows} x {columns} places"
        )
    values = Values(grid, source.channels // (rows * columns), source.low, source.high)
    return ImageLayer((name,), values)
