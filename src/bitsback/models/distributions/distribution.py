"""The base of distributions, and the network of distributions that depend on other variables."""

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
    """A network of the variables that a distribution depends on, and the outputs that it reads."""

    network: Network
    given: tuple[str, ...]
    outputs: tuple[str, ...]

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """The outputs, each [items, elements], for variables [items, elements]."""
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=self.outputs)

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Conditional:
        bound = self.network.at(size)
        outputs = [bound.numbers[name] for name in self.outputs]
        return _core.Conditional(bound.core, [numbers[name] for name in self.given], outputs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Distribution(ABC):
    """A distribution of a variable. Its codec pushes and pops the variable."""

    variable: Variable
    conditional: Conditional | None = None

    @abstractmethod
    def core(self, size: Any, numbers: Mapping[str, int]) -> _core.Distribution:
        """The distribution in the core.

        size: rows and columns of the images; None in a model whose data have any shape. numbers:
        the numbers of the variables in the core.
        """

    def memory(self, shape: ItemShape) -> int:
        """The bytes of memory for coding an item, without its variables."""
        return 0

    def macs(self, shape: ItemShape) -> int:
        """The multiply-adds of an item, without those of networks that read variables."""
        return 0

    def steps(self, shape: ItemShape) -> int:
        """The number of arrays that coding a batch of such items takes."""
        return 1
