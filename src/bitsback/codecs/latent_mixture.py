"""One of several codecs, chosen by a latent that bits back makes free."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.base import Codec, kept, require_codecs
from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.categorical import Categorical
from bitsback.codecs.information import total
from bitsback.codecs.logits import FARTHEST, POWER_BITS, powers
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

X = TypeVar("X")

PRECISION = 24


@dataclass(frozen=True, eq=False, repr=False)
class LatentMixture(ByValue, Generic[X]):
    """Codes x with a mixture of any codecs, at the price of -log2 of the sum of weight[k] * p_k(x):
    the choice of k costs nothing, for its bits are had back.

    Push pops k under the posterior p(k | x), which follows from `bits` of each codec, and pushes x
    with the codec k. weight: positive integers or floats [components], which need not sum to one.
    codecs: of x, as many; each must be able to code any x that is pushed.
    What is popped is as portable as the `bits` of the codecs: those of this library are the same on
    every machine. Source: Townsend, Bird, Barber 2019, section 2.2, with a discrete latent whose
    exact posterior is known; docs/codecs.md.
    Raises MessageError for weights that are none, or not as many as codecs.

    >>> from bitsback.codecs import Bernoulli
    >>> codec = LatentMixture([0.5, 0.5], [
    ...     Bernoulli.from_probability([0.875] * 3), Bernoulli.from_probability([0.125] * 3)
    ... ])
    >>> message = Message()
    >>> codec.push(message, [1, 1, 1])
    >>> codec.pop(message).tolist()
    [1, 1, 1]
    >>> round(codec.bits([1, 1, 1]), 2)  # -log2(0.5 * 0.875^3 + 0.5 * 0.125^3)
    1.57
    """

    weight: NDArray[np.float64]
    codecs: Sequence[Codec[X]]

    def __post_init__(self) -> None:
        codecs = tuple(self.codecs)
        require_codecs(**{f"component {number}": codec for number, codec in enumerate(codecs)})
        object.__setattr__(self, "codecs", codecs)
        weight = kept(self.weight, np.float64)
        if weight.shape != (len(codecs),) or not 1 <= len(codecs) <= 65536:
            raise MessageError(
                f"a mixture needs a weight for each codec, not {weight.shape} for {len(codecs)}"
            )
        object.__setattr__(self, "weight", weight)
        if not (bool(np.isfinite(weight).all()) and weight.min() >= 0 and weight.max() > 0):
            raise MessageError("the weights must be finite and not negative, and not all zero")

    def push(self, message: Message, x: X) -> None:
        self._bits_back().push(message, x)

    def pop(self, message: Message) -> X:
        return self._bits_back().pop(message)

    def bits(self, x: X) -> float:
        """What a push of x costs with the k that random bits choose, always the same ones; its mean
        over k is -log2 of the sum of weight[k] * p_k(x), up to the rounding of the posterior.
        """
        return self._bits_back().bits(x)

    def _bits_back(self) -> BitsBack[X, NDArray[np.uint32]]:
        return BitsBack(self._prior, lambda k: self.codecs[int(k)], self._posterior)

    @cached_property
    def _prior(self) -> Categorical:
        return Categorical.from_probability(self.weight, PRECISION, ())

    def _posterior(self, x: X) -> Categorical:
        """p(k | x): the frequencies of the prior times powers of two, in integers."""
        bits = np.array([total(codec.bits(x)) for codec in self.codecs])
        less = np.floor(np.minimum(bits - bits.min(), FARTHEST) * (1 << POWER_BITS))
        weights = powers(less.astype(np.int64)) * self._prior.frequencies
        return Categorical.from_probability(weights, PRECISION, ())
