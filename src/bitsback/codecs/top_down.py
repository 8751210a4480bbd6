"""Bits back with layers of latents whose posterior goes from the top down: diffusion models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bitsback.codecs.base import Codec, require_codecs, require_functions
from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.dependent import Dependent
from bitsback.codecs.forms import codec_from
from bitsback.errors import MessageError
from bitsback.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class TopDown(ByValue):
    """Codes x with layers of latents z1 ... zT of which the posterior chooses the last one first:
    q(zT | x), then q(z_t | z_(t+1), x), as in diffusion models and ladder VAEs.

    posteriors: from (z2, x) to the codec of z1, and so on, and from x alone to that of the last,
    zT. likelihoods: from z1 to the codec of x, from z2 to that of z1, and so on, as many. prior:
    the codec of zT. Lists are in the order of those of `BitSwap`. Functions are given arrays of
    int64, as those of `BitsBack` are.
    A push pops all latents, zT first, and then pushes x, z1, ..., zT. The decoder knows x only when
    it has all latents, and each posterior needs x, so that no push can come before a pop as in
    Bit-Swap: the first x needs the bits of all layers, which `Message.random()` supplies.
    Raises MessageError unless there are as many posteriors as likelihoods, and one at least.
    Source: Kingma, Salimans, Poole, Ho 2021, Variational diffusion models; Townsend, Bird,
    Kunze, Barber 2020 (HiLLoC).

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> def near(bits, chance=0.9):
    ...     return Bernoulli.from_probability([chance if bit else 1 - chance for bit in bits])
    >>> codec = TopDown(
    ...     posteriors=[lambda z2, x: near((z2 + 2 * x) // 2), near],
    ...     likelihoods=[near, near],
    ...     prior=Uniform(2, (4,)),
    ... )
    >>> message = Message.random()
    >>> codec.push(message, [1, 1, 0, 1])
    >>> codec.pop(message).tolist()
    [1, 1, 0, 1]
    """

    posteriors: Sequence[Callable[..., Codec[Any]]]
    likelihoods: Sequence[Callable[[Any], Codec[Any]]]
    prior: Codec[Any]

    def __post_init__(self) -> None:
        if not len(self.posteriors) == len(self.likelihoods) >= 1:
            raise MessageError(
                "each layer of latents, one at least, needs a posterior and a likelihood, not"
                f" {len(self.posteriors)} and {len(self.likelihoods)}"
            )
        require_codecs(prior=self.prior)
        for posterior, likelihood in zip(self.posteriors, self.likelihoods, strict=True):
            require_functions(posteriors=posterior, likelihoods=likelihood)

    def push(self, message: Message, x: Any) -> None:
        self._bits_back().push(message, x)

    def pop(self, message: Message) -> Any:
        return self._bits_back().pop(message)

    def bits(self, x: Any) -> float:
        """What a push of x costs with the latents that random bits choose, always the same ones: a
        sample of the negative ELBO, in bits.
        """
        return self._bits_back().bits(x)

    def _bits_back(self) -> BitsBack[Any, Any]:
        """Over the tuple of all latents, the last one first."""

        def of_x(latents: Any) -> Codec[Any]:
            return codec_from("the likelihood of x", self.likelihoods[0], latents[-1])

        return BitsBack(Dependent(self._prior), of_x, lambda x: Dependent(self._posterior(x)))

    def _prior(self) -> Any:
        z = yield self.prior
        for likelihood in reversed(self.likelihoods[1:]):
            z = yield codec_from("a likelihood", likelihood, z)

    def _posterior(self, x: Any) -> Any:
        def steps() -> Any:
            z = yield codec_from("the posterior of the last layer", self.posteriors[-1], x)
            for posterior in reversed(self.posteriors[:-1]):
                z = yield codec_from("a posterior", posterior, z, x)

        return steps
