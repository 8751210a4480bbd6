"""What the layers of an integer network must satisfy before one is built: docs/model-format.md,
Integer networks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError

Size = tuple[int, int]
"""Rows and columns of an image."""


@dataclass(frozen=True)
class Values:
    """What is known of an array before anything runs: elements a row, and the range they lie in."""

    width: int
    low: int
    high: int

    def allows(self, values: "Values") -> bool:
        """Whether those are as many as these, and lie within their range."""
        return values.width == self.width and self.low <= values.low <= values.high <= self.high

    def __str__(self) -> str:
        return f"{self.width} elements in [{self.low}, {self.high}]"


@dataclass(frozen=True)
class Bounds:
    """What is asked of an array whose width is not known beforehand: one of `widths`, and a range
    to lie in.
    """

    widths: range
    low: int
    high: int

    def allows(self, values: Values) -> bool:
        return values.width in self.widths and self.low <= values.low <= values.high <= self.high

    def __str__(self) -> str:
        step = f", a multiple of {self.widths.step}," if self.widths.step > 1 else ""
        return f"{self.widths[0]} to {self.widths[-1]} elements{step} in [{self.low}, {self.high}]"


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

    weight [out, in], bias and multiplier [out]. Raises ModelError, naming `where`, if one breaks a
    bound.
    """
    if weight.ndim != 2 or weight.shape[1] != source.width:
        raise ModelError(
            f"{where}: the weight must have the shape [out, {source.width}], not"
            f" {list(weight.shape)}"
        )
    if not 0 <= source.low <= source.high <= 255:
        raise ModelError(
            f"{where}: its input has the range [{source.low}, {source.high}], beyond [0, 255]"
        )
    try:
        linear = _core.Linear(weight, bias, multiplier, shift, *clamp, source.high)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{where}: {error}") from None
    return linear, Values(weight.shape[0], *clamp)


def check_table(where: str, source: Values, table: NDArray[Any]) -> Values:
    """out = table[input - low]: any function of one small integer. table [high - low + 1] of uint8
    or int16.

    Raises ModelError, naming `where`, if it has another size.
    """
    if table.shape != (source.high - source.low + 1,):
        raise ModelError(
            f"{where}: the table must have {source.high - source.low + 1} entries, not"
            f" {table.shape}"
        )
    return Values(source.width, int(table.min()), int(table.max()))


def channels(where: str, source: Values, size: Size) -> int:
    """The channels of an image of this size. Raises ModelError, naming `where`, if they do not come
    out even.
    """
    rows, columns = size
    if source.width % (rows * columns):
        raise ModelError(
            f"{where}: its input of {source.width} elements is no image of {rows} x {columns}"
            " pixels"
        )
    return source.width // (rows * columns)


def patch(where: str, source: Values, size: Size, kernel: int) -> Values:
    """What a convolution's linear layer reads: kernel x kernel pixels of the image, zeros outside
    it.

    Raises ModelError, naming `where`, if the source is no image of this size.
    """
    return Values(kernel**2 * channels(where, source, size), source.low, source.high)


def check_shuffle(where: str, source: Values, size: Size, factor: int) -> Values:
    """Each pixel becomes factor x factor pixels. Raises ModelError, naming `where`, for channels
    that do not divide.
    """
    count = channels(where, source, size)
    if count % factor**2:
        raise ModelError(
            f"{where}: {count} channels do not divide up among {factor} x {factor} pixels"
        )
    return source


def check_add(where: str, source: Values, other: Values, clamp: tuple[int, int]) -> Values:
    """out = clamp(input + other). Raises ModelError, naming `where`, if the two differ in their
    widths.
    """
    if source.width != other.width:
        raise ModelError(f"{where}: it adds {source.width} elements and {other.width}")
    return Values(source.width, *clamp)
