"""Mixtures of discretised logistics. Source: Salimans et al. 2017 (PixelCNN++)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import DiscretisedMixture
from bitsback.models.families.family_entry import FamilyEntry, Range
from bitsback.tables import logistic_cdf


@dataclass(frozen=True, eq=False)
class MixtureFamily:
    exponential: NDArray[np.uint32]
    """The meaning of a `weight`: uint32 [256]."""
    inverse_scale: NDArray[np.uint32]
    """The meaning of a `scale`: uint32 [256], in units of 2^-16."""
    levels: int
    precision: int
    mean_shift: int

    outputs: tuple[Range, ...] = ((0, 255), (-32768, 32767), (0, 255))
    most_components: int = 32

    def parameters(self, outputs: list[NDArray[Any]], components: int) -> tuple[NDArray[Any], ...]:
        weight, mean, scale = outputs
        ends = np.cumsum(self.exponential[weight], -1, dtype=np.uint64)
        ends = (ends << np.uint64(16)) // ends[..., -1:]
        weights = np.diff(ends, axis=-1, prepend=np.uint64(0)).astype(np.uint32)
        means = mean.astype(np.int32) << self.mean_shift
        spare = [(0, 0)] * (weight.ndim - 1) + [(0, components - weight.shape[-1])]
        scales = np.pad(self.inverse_scale[scale], spare, constant_values=1)
        return np.pad(weights, spare), np.pad(means, spare), scales

    def codec_of(self, *parameters: NDArray[Any]) -> DiscretisedMixture:
        weights, means, inverse_scales = parameters
        return DiscretisedMixture(weights, means, inverse_scales, self.levels, self.precision)

    def codec(self, outputs: list[NDArray[Any]]) -> DiscretisedMixture:
        return self.codec_of(*self.parameters(outputs, outputs[0].shape[-1]))

    def fields(self) -> dict[str, Any]:
        """The fields that the core needs."""
        return {
            "exponential": self.exponential,
            "inverse_scale": self.inverse_scale,
            "cdf": logistic_cdf(),
            "levels": self.levels,
            "precision": self.precision,
            "mean_shift": self.mean_shift,
        }

    def core(self) -> _core.Family:
        return _core.family("mixture", **self.fields())


def read(source: FamilyEntry) -> MixtureFamily:
    precision = source.fields.integer("precision", 20, 24)
    mean_shift = source.fields.integer("mean_shift", 0, 9)
    exponential = source.tensors.bounded(
        f"{source.network}.exponential", "uint32", (256,), 1, 1 << 24
    )
    inverse_scale = source.tensors.bounded(
        f"{source.network}.inverse_scale", "uint32", (256,), 1, 1 << 26
    )
    return MixtureFamily(exponential, inverse_scale, source.levels, precision, mean_shift)
