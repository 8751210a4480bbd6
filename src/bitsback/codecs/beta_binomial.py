"""Counts of successes whose probability is itself uncertain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.codecs.base import as_parameters, together
from bitsback.codecs.counts import Counts, rounded
from bitsback.errors import MessageError


@dataclass(frozen=True, eq=False, repr=False)
class BetaBinomial(Counts):
    """A symbol, 0 ... trials, is how many of the trials succeed, with a probability that has a beta
    distribution. Grey values of an image have trials = 255 (Townsend, Bird, Barber 2019, section
    3.2).

    alpha, beta: uint32 in units of 2^-16, at least 1. trials: 0 to 65,535. shape: of the symbols;
    as a rule that to which alpha and beta broadcast. Pops uint16. Raises MessageError for
    parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = BetaBinomial.from_float([1.0, 20.0], [1.0, 5.0], trials=255)
    >>> codec.push(message, [77, 200])
    >>> codec.pop(message).tolist()
    [77, 200]
    >>> codec.bits([77, 200]).round(2).tolist()
    [8.0, 5.87]
    """

    alpha: NDArray[np.uint32]
    beta: NDArray[np.uint32]
    trials: int
    shape: tuple[int, ...] | None = None

    _core_name = "beta_binomial"

    def __post_init__(self) -> None:
        if not 0 <= self.trials <= 65535:
            raise MessageError(f"a beta-binomial codec has 0 to 65,535 trials, not {self.trials}")
        alpha, beta = together(("alpha", self.alpha), ("beta", self.beta), shape=self.shape)
        for name, values in (("alpha", alpha), ("beta", beta)):
            what, floats = f"{name} of a beta-binomial codec", "BetaBinomial.from_float"
            values = as_parameters(values, np.uint32, what, 1, 2**32 - 1, floats)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "shape", alpha.shape)

    @classmethod
    def from_float(
        cls,
        alpha: ArrayLike,
        beta: ArrayLike,
        trials: int,
        shape: tuple[int, ...] | None = None,
    ) -> "BetaBinomial":
        """From floats of [2^-16, 2^16 - 2^-16]: round(alpha * 2^16) and round(beta * 2^16), halves
        to even.

        Raises MessageError for parameters out of range.
        """
        a = rounded(np.asarray(alpha, np.float64), "alpha of a beta-binomial codec")
        b = rounded(np.asarray(beta, np.float64), "beta of a beta-binomial codec")
        return cls(a, b, trials, shape)

    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.alpha, self.beta

    def _levels(self) -> int:
        return self.trials + 1
