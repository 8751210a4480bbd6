"""Bits back itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bitsback.codecs.base import Codec, undoing
from bitsback.message import Message

X = TypeVar("X")
Z = TypeVar("Z")


@dataclass(frozen=True)
class BitsBack(Generic[X, Z]):
    """Codes x with a latent-variable model, at the price of the negative ELBO: the bits that choose
    z are had back.

    prior: codec of z under p(z). likelihood: from z to the codec of x under p(x|z). posterior: from
    x to the codec of z under q(z|x). Any codecs will do. Source: Townsend, Bird, Barber 2019, Table
    1 and Figure 5.
    """

    prior: Codec[Z]
    likelihood: Callable[[Z], Codec[X]]
    posterior: Callable[[X], Codec[Z]]

    def push(self, message: Message, x: X) -> None:
        posterior = self.posterior(x)
        z = posterior.pop(message)
        with undoing(lambda: posterior.push(message, z)):
            likelihood = self.likelihood(z)
            likelihood.push(message, x)
            with undoing(lambda: likelihood.pop(message)):
                self.prior.push(message, z)

    def pop(self, message: Message) -> X:
        z = self.prior.pop(message)
        with undoing(lambda: self.prior.push(message, z)):
            likelihood = self.likelihood(z)
            x = likelihood.pop(message)
            with undoing(lambda: likelihood.push(message, x)):
                self.posterior(x).push(message, z)
        return x
