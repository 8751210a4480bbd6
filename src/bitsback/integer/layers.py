"""What the layers of an integer network must satisfy before one is built: docs/model-format.md, linear and table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError


@dataclass(frozen=True)
class Values:
    """What is known of an array before anything runs: elements a row, and the range they lie in."""

    width: int
    low: int
    high: int


def make_linear(
    where: str,
    source: Values,
    weight: NDArray[np.int8],
    bias: NDArray[np.int32],
    multiplier: NDArray[np.int32],
    shift: int,
    clamp: tuple[int, int],
) -> tuple[_core.Linear, Values]:
    """out = clamp((acc * multiplier + half) >> shift), acc = bias + weight * input, exact in int32.

    weight [out, in], bias and multiplier [out]. Raises ModelError, naming `where`, if one breaks a bound.
    """
    if weight.ndim != 2 or weight.shape[1] != source.width:
        raise ModelError(f"{where}: the weight must have the shape [out, {source.width}], not {list(weight.shape)}")
    if not 0 <= source.low <= source.high <= 255:
        raise ModelError(f"{where}: its input has the range [{source.low}, {source.high}], beyond [0, 255]")
    try:
        linear = _core.Linear(weight, bias, multiplier, shift, *clamp, source.high)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{where}: {error}") from None
    return linear, Values(weight.shape[0], *clamp)


def check_table(where: str, source: Values, table: NDArray[Any]) -> Values:
    """out = table[input - low]: any function of one small integer. table [high - low + 1] of uint8 or int16.

    Raises ModelError, naming `where`, if it has another size.
    """
    if table.shape != (source.high - source.low + 1,):
        raise ModelError(f"{where}: the table must have {source.high - source.low + 1} entries, not {table.shape}")
    return Values(source.width, int(table.min()), int(table.max()))
