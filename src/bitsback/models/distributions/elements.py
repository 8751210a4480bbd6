"""Distributions of all elements of a variable at once: uniform, or by the outputs of a network.

Elements of a family are independent given other variables. Coupled normals also depend on the
earlier channels at their place. Source: Salimans et al. 2017 (PixelCNN++), section 2.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.distributions.distribution import Conditional, Distribution
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.families import NORMAL, OF_LATENTS, Family, Range, check_outputs, read_family
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA
from bitsback.tables import normal_cdf, normal_quantile

_COUPLED_OUTPUTS = 3  # mean, scale and coupling
_COUPLING: Range = (-128, 127)
_BUCKET_MEAN: Range = (-2048, 2047)
_SCALE: Range = (0, 255)


@dataclass(frozen=True, eq=False, kw_only=True)
class ElementDistribution(Distribution):
    kind: str
    """The name of the distribution in the core."""
    family: Family | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    """The arguments for the core besides the variable, the network and the family."""

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        fields = dict(self.fields)
        if self.conditional is not None:
            fields["given"] = self.conditional.core(size, numbers)
        if self.family is not None:
            fields["family"] = self.family.core()
        return _core.distribution(
            self.kind,
            numbers[self.variable.name],
            elements=self.variable.elements(size),
            channels=self.variable.channels,
            levels=self.variable.levels,
            bits=self.variable.bits,
            **fields,
        )

    def memory(self, shape: ItemShape) -> int:
        if self.conditional is None:
            return 0
        known, outputs = self.conditional.network.known, self.conditional.outputs
        return 4 * sum(known[name].elements(shape.size) for name in outputs)

    def steps(self, shape: ItemShape) -> int:
        return self.variable.channels if self.kind == "coupled" else 1


def read_uniform(source: DistributionEntry, codec: str) -> ElementDistribution:
    if source.parsed_key.given:
        raise ModelError("a uniform distribution cannot depend on variables")
    return ElementDistribution(variable=source.variable, kind="uniform")


def read_gaussian(source: DistributionEntry, codec: str) -> ElementDistribution:
    """A normal distribution of each latent, over buckets that are equally likely under N(0, 1)."""
    variable = source.variable
    if variable.name == DATA:
        raise ModelError("the codec gaussian is for latents, not for the data")
    precision = source.fields.integer("precision", variable.bits + 4, 24)
    network, names = source.network(2)
    for name, allowed in zip(names, (_BUCKET_MEAN, _SCALE), strict=True):
        _check_output(network, name, variable.channels, allowed)
    if names[0] == names[1]:
        raise ModelError("'outputs' must name two different layers")
    fields = {
        "inverse_scale": source.tensors.bounded(
            f"{network.name}.inverse_scale", "uint32", (256,), 1 << 10, 1 << 26
        ),
        "quantile": normal_quantile(),
        "cdf": normal_cdf(),
        "precision": precision,
    }
    return _element_distribution(source, "gaussian", network, names, fields=fields)


def read_independent(source: DistributionEntry, codec: str) -> ElementDistribution:
    """Elements of a family; coupled if normals have a coupling."""
    variable = source.variable
    if variable.name != DATA and codec not in OF_LATENTS:
        raise ModelError(f"the codec {codec} is for the data, not for latents")
    # The family, whose tensors have the network's name, determines the number of outputs.
    family = read_family(
        codec, source.fields, source.tensors, variable.levels, source.fields.peek_text("network")
    )
    count = len(family.outputs)
    most = _COUPLED_OUTPUTS if codec == NORMAL else count
    network, names = source.network(range(count, most + 1))
    if codec == NORMAL and len(names) == _COUPLED_OUTPUTS:
        _check_coupled(source, network, names, family)
        return _element_distribution(source, "coupled", network, names, family)
    check_outputs(family, names, network, variable.channels)
    return _element_distribution(source, "independent", network, names, family)


def _element_distribution(
    source: DistributionEntry,
    kind: str,
    network: Network,
    outputs: list[str],
    family: Family | None = None,
    fields: Mapping[str, object] | None = None,
) -> ElementDistribution:
    return ElementDistribution(
        variable=source.variable,
        conditional=Conditional(network, source.parsed_key.given, tuple(outputs)),
        kind=kind,
        family=family,
        fields=fields or {},
    )


def _check_coupled(
    source: DistributionEntry, network: Network, names: list[str], family: Family
) -> None:
    """Raises ModelError if the variable has no channels to couple, or if an output does not fit."""
    variable = source.variable
    if variable.name != DATA or variable.channels < 2:
        raise ModelError("a coupling is for data of two channels or more")
    if len(set(names)) != _COUPLED_OUTPUTS:
        raise ModelError(f"{network.name}: 'outputs' must name {_COUPLED_OUTPUTS} different layers")
    pairs = variable.channels * (variable.channels - 1) // 2
    counts = variable.channels, variable.channels, pairs
    for name, count, allowed in zip(names, counts, (*family.outputs, _COUPLING), strict=True):
        _check_output(network, name, count, allowed)


def _check_output(network: Network, name: str, channels: int, allowed: Range) -> None:
    values = network.known[name]
    if values.channels != channels or not values.within(*allowed):
        raise ModelError(
            f"{network.name}: '{name}' must have {channels} channels in"
            f" [{allowed[0]}, {allowed[1]}], and has {values}"
        )
