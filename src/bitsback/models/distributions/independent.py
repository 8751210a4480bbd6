"""Elements of a variable that are independent, given other variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.distributions import coupled
from bitsback.models.distributions.coupled import CoupledDistribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import OF_LATENTS, Family, Outputs, check_outputs, read_family
from bitsback.models.families.normal import NormalFamily
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable


@dataclass(frozen=True, eq=False)
class IndependentDistribution:
    variable: Variable
    given: tuple[str, ...]
    network: Network
    outputs: Outputs
    family: Family

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """The outputs that the family reads, each [items, elements * components]."""
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=self.outputs.names)

    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> Any:
        outputs = self.parameters(values, size)
        shape = items, self.variable.elements(size), self.outputs.components
        return self.family.codec([output.reshape(shape) for output in outputs])

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        bound = self.network.at(size)
        outputs = [bound.numbers[name] for name in self.outputs.names]
        return _core.distribution(
            "independent",
            numbers[self.variable.name],
            elements=self.variable.elements(size),
            given=_core.Conditional(bound.core, [numbers[name] for name in self.given], outputs),
            family=self.family.core(),
        )

    def memory(self, shape: ItemShape) -> int:
        known = self.network.known
        return 4 * sum(known[name].elements(shape.size) for name in self.outputs.names)

    def macs(self, shape: ItemShape) -> int:
        return 0

    def steps(self, shape: ItemShape) -> int:
        return 1


def read(source: DistributionEntry, codec: str) -> IndependentDistribution | CoupledDistribution:
    """Reads an entry; a coupled distribution if its normals have a coupling."""
    variable = source.variable
    if variable.name != DATA and codec not in OF_LATENTS:
        raise ModelError(f"the codec {codec} is for the data, not for latents")
    fields = source.fields
    # The family, whose tensors have the network's name, determines the number of outputs.
    name = fields.peek_text("network")
    family = read_family(codec, fields, source.tensors, variable.levels, name)
    count = len(family.outputs)
    normal = isinstance(family, NormalFamily)
    network, names = source.network(range(count, coupled.OUTPUTS + 1) if normal else count)
    if isinstance(family, NormalFamily) and len(names) == coupled.OUTPUTS:
        return coupled.make(source, network, names, family)
    outputs = check_outputs(family, names, network.known, variable.channels, network.name)
    return IndependentDistribution(variable, source.parsed_key.given, network, outputs, family)
