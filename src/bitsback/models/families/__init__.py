"""Families of distributions of an element of the data, some also of a latent, with parameters from
outputs of a network. Each file has one.

A family has

- `outputs`: its requirements for each output of a network, for one element;
- `most_components`: the most numbers that each output may have for one element;
- `parameters(outputs, components)`: from outputs [..., some components] to the parameters of its
  codec, for so many components, which may be more; `codec_of(*parameters)`: that codec, of symbols
  [...]; `codec(outputs)`: both;
- `core()`: the same in the core.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.families import bernoulli, cdf_table, mixture, normal
from bitsback.models.families.family_entry import FamilyEntry, Range
from bitsback.models.integer import Activations
from bitsback.models.integer.fields import Fields, TensorReader


class Family(Protocol):
    @property
    def outputs(self) -> tuple[Range, ...]: ...
    @property
    def most_components(self) -> int: ...
    def parameters(
        self, outputs: list[NDArray[Any]], components: int
    ) -> tuple[NDArray[Any], ...]: ...
    def codec_of(self, *parameters: NDArray[Any]) -> Any: ...
    def codec(self, outputs: list[NDArray[Any]]) -> Any: ...
    def core(self) -> _core.Family: ...


_KINDS: dict[str, Callable[[FamilyEntry], Family]] = {
    "bernoulli": bernoulli.read,
    "beta-binomial": cdf_table.read_beta_binomial,
    "exponential": cdf_table.read_exponential,
    "mixture": mixture.read,
    "normal": normal.read,
}
INDEPENDENT = tuple(_KINDS)
"""The codecs of elements that are independent, given other variables."""
OF_LATENTS = ("mixture", "normal")
"""The families that latents can have too."""
IN_CONTEXT = ("bernoulli", "exponential", "mixture")
"""The families of a pixel's channels in an autoregressive model."""


def read_family(
    codec: str, fields: Fields, tensors: TensorReader, levels: int, network: str
) -> Family:
    """Reads the fields of a distribution or a group. Raises ModelError for anything that
    docs/model-format.md does not allow.

    network: its name begins the names of the family's tensors.
    """
    return _KINDS[codec](FamilyEntry(fields, tensors, levels, network))


@dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs of a network that a family reads."""

    names: tuple[str, ...]
    components: int
    """The components of each output, for one element."""


def check_outputs(
    family: Family, names: list[str], known: dict[str, Activations], channels: int, where: str
) -> Outputs:
    """The outputs, with the same number of components each. Raises ModelError for outputs that the
    family does not read.

    channels: of the variable, or of a group, on whose grid the outputs must be.
    """
    if len(set(names)) != len(family.outputs) or len(names) != len(family.outputs):
        raise ModelError(f"{where}: 'outputs' must name {len(family.outputs)} different layers")
    first = known[names[0]].channels
    if first % channels or not 1 <= first // channels <= family.most_components:
        raise ModelError(
            f"{where}: '{names[0]}' must have 1 to {family.most_components} numbers for each of"
            f" {channels} channels, not {first} in all"
        )
    for name, allowed in zip(names, family.outputs, strict=True):
        values = known[name]
        if values.channels != first or not values.within(*allowed):
            raise ModelError(
                f"{where}: '{name}' must have {first} channels in [{allowed[0]}, {allowed[1]}], and"
                f" has {values}"
            )
    return Outputs(tuple(names), first // channels)
