"""Counts: Poisson, negative binomial and beta-binomial distributions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import ArrayCodec
from bitsback.codecs.symbol_arrays import (
    as_parameters,
    as_pushed,
    require_within,
    together,
)
from bitsback.errors import MessageError
from bitsback.message import Message

PRECISION = 24
UNITS = 2.0**16


def check_counts(levels: int) -> None:
    """Raises MessageError unless there are 1 to 65,536 levels."""
    if not 1 <= levels <= 65536:
        raise MessageError(f"counts have 1 to 65,536 levels, not {levels}")


def rounded(values: NDArray[np.float64], what: str) -> NDArray[np.uint32]:
    """Converts floats to units of 2^-16. Raises MessageError for those outside of [2^-16, 2^16)."""
    require_within(values, 1 / UNITS, UNITS - 1 / UNITS, what, "[2^-16, 2^16 - 2^-16]")
    return np.rint(values * UNITS).astype(np.uint32)


class Counts(ArrayCodec):
    """Codes counts below `levels`, each with parameters of its own, popped as uint16."""

    precision = PRECISION
    _core_name: str

    @abstractmethod
    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Both parameters, in the shape of the symbols."""

    @abstractmethod
    def _levels(self) -> int: ...

    def push(self, message: Message, symbols: ArrayLike) -> None:
        x = as_pushed(symbols, np.uint16, self._parameters()[0].shape, self._levels())
        self._function("push_{}")(message, *self._arguments(), x.reshape(-1))

    def pop(self, message: Message) -> NDArray[np.uint16]:
        popped: NDArray[np.uint16] = self._function("pop_{}")(message, *self._arguments())
        return popped.reshape(self._parameters()[0].shape)

    def _function(self, name: str) -> Any:
        return getattr(_core, name.format(self._core_name))

    def _arguments(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int, int]:
        a, b = self._parameters()
        return a.reshape(-1), b.reshape(-1), self._levels(), PRECISION


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
    ) -> Poisson:
        """From float rates of [2^-16, 2^16 - 2^-16]: round(rate * 2^16), halves to even.

        Raises MessageError for rates out of range.
        """
        what = "the rates of a Poisson codec"
        return cls(rounded(np.asarray(rate, np.float64), what), levels, shape)

    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.rate, self.rate

    def _levels(self) -> int:
        return self.levels


_CHANCES = 1 << 24


@dataclass(frozen=True, eq=False, repr=False)
class NegativeBinomial(Counts):
    """A symbol, 0 ... levels - 1, is the number of failures before the given number of successes,
    given that it is below `levels`: counts that vary more than Poisson's.

    successes: uint32 in units of 2^-16, at least 1; they need not be whole. probability: uint32, of
    success, in units of 2^-24, within [1, 2^24 - 1]. The mean is successes * (1 - probability) /
    probability. levels: 1 to 65,536. shape: of the symbols; as a rule that to which successes and
    probability broadcast. Pops uint16. Raises MessageError for parameters out of range.

    >>> from bitsback import Message
    >>> message = Message()
    >>> codec = NegativeBinomial.from_float([1.0, 2.5], 0.5, levels=100)
    >>> codec.push(message, [0, 3])
    >>> codec.pop(message).tolist()
    [0, 3]
    >>> codec.bits([0, 3]).round(2).tolist()
    [1.0, 2.79]
    """

    successes: NDArray[np.uint32]
    probability: NDArray[np.uint32]
    levels: int
    shape: tuple[int, ...] | None = None

    _core_name = "negative_binomial"

    def __post_init__(self) -> None:
        check_counts(self.levels)
        successes, probability = together(
            ("successes", self.successes), ("probability", self.probability), shape=self.shape
        )
        owner, floats = "of a negative binomial codec", "NegativeBinomial.from_float"
        successes = as_parameters(
            successes, np.uint32, f"the successes {owner}", 1, 2**32 - 1, floats
        )
        probability = as_parameters(
            probability, np.uint32, f"the probabilities {owner}", 1, _CHANCES - 1, floats
        )
        object.__setattr__(self, "successes", successes)
        object.__setattr__(self, "probability", probability)
        object.__setattr__(self, "shape", probability.shape)

    @classmethod
    def from_float(
        cls,
        successes: ArrayLike,
        probability: ArrayLike,
        levels: int,
        shape: tuple[int, ...] | None = None,
    ) -> NegativeBinomial:
        """From floats: round(successes * 2^16) and clamp(round(probability * 2^24), 1, 2^24 - 1),
        halves to even.

        Raises MessageError for successes outside [2^-16, 2^16 - 2^-16] and probabilities outside
        [0, 1].
        """
        p = np.asarray(probability, np.float64)
        require_within(p, 0, 1, "a probability")
        of_one = np.clip(np.rint(p * _CHANCES), 1, _CHANCES - 1).astype(np.uint32)
        what = "the successes of a negative binomial codec"
        return cls(rounded(np.asarray(successes, np.float64), what), of_one, levels, shape)

    def _parameters(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return self.successes, self.probability

    def _levels(self) -> int:
        return self.levels


@dataclass(frozen=True, eq=False, repr=False)
class BetaBinomial(Counts):
    """A symbol, 0 ... trials, is the number of successful trials, whose probability has a beta
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
    ) -> BetaBinomial:
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
