"""Any function of one small integer, the same for each element."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.integer.layers.layer_entry import LayerEntry
from bitsback.integer.values import Size, Values


@dataclass(frozen=True)
class TableLayer:
    inputs: tuple[str]
    values: Values
    table: NDArray[np.int16]

    def add(self, core: _core.Network, numbers: tuple[int, ...], size: Size) -> int:
        return core.add_table(numbers[0], self.table)

    def multiply_adds(self, size: Size) -> int:
        return 0


def read(entry: LayerEntry) -> TableLayer:
    name, source = entry.input()
    table = entry.tensor("table", "uint8", "int16", dimensions=1)
    if table.size != source.high - source.low + 1:
        raise ModelError(
            f"{entry.where}: the table must have {source.high - source.low + 1} entries, not"
            f" {table.size}"
        )
    values = Values(source.grid, source.channels, int(table.min()), int(table.max()))
    return TableLayer((name,), values, table.astype(np.int16))
