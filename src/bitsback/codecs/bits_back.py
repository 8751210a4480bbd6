"""Bits back with one latent, with layers of latents, or with a choice of codecs as the latent."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs.categorical import Categorical
from bitsback.codecs.codec import (
    Codec,
    codec_from,
    naming,
    one_step,
    require_codecs,
    require_functions,
    undoing,
)
from bitsback.codecs.conditional import Dependent
from bitsback.codecs.exact_functions import FARTHEST, POWER_BITS, powers, total
from bitsback.codecs.symbol_arrays import ByValue, kept
from bitsback.errors import MessageError
from bitsback.lazy import cached_property
from bitsback.message import Message

X = TypeVar("X")
Z = TypeVar("Z")


@dataclass(frozen=True, eq=False, repr=False)
class BitsBack(ByValue, Generic[X, Z]):
    """Codes x with a latent-variable model, at the cost of its negative ELBO.

    A push chooses z by bits of the message, and a pop returns them. prior: the codec of z under
    p(z). likelihood: a function from z to the codec of x under p(x|z). posterior: a function from x
    to the codec of z under q(z|x). Whether pushing or popping, both functions get copies of the
    symbols as arrays of int64 (docs/own-codec.md).

    The first z is drawn with the initial bits of the message. Those of `Message()` are zeros, which
    may draw an unlikely z; this costs hundreds of bits once. `Message.random()` avoids it. Raises
    MessageError for a function that returns no codec. Source: Townsend, Bird, Barber 2019, Table 1
    and Figure 5.

    >>> from bitsback.codecs import Bernoulli, Uniform
    >>> codec = BitsBack(
    ...     prior=Uniform(2, shape=(1,)),
    ...     likelihood=lambda z: Bernoulli.from_probability([0.9 if z[0] else 0.1] * 3),
    ...     posterior=lambda x: Bernoulli.from_probability([0.99 if sum(x) > 1 else 0.01]),
    ... )
    >>> message = Message()
    >>> for image in ([1, 1, 1], [0, 0, 1]):
    ...     codec.push(message, image)
    >>> codec.pop(message).tolist(), codec.pop(message).tolist()
    ([0, 0, 1], [1, 1, 1])
    """

    prior: Codec[Z]
    likelihood: Callable[[Any], Codec[X]]
    posterior: Callable[[Any], Codec[Z]]

    def __post_init__(self) -> None:
        require_codecs(prior=self.prior)
        require_functions(likelihood=self.likelihood, posterior=self.posterior)

    @one_step
    def push(self, message: Message, x: X) -> None:
        posterior = codec_from("the posterior", self.posterior, x)
        z = posterior.pop(message)
        with undoing(lambda: posterior.push(message, z)):
            likelihood = codec_from("the likelihood", self.likelihood, z)
            with naming("the likelihood cannot code x"):
                likelihood.push(message, x)
            with (
                undoing(lambda: likelihood.pop(message)),
                naming("the prior cannot code what the posterior has popped"),
            ):
                self.prior.push(message, z)

    @one_step
    def pop(self, message: Message) -> X:
        z = self.prior.pop(message)
        with undoing(lambda: self.prior.push(message, z)):
            likelihood = codec_from("the likelihood", self.likelihood, z)
            x: X = likelihood.pop(message)
            with undoing(lambda: likelihood.push(message, x)):
                posterior = codec_from("the posterior", self.posterior, x)
                with naming("the posterior cannot code what the prior has popped"):
                    posterior.push(message, z)
        return x

    def bits(self, x: X) -> float:
        """The cost of a push of x in bits: -log2 p(x|z) - log2 p(z) + log2 q(z|x).

        It is a sample of the negative ELBO, for a z drawn with fixed random bits.
        """
        posterior = codec_from("the posterior", self.posterior, x)
        z = posterior.pop(Message.random())
        with naming("the likelihood cannot code x"):
            of_x = total(codec_from("the likelihood", self.likelihood, z).bits(x))
        with naming("the prior cannot code what the posterior has popped"):
            pushed = of_x + total(self.prior.bits(z))
        return pushed - total(posterior.bits(z))


class _BitsBackInside(ByValue, ABC):
    """A codec that pushes and pops through another codec."""

    @abstractmethod
    def _codec(self) -> Codec[Any]: ...

    def push(self, message: Message, x: Any) -> None:
        self._codec().push(message, x)

    def pop(self, message: Message) -> Any:
        return self._codec().pop(message)

    def bits(self, x: Any) -> float:
        """The cost of a push of x, with the latents that fixed random bits choose: a sample of the
        negative ELBO, in bits.
        """
        return total(self._codec().bits(x))


@dataclass(frozen=True, eq=False, repr=False)
class BitSwap(_BitsBackInside):
    """Codes x with a chain of latents z1, z2, ..., each of which depends on the next one alone.

    posteriors: functions from x to the codec of z1, from z1 to that of z2, and so on.
    likelihoods: as many functions, from z1 to the codec of x, from z2 to that of z1, and so on.
    prior: the codec of the last latent. Functions get arrays of int64, as those of `BitsBack` do.

    A push pops z1, pushes x, pops z2, pushes z1, and so on. The first push therefore needs initial
    bits only for z1. Popping all latents first would need bits for every layer. Bit-Swap is bits
    back with a prior that itself uses bits back. If the posterior of a layer needs x or the layer
    above, see `TopDown`. Raises MessageError unless there are as many posteriors as likelihoods.
    Source: Kingma, Abbeel, Ho 2019 (Bit-Swap), Algorithm 1.

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

    def bits(self, x: Any) -> float:
        """The cost of a push of x, with the latents that fixed random bits choose: a sample of the
        negative ELBO, in bits.
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

    def _codec(self) -> Codec[Any]:
        codec = self.prior
        for posterior, likelihood in zip(
            reversed(self.posteriors), reversed(self.likelihoods), strict=True
        ):
            codec = BitsBack(prior=codec, likelihood=likelihood, posterior=posterior)
        return codec


@dataclass(frozen=True, eq=False, repr=False)
class TopDown(_BitsBackInside):
    """Codes x with layers of latents z1 ... zT whose posterior draws the last layer first.

    Diffusion models and ladder VAEs have such posteriors: q(zT | x), then q(z_t | z_(t+1), x).

    posteriors: functions from (z2, x) to the codec of z1, and so on, and the last from x alone to
    the codec of zT. likelihoods: as many functions, from z1 to the codec of x, from z2 to that of
    z1, and so on. prior: the codec of zT. Lists are in the order of those of `BitSwap`. Functions
    get arrays of int64, as those of `BitsBack` do.

    A push pops all latents, zT first, and then pushes x, z1, ..., zT. Each posterior needs x, and
    the decoder knows x only after all latents, so pushes and pops cannot alternate as in Bit-Swap.
    The first x needs initial bits for all layers, which `Message.random()` supplies. Raises
    MessageError unless there are as many posteriors as likelihoods, and at least one. Source:
    Kingma, Salimans, Poole, Ho 2021, Variational diffusion models; Townsend, Bird, Kunze, Barber
    2020 (HiLLoC).

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
                "at least one layer of latents is needed, each with a posterior and a likelihood,"
                f" not {len(self.posteriors)} and {len(self.likelihoods)}"
            )
        require_codecs(prior=self.prior)
        for posterior, likelihood in zip(self.posteriors, self.likelihoods, strict=True):
            require_functions(posteriors=posterior, likelihoods=likelihood)

    def _codec(self) -> BitsBack[Any, Any]:
        """Bits back over the tuple of all latents, the last one first."""

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


PRECISION = 24


@dataclass(frozen=True, eq=False, repr=False)
class LatentMixture(_BitsBackInside, Generic[X]):
    """Codes x with a mixture of any codecs.

    The cost is -log2 of the sum of weight[k] * p_k(x). The choice of k is free, since its bits come
    back.

    A push pops k under the posterior p(k | x), which is computed from `bits` of each codec, and
    pushes x with the codec k. weight: integers or floats [components], not negative, which need not
    sum to one. codecs: one for each weight, each of which must be able to code any x that is
    pushed. Pops are as portable as `bits` of the codecs, which for those of this library are the
    same on every machine. Source: Townsend, Bird, Barber 2019, section 2.2, with a discrete latent
    whose exact posterior is known; docs/codecs.md. Raises MessageError for invalid weights, or
    another number of weights than codecs.

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

    def _codec(self) -> BitsBack[X, NDArray[np.uint32]]:
        """Bits back whose costs have the mean -log2 of the sum of weight[k] * p_k(x), up to the
        rounding of the posterior.
        """
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
