"""The base of distributions, and the network of those that are given other variables."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import Variable


@dataclass(frozen=True, eq=False)
class Conditional:
    """A network over the given variables, and the outputs that a distribution reads."""

    network: Network
    given: tuple[str, ...]
    outputs: tuple[str, ...]

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """The outputs, each [items, elements], for the given variables [items, elements]."""
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=self.outputs)

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Conditional:
        bound = self.network.at(size)
        outputs = [bound.numbers[name] for name in self.outputs]
        return _core.Conditional(bound.core, [numbers[name] for name in self.given], outputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Distribution(ABC):
    """A distribution of a variable, with which it is pushed and popped."""

    variable: Variable
    conditional: Conditional | None = None

    @abstractmethod
    def core(self, size: Any, numbers: Mapping[str, int]) -> _core.Distribution:
        """The same in the core. size: of the images, None in a model whose data have any shape.
        numbers: those of the variables in the core.
        """

    def memory(self, shape: ItemShape) -> int:
        """The bytes that coding an item takes, beside its variables."""
        return 0

    def macs(self, shape: ItemShape) -> int:
        """The multiply-adds of an item, beside those of networks that read variables."""
        return 0

    def steps(self, shape: ItemShape) -> int:
        """The arrays that coding a batch of such items takes."""
        return 1
