"""The layers of an integer network: what docs/model-format.md calls linear and table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError


@dataclass(frozen=True)
class Values:
    """What is known of an array before anything runs: elements an item, and the range they lie in."""

    width: int
    low: int
    high: int


@dataclass(frozen=True)
class Linear:
    """out = clamp((acc * multiplier + half) >> shift), acc = bias + weight * input, exact in int32."""

    output: Values
    core: _core.Linear

    @classmethod
    def build(
        cls,
        where: str,
        source: Values,
        weight: NDArray[np.int8],
        bias: NDArray[np.int32],
        multiplier: NDArray[np.int32],
        shift: int,
        clamp: tuple[int, int],
    ) -> "Linear":
        """weight [out, in], bias and multiplier [out]. ModelError if one breaks a bound of docs/model-format.md."""
        if weight.ndim != 2 or weight.shape[1] != source.width:
            raise ModelError(f"{where}: the weight must have the shape [out, {source.width}], not {list(weight.shape)}")
        if not 0 <= source.low <= source.high <= 255:
            raise ModelError(f"{where}: its input has the range [{source.low}, {source.high}], beyond [0, 255]")
        try:
            core = _core.Linear(weight, bias, multiplier, shift, *clamp, source.high)
        except (ValueError, TypeError) as error:
            raise ModelError(f"{where}: {error}") from None
        return cls(Values(weight.shape[0], *clamp), core)

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        return self.core(np.ascontiguousarray(x, np.uint8))


@dataclass(frozen=True)
class Table:
    """out = table[input - low]: any function of one small integer."""

    output: Values
    low: int
    table: NDArray[Any]

    @classmethod
    def build(cls, where: str, source: Values, table: NDArray[Any]) -> "Table":
        """table [high - low + 1] of uint8 or int16, for inputs in [low, high]. ModelError if it has another size."""
        if table.shape != (source.high - source.low + 1,):
            raise ModelError(f"{where}: the table must have {source.high - source.low + 1} entries, not {table.shape}")
        return cls(Values(source.width, int(table.min()), int(table.max())), source.low, table)

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        out: NDArray[Any] = self.table[x - self.low] if self.low else self.table[x]
        return out
