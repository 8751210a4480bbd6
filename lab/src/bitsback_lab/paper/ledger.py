"""The ledger of one image: what each step of a model's code takes from the message, and adds to it.

Source: the paper's Table 1; Kingma, Abbeel, Ho 2019 (Bit-Swap), for layers of latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import Message
from bitsback.integer import Size
from bitsback.models import Model
from bitsback.models.variables import DATA
from bitsback_lab.paper.coding import Symbols, length


@dataclass(frozen=True)
class Step:
    """before, after: the length of the message in bits. information: that of what was pushed,
    negative if popped.
    """

    name: str
    variable: str
    before: float
    after: float
    information: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Ledger:
    """The steps of a model's code for an image of so many pixels, each channel counted."""

    steps: tuple[Step, ...]
    pixels: int

    @property
    def change(self) -> float:
        """Bits by which the message grew."""
        return self.steps[-1].after - self.steps[0].before

    @property
    def negative_elbo(self) -> float:
        """The sum of -log2 p of all that is pushed and of log2 q of all latents, for those that
        were drawn, in bits: a sample of the negative ELBO.
        """
        return sum(step.information for step in self.steps)

    @property
    def layers(self) -> dict[str, float]:
        """What each latent variable costs by the draws, in bits: its push less its pop."""
        costs: dict[str, float] = {}
        for step in self.steps:
            if step.variable != DATA:
                costs[step.variable] = costs.get(step.variable, 0.0) + step.information
        return costs


def enter(model: Model, size: Size, message: Message, x: Symbols) -> Ledger:
    """Codes one image of this size, x [1, pixels], into the message, and writes down each step of
    the model's code.
    """
    steps: list[Step] = []
    values: dict[str, NDArray[Any]] = {DATA: x}
    before = length(message)
    for line in model.code:
        codec = model.distributions[line.distribution].codec(values, 1, size)
        if line.pops:
            values[line.variable] = symbols = codec.pop(message)
            information = -float(codec.bits(symbols).sum())
        else:
            symbols = values.pop(line.variable)
            codec.push(message, symbols)
            information = float(codec.bits(symbols).sum())
        name = f"{'pop' if line.pops else 'push'} {line.variable} under {line.distribution}"
        after = length(message)
        steps.append(Step(name, line.variable, before, after, information))
        before = after
    return Ledger(tuple(steps), x.size)
