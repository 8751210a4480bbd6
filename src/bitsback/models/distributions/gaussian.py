"""A normal distribution for each latent: a network gives its mean and its scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import GaussianBuckets
from bitsback.errors import ModelError
from bitsback.models.distributions.distribution_entry import DistributionEntry
from bitsback.models.integer import Network, Size
from bitsback.models.item_shape import ItemShape
from bitsback.models.variables import DATA, Variable
from bitsback.tables import normal_cdf, normal_quantile

_MEAN_SHIFT = 8  # the means are in units of 2^-8, those of the codec in 2^-16


@dataclass(frozen=True, eq=False)
class GaussianDistribution:
    variable: Variable
    given: tuple[str, ...]
    network: Network
    mean: str
    scale: str
    inverse_scale: NDArray[np.uint32]
    """The inverse scale for each output `scale`, uint32 [256], in units of 2^-16."""
    precision: int

    def parameters(self, values: Mapping[str, NDArray[Any]], size: Size) -> list[NDArray[Any]]:
        """Mean int16 and scale uint8, each [items, elements]."""
        given = (values[name] for name in self.given)
        return self.network.at(size)(*given, outputs=(self.mean, self.scale))

    def codec(self, values: Mapping[str, NDArray[Any]], items: int, size: Size) -> GaussianBuckets:
        mean, scale = self.parameters(values, size)
        fixed_mean = mean.astype(np.int32) << _MEAN_SHIFT
        return GaussianBuckets(
            fixed_mean, self.inverse_scale[scale], self.variable.bits, self.precision
        )

    def core(self, size: Size, numbers: Mapping[str, int]) -> _core.Distribution:
        bound = self.network.at(size)
        outputs = [bound.numbers[name] for name in (self.mean, self.scale)]
        given = _core.Conditional(bound.core, [numbers[name] for name in self.given], outputs)
        return _core.distribution(
            "gaussian",
            numbers[self.variable.name],
            given=given,
            inverse_scale=self.inverse_scale,
            quantile=normal_quantile(),
            cdf=normal_cdf(),
            bits=self.variable.bits,
            precision=self.precision,
        )

    def memory(self, shape: ItemShape) -> int:
        return 4 * 2 * self.variable.elements(shape.size)

    def macs(self, shape: ItemShape) -> int:
        return 0

    def steps(self, shape: ItemShape) -> int:
        return 1


def read(source: DistributionEntry, codec: str) -> GaussianDistribution:
    variable = source.variable
    if variable.name == DATA:
        raise ModelError("the codec gaussian is for latents, not for the data")
    precision = source.fields.integer("precision", variable.bits + 4, 24)
    network, (mean, scale) = source.network(2)
    for name, low, high in ((mean, -2048, 2047), (scale, 0, 255)):
        values = network.known[name]
        if values.channels != variable.channels or not values.within(low, high):
            raise ModelError(
                f"'{name}' must have {variable.channels} channels in [{low}, {high}], and has"
                f" {values}"
            )
    if mean == scale:
        raise ModelError("'outputs' must name two different layers")
    inverse_scale = source.tensors.bounded(
        f"{network.name}.inverse_scale", "uint32", (256,), 1 << 10, 1 << 26
    )
    return GaussianDistribution(
        variable, source.parsed_key.given, network, mean, scale, inverse_scale, precision
    )
