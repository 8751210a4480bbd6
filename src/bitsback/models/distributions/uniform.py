"""Each element is uniform over its levels: the prior of the latents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import Uniform
from bitsback.errors import ModelError
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import Variable


@dataclass(frozen=True)
class UniformDistribution:
    variable: Variable
    given: tuple[str, ...] = ()

    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> Uniform:
        return Uniform(self.variable.levels, (items, self.variable.elements(size)))

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        return []

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        return _core.distribution(
            "uniform", numbers[self.variable.name], levels=self.variable.levels
        )

    def memory(self, shape: ItemShape) -> int:
        return 0

    def macs(self, shape: ItemShape) -> int:
        return 0

    def steps(self, shape: ItemShape) -> int:
        return 1


def read(source: DistributionEntry, codec: str) -> UniformDistribution:
    if source.parsed_key.given:
        raise ModelError("a uniform distribution is given nothing")
    return UniformDistribution(source.variable)
