"""A model's code by public codecs, which is slow and gives the same bits as the core."""

import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback.codecs.codec import one_step
from bitsback.codecs.exact_functions import total
from bitsback.message import Message
from bitsback.models.code import CodeStep
from bitsback.models.distributions import Distribution
from bitsback.models.integer import Size
from bitsback.models.variables import DATA


@dataclass(frozen=True, eq=False)
class ProgramCodec:
    """Codes x [items, elements], at the cost of the negative ELBO of the model: the bits that
    choose latents come back.

    Source: Townsend, Bird, Barber 2019, Table 1 and Figure 5; Kingma, Abbeel, Ho 2019, for more
    than one layer of latents.
    """

    code: tuple[CodeStep, ...]
    distributions: Mapping[str, Distribution]
    items: int
    size: Size

    def push(self, message: Message, x: NDArray[Any]) -> None:
        values = self._run(message, self.code, {DATA: x}, forwards=True)
        assert not values

    def pop(self, message: Message) -> NDArray[Any]:
        values = self._run(message, reversed(self.code), {}, forwards=False)
        return values[DATA]

    def bits(self, x: NDArray[Any]) -> float:
        """The cost of a push of x, for latents drawn with random bits: a sample of the negative
        ELBO, in bits.
        """
        message, values, costs = Message.random(), {DATA: x}, []
        for step in self.code:
            codec = self.distributions[step.distribution].codec(values, self.items, self.size)
            if step.pops:
                values[step.variable] = symbols = codec.pop(message)
                costs.append(-total(codec.bits(symbols)))
            else:
                costs.append(total(codec.bits(values.pop(step.variable))))
        return math.fsum(costs)

    @one_step
    def _run(
        self,
        message: Message,
        steps: Iterable[CodeStep],
        values: dict[str, NDArray[Any]],
        forwards: bool,
    ) -> dict[str, NDArray[Any]]:
        with ExitStack() as undo:
            for step in steps:
                distribution = self.distributions[step.distribution]
                codec = distribution.codec(values, self.items, self.size)
                if step.pops == forwards:
                    values[step.variable] = symbols = codec.pop(message)
                    undo.callback(codec.push, message, symbols)
                else:
                    codec.push(message, values.pop(step.variable))
                    undo.callback(codec.pop, message)
            undo.pop_all()
        return values
