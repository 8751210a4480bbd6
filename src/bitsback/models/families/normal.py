"""Discretised normals over the levels of a variable: the distribution of latents on a fixed grid,
under the prior and the posterior.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import DiscretisedMixture
from bitsback.models.families.family_entry import FamilyEntry, Range
from bitsback.tables import normal_cdf, normal_quantile


@dataclass(frozen=True, eq=False)
class NormalFamily:
    inverse_scale: NDArray[np.uint32]
    """The meaning of a `scale`: uint32 [256], in units of 2^-16."""
    levels: int
    precision: int
    mean_shift: int

    outputs: tuple[Range, ...] = ((-32768, 32767), (0, 255))
    most_components: int = 1

    def parameters(
        self, outputs: list[NDArray[Any]], components: int = 1
    ) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
        mean, scale = outputs
        return mean.astype(np.int32) << self.mean_shift, self.inverse_scale[scale]

    def codec_of(self, *parameters: NDArray[Any]) -> DiscretisedMixture:
        means, inverse_scales = parameters
        weights = np.full(means.shape, 1 << 16, np.uint32)
        return DiscretisedMixture(
            weights, means, inverse_scales, self.levels, self.precision, "normal"
        )

    def codec(self, outputs: list[NDArray[Any]]) -> DiscretisedMixture:
        return self.codec_of(*self.parameters(outputs))

    def core(self) -> _core.Family:
        return _core.family(
            "normal",
            inverse_scale=self.inverse_scale,
            quantile=normal_quantile(),
            cdf=normal_cdf(),
            levels=self.levels,
            precision=self.precision,
            mean_shift=self.mean_shift,
        )


def read(source: FamilyEntry) -> NormalFamily:
    precision = source.fields.integer("precision", 20, 24)
    mean_shift = source.fields.integer("mean_shift", 0, 9)
    inverse_scale = source.tensors.bounded(
        f"{source.network}.inverse_scale", "uint32", (256,), 1, 1 << 26
    )
    return NormalFamily(inverse_scale, source.levels, precision, mean_shift)
