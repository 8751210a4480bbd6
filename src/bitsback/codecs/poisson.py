"""Counts of what happens at a rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.codecs.base import as_parameters, together
from bitsback.codecs.counts import Counts, check_counts, rounded


@dataclass(frozen=True, eq=False, repr=False)
class Poisson(Counts):
    """A symbol, 0 ... levels - 1, has a Poisson distribution, given that it is below `levels`.

    rate: uint32 of any shape, in units of 2^-16, at least 1. levels: 1 to 65,536. shape: of the
    symbols; that of the rates, or one to which they broadcast. Pops uint16. Raises MessageError for
    parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = Poisson.from_float([1.0, 30.0], levels=100)
    >>> codec.push(message, [0, 28])
    >>> codec.pop(message).tolist()
    [0, 28]
    >>> codec.bits([0, 28]).round(2).tolist()
    [1.44, 3.83]
    """

    rate: NDArray[np.uint32]
    levels: int
    shape: tuple[int, ...] | None = None

    _core_name = "poisson"

    def __post_init__(self) -> None:
        check_counts(self.levels)
        (rate,) = together(("rate", self.rate), shape=self.shape)
        what, floats = "the rates of a Poisson codec", "Poisson.from_float"
        rate = as_parameters(rate, np.uint32, what, 1, 2**32 - 1, floats)
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "shape", rate.shape)

    @classmethod
    def from_float(
        cls, rate: ArrayLike, levels: int, shape: tuple[int, ...] | None = None
    ) -> "Poisson":
        """From float rates of [2^-16, 2^16 - 2^-16]: round(rate * 2^16), halves to even.

        Raises MessageError for rates out of range.
        """
        what = "the rates of a Poisson codec"
        return cls(rounded(np.asarray(rate, np.float64), what), levels, shape)

    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.rate, self.rate

    def _levels(self) -> int:
        return self.levels
