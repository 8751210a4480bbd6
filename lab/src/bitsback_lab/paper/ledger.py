"""The ledger of one image: what each step of bits back takes from the message, and adds to it.

Source: the paper's Table 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback import Message, Model
from bitsback_lab.paper.coding import Symbols, length


class _Counted(Protocol):
    def bits(self, symbols: Any) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Step:
    """before, after: the length of the message in bits. information: that of what was pushed,
    negative if popped.
    """

    name: str
    before: float
    after: float
    information: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Ledger:
    """The three steps of bits back for an image of so many pixels."""

    steps: tuple[Step, Step, Step]
    pixels: int

    @property
    def change(self) -> float:
        """Bits by which the message grew."""
        return self.steps[-1].after - self.steps[0].before

    @property
    def negative_elbo(self) -> float:
        """-log2 p(x|z) - log2 p(z) + log2 q(z|x) for the z that was drawn, in bits: a sample of the
        negative ELBO.
        """
        return sum(step.information for step in self.steps)


def enter(model: Model, message: Message, x: Symbols) -> Ledger:
    """Codes one image, x uint8 [1, pixels], into the message, and writes down each step."""
    lengths = [length(message)]

    def information(codec: _Counted, symbols: Any) -> float:
        lengths.append(length(message))
        return float(codec.bits(symbols).sum())

    posterior, prior = model.posterior(x), model.prior(1)
    z = posterior.pop(message)
    popped = information(posterior, z)
    likelihood = model.likelihood(z)
    likelihood.push(message, x)
    pushed_x = information(likelihood, x)
    prior.push(message, z)
    pushed_z = information(prior, z)
    signed = (
        ("pop z under q(z|x)", -popped),
        ("push x under p(x|z)", pushed_x),
        ("push z under p(z)", pushed_z),
    )
    first, second, third = (
        Step(name, lengths[i], lengths[i + 1], bits) for i, (name, bits) in enumerate(signed)
    )
    return Ledger((first, second, third), model.pixels)
