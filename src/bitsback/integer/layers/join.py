"""The channels of two values, one behind the other."""

from dataclasses import dataclass

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class JoinLayer:
    inputs: tuple[str, str]
    values: Values

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_join(*numbers)

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> JoinLayer:
    names, one, two = entry.two_inputs()
    low, high = min(one.low, two.low), max(one.high, two.high)
    if low < 0 and high > 32767:
        raise ModelError(
            f"{entry.where}: the range of what it joins, [{low}, {high}], has no 16 bits"
        )
    return JoinLayer(names, Values(one.grid, one.channels + two.channels, low, high))
