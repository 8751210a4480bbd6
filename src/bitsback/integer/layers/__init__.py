"""The layers of integer networks: docs/model-format.md, Integer networks. One is a file here.

Each kind has a `read`, from its entry in a description to the layer, and of a layer there are

- `inputs`: the names of what it reads;
- `values`: what it gives;
- `add(core, numbers, size)`: adds it to a network of the core for images of this size; `numbers`
  are those of its inputs there. Returns its own.
- `multiply_adds(size)`: of one item.
"""

from typing import Protocol

from bitsback import _core
from bitsback.integer.layers import (
    add,
    conv,
    flatten,
    image,
    join,
    linear,
    shuffle,
    spread,
    table,
)
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


class Layer(Protocol):
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> Values: ...
    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int: ...
    def multiply_adds(self, size: Size) -> int: ...


class Kind(Protocol):
    def __call__(self, entry: LayerEntry) -> Layer: ...


KINDS: dict[str, Kind] = {
    "linear": linear.read,
    "conv": conv.read,
    "table": table.read,
    "add": add.read,
    "join": join.read,
    "shuffle": shuffle.read,
    "flatten": flatten.read,
    "image": image.read,
    "spread": spread.read,
}
