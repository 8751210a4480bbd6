"""Counts of failures before so many successes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback.codecs.base import as_parameters, require_within, together
from bitsback.codecs.counts import Counts, check_counts, rounded

_CHANCES = 1 << 24


@dataclass(frozen=True, eq=False, repr=False)
class NegativeBinomial(Counts):
    """A symbol, 0 ... levels - 1, is how many trials fail before so many have succeeded, given that
    it is below `levels`: counts that vary more than Poisson's.

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
        of, floats = "of a negative binomial codec", "NegativeBinomial.from_float"
        successes = as_parameters(successes, np.uint32, f"the successes {of}", 1, 2**32 - 1, floats)
        probability = as_parameters(
            probability, np.uint32, f"the probabilities {of}", 1, _CHANCES - 1, floats
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
    ) -> "NegativeBinomial":
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
