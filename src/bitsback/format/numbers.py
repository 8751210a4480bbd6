"""Elements of any dtype as unsigned numbers of as many bits that have the same order, and back
(docs/format.md, Runs and value maps). Floats are ordered by their bits: -0.0 is just below 0.0, and
NaNs are at the ends.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers_of(elements: NDArray[Any]) -> NDArray[Any]:
    """The number of each element, of bool its byte, in the computer's byte order."""
    stored = elements.view(f"{elements.dtype.str[0]}u{elements.itemsize}")
    numbers: NDArray[Any] = stored.astype(f"u{elements.itemsize}")
    top = _top(numbers.dtype)
    if elements.dtype.kind == "i":
        numbers = numbers ^ top
    if elements.dtype.kind == "f":
        numbers = np.where(numbers & top, ~numbers, numbers | top)
    return numbers


def elements_of(numbers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The elements, of this dtype, that have these numbers, which are of as many bits."""
    top = _top(numbers.dtype)
    if dtype.kind == "i":
        numbers = numbers ^ top
    if dtype.kind == "f":
        numbers = np.where(numbers & top, numbers ^ top, ~numbers)
    stored: NDArray[Any] = numbers.astype(f"{dtype.str[0]}u{dtype.itemsize}")
    return stored.view(dtype)


def _top(unsigned: np.dtype[Any]) -> Any:
    return unsigned.type(1 << (8 * unsigned.itemsize - 1))
