"""The source of a distribution: its entry in a description."""

from dataclasses import dataclass

from bitsback.errors import ModelError
from bitsback.models.code import DistributionKey
from bitsback.models.integer import Network
from bitsback.models.integer.fields import Fields, TensorReader
from bitsback.models.networks import NetworkReader
from bitsback.models.variables import DATA, Variable


@dataclass(frozen=True)
class DistributionEntry:
    """The entry `key` of `distributions`, with the variables, networks and tensors it may name."""

    key: str
    parsed_key: DistributionKey
    fields: Fields
    tensors: TensorReader
    variables: dict[str, Variable]
    networks: NetworkReader

    @property
    def variable(self) -> Variable:
        return self.variables[self.parsed_key.variable]

    def require_data_alone(self, codec: str) -> None:
        """Raises ModelError unless the key is p(x)."""
        if self.parsed_key.variable != DATA or self.parsed_key.given:
            raise ModelError(f"the codec {codec} is only for the distribution p(x)")

    def network(self, outputs: int | range) -> tuple[Network, list[str]]:
        """The network of the variables that the distribution depends on, and its outputs.

        The outputs must be on the grid of the variable. Raises ModelError.
        """
        if not self.parsed_key.given:
            raise ModelError("a network needs variables to read, and the key has none")
        names = self.fields.texts("outputs", outputs)
        sources = {name: self.variables[name].values for name in self.parsed_key.given}
        network = self.networks.of_variables(self.fields.text("network"), sources, names)
        for name in names:
            if network.known[name].grid != self.variable.grid:
                raise ModelError(
                    f"the output '{name}' of {network.name} is not on the grid of"
                    f" {self.variable.name}"
                )
        return network, names
