"""Bits back itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bitsback.codecs.base import Codec, naming, require_codecs, require_functions, undoing
from bitsback.codecs.by_value import ByValue
from bitsback.codecs.forms import codec_from
from bitsback.codecs.information import total
from bitsback.message import Message

X = TypeVar("X")
Z = TypeVar("Z")


@dataclass(frozen=True, eq=False, repr=False)
class BitsBack(ByValue, Generic[X, Z]):
    """Codes x with a latent-variable model, at the price of the negative ELBO: the bits that choose
    z are had back.

    prior: codec of z under p(z). likelihood: from z to the codec of x under p(x|z). posterior: from
    x to the codec of z under q(z|x). Any codecs will do. Both functions are given copies of the
    symbols in one form, whichever direction codes: arrays of int64 (docs/own-codec.md). The first z
    is drawn by the bits that the message begins with: those of `Message()` are zeros, which may
    draw a z that is unlikely and costs hundreds of bits once, and those of `Message.random()` are
    not. Raises MessageError for a function that returns no codec. Source: Townsend, Bird, Barber
    2019, Table 1 and Figure 5.

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
        """What a push of x costs with the z that random bits choose, always the same ones: -log2
        p(x|z) - log2 p(z) + log2 q(z|x), in bits, a sample of the negative ELBO.
        """
        posterior = codec_from("the posterior", self.posterior, x)
        z = posterior.pop(Message.random())
        with naming("the likelihood cannot code x"):
            of_x = total(codec_from("the likelihood", self.likelihood, z).bits(x))
        with naming("the prior cannot code what the posterior has popped"):
            pushed = of_x + total(self.prior.bits(z))
        return pushed - total(posterior.bits(z))
