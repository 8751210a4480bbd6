"""Convert elements with two values, of any dtype, to the symbols 0 and 1, and back.

Values are compared by their bits, as unsigned integers: -0.0 is not 0.0, and a NaN equals itself.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.format.numbers import numbers_of
from bitsback.models.outline import Outline

TwoValues = tuple[bytes, bytes]


def find_two_values(items: NDArray[Any]) -> TwoValues | None:
    """The two values of the elements in ascending order; None for more values, or no elements.

    items: C-contiguous, of a dtype that archives can have. If all have one value, the other is one
    for zero, and zero for anything else. This makes the probable background symbol 0.
    """
    bits = _bits(items)
    if not bits.size:
        return None
    low, high = bits.min(), bits.max()
    if low == high:
        zero, one = bytes(items.itemsize), np.ones((), items.dtype).tobytes()
        value = low.tobytes()
        return _ascending((value, one if value == zero else zero), items.dtype)
    if (
        high - low > 1
        and np.count_nonzero(bits == low) + np.count_nonzero(bits == high) != bits.size
    ):
        return None
    return _ascending((low.tobytes(), high.tobytes()), items.dtype)


def to_symbols(items: NDArray[Any], two_values: TwoValues) -> NDArray[np.uint8]:
    """The symbols, uint8, flat, of elements that have only the two values.

    The result may be a view of the items.
    """
    bits = _bits(items)
    if two_values == (b"\0", b"\1"):
        return bits.view(np.uint8)
    symbols: NDArray[np.bool_] = bits == np.frombuffer(two_values[1], bits.dtype)[0]
    return symbols.view(np.uint8)


def symbol_dtype(model: Outline) -> str:
    """The dtype of elements that the model codes as symbols, without a value map."""
    return "|u1" if model.levels <= 256 else "<u2"


def from_symbols(
    symbols: NDArray[np.uint8], two_values: TwoValues, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The elements, flat, of symbols 0 and 1 (uint8, flat).

    The result may be a view of the symbols.
    """
    if two_values == (b"\0", b"\1"):
        return symbols.view(dtype)
    unsigned = _unsigned(dtype)
    low, high = (int(np.frombuffer(value, unsigned)[0]) for value in two_values)
    bits = symbols.astype(unsigned)
    bits *= unsigned.type((high - low) % (1 << 8 * unsigned.itemsize))
    bits += unsigned.type(low)
    return bits.view(dtype)


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")


def _bits(items: NDArray[Any]) -> NDArray[Any]:
    return items.reshape(-1).view(_unsigned(items.dtype))


def _ascending(pair: TwoValues, dtype: np.dtype[Any]) -> TwoValues:
    first, second = numbers_of(np.frombuffer(b"".join(pair), dtype))
    return pair if first < second else pair[::-1]
