"""The codec of one step of a model's code. The model's program in the core runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bitsback import _core
from bitsback.codecs.array_codec import bits_of_push
from bitsback.codecs.exact_functions import total
from bitsback.codecs.symbol_arrays import as_symbols
from bitsback.message import Message
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import Variable


@dataclass(frozen=True, eq=False)
class StepCodec:
    """Codes a variable [items, elements] under the distribution of a step."""

    program: _core.Program
    step: int
    variables: Mapping[str, Variable]
    """All variables of the model, in order."""
    variable: str
    given: Mapping[str, ArrayLike]
    """The variables that the distribution depends on, [items, elements] each."""
    items: int
    shape: ItemShape
    """The shape of an item of the data."""

    def push(self, message: Message, symbols: ArrayLike) -> None:
        self._push(message, self._values(symbols), self.items)

    def pop(self, message: Message) -> NDArray[Any]:
        values, number = self._values(), list(self.variables).index(self.variable)
        x = self.program.pop_step(message, self.step, self.items, self.shape, values, number)
        return x.reshape(self.items, self.variables[self.variable].elements(self.shape.size))

    def bits(self, symbols: ArrayLike) -> NDArray[np.float64]:
        """The cost of each item, in bits: -log2 of its exact probability, [items].

        An adaptive distribution starts anew with each item.
        """
        values = self._values(symbols)

        def cost(item: int) -> float:
            of_item = {number: array[item : item + 1] for number, array in values.items()}
            return total(bits_of_push(lambda message: self._push(message, of_item, 1)))

        return np.array([cost(item) for item in range(self.items)], np.float64)

    def _push(self, message: Message, values: Mapping[int, NDArray[Any]], items: int) -> None:
        self.program.push_step(message, self.step, items, self.shape, values)

    def _values(self, symbols: ArrayLike | None = None) -> dict[int, NDArray[Any]]:
        """The variables that a push or a pop reads, by their numbers in the core.

        symbols: those of the coded variable, for a push.
        """
        values = dict(self.given)
        if symbols is not None:
            values[self.variable] = symbols
        return {
            number: as_symbols(
                values[name], variable.dtype, (self.items, variable.elements(self.shape.size))
            )
            for number, (name, variable) in enumerate(self.variables.items())
            if name in values
        }
