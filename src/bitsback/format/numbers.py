"""Convert elements of any dtype to unsigned numbers of the same size and order, and back
(docs/format.md, Runs and value maps).

Floats are ordered by their bits: -0.0 is just below 0.0, and NaNs are at the ends.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numbers_of(elements: NDArray[Any]) -> NDArray[Any]:
    """The number of each element, in native byte order. The number of a bool is its byte."""
    stored = elements.view(f"{elements.dtype.str[0]}u{elements.itemsize}")
    numbers: NDArray[Any] = stored.astype(f"u{elements.itemsize}")
    top = _top(numbers.dtype)
    if elements.dtype.kind == "i":
        numbers = numbers ^ top
    if elements.dtype.kind == "f":
        numbers = np.where(numbers & top, ~numbers, numbers | top)
    return numbers


def elements_of(numbers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The elements with these numbers. dtype: of the elements, with as many bits as the numbers."""
    top = _top(numbers.dtype)
    if dtype.kind == "i":
        numbers = numbers ^ top
    if dtype.kind == "f":
        numbers = np.where(numbers & top, numbers ^ top, ~numbers)
    stored: NDArray[Any] = numbers.astype(f"{dtype.str[0]}u{dtype.itemsize}")
    return stored.view(dtype)


def _top(unsigned: np.dtype[Any]) -> Any:
    return unsigned.type(1 << (8 * unsigned.itemsize - 1))
