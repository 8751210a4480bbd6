"""Bits back with several layers of latents, each pushed before the next one is needed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bitsback.codecs.base import Codec, naming, require_codecs, require_functions
from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import codec_from
from bitsback.codecs.information import total
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class BitSwap(ByValue):
    """Codes x with a chain of latents z1, z2, ..., each of which depends on the next one alone.

    posteriors: from x to the codec of z1, from z1 to that of z2, and so on. likelihoods: from z1 to
    the codec of x, from z2 to that of z1, and so on, as many. prior: the codec of the last of them.
    Push pops z1, pushes x, pops z2, pushes z1, ..., so no more bits are needed before the first
    push than z1 takes, where popping all latents first takes those of every layer. It is bits back
    whose prior codes with bits back. Where the posterior of a layer needs x or the layer above, see
    `TopDown`. Functions are given arrays of int64, as those of `BitsBack` are. Raises MessageError
    unless there are as many posteriors as likelihoods. Source: Kingma, Abbeel, Ho 2019 (Bit-Swap),
    Algorithm 1.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> def near(bits, chance=0.9):
    ...     return Bernoulli.from_probability([chance if bit else 1 - chance for bit in bits])
    >>> codec = BitSwap(posteriors=[near, near], likelihoods=[near, near], prior=Uniform(2, (4,)))
    >>> message = Message([1 << 63], depth=0)
    >>> codec.push(message, [1, 1, 0, 1])
    >>> codec.pop(message).tolist()
    [1, 1, 0, 1]
    """

    posteriors: Sequence[Callable[[Any], Codec[Any]]]
    likelihoods: Sequence[Callable[[Any], Codec[Any]]]
    prior: Codec[Any]

    def __post_init__(self) -> None:
        if len(self.posteriors) != len(self.likelihoods):
            raise MessageError(
                "Bit-Swap needs a posterior and a likelihood for each layer of latents, not"
                f" {len(self.posteriors)} and {len(self.likelihoods)}"
            )
        require_codecs(prior=self.prior)
        for posterior, likelihood in zip(self.posteriors, self.likelihoods, strict=True):
            require_functions(posteriors=posterior, likelihoods=likelihood)

    def push(self, message: Message, x: Any) -> None:
        self._nested().push(message, x)

    def pop(self, message: Message) -> Any:
        return self._nested().pop(message)

    def bits(self, x: Any) -> float:
        """What a push of x costs with the latents that random bits choose, always the same ones: a
        sample of the negative ELBO, in bits.
        """
        message, costs = Message.random(), []
        for posterior_of, likelihood_of in zip(self.posteriors, self.likelihoods, strict=True):
            posterior = codec_from("the posterior", posterior_of, x)
            z = posterior.pop(message)
            likelihood = codec_from("the likelihood", likelihood_of, z)
            with naming("the likelihood cannot code x"):
                likelihood.push(message, x)
            costs += [total(likelihood.bits(x)), -total(posterior.bits(z))]
            x = z
        with naming("the prior cannot code what the posterior has popped"):
            return math.fsum([*costs, total(self.prior.bits(x))])

    def _nested(self) -> Codec[Any]:
        codec = self.prior
        for posterior, likelihood in zip(
            reversed(self.posteriors), reversed(self.likelihoods), strict=True
        ):
            codec = BitsBack(prior=codec, likelihood=likelihood, posterior=posterior)
        return codec
