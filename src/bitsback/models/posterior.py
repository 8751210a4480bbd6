"""q(z|x): from an item's pixels to a normal distribution for each of its latents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.codecs import Gaussian
from bitsback.integer import Network, Values
from bitsback.integer.fields import Fields
from bitsback.models.file import Tensors
from bitsback.models.likelihood import bounded
from bitsback.models.outline import Outline
from bitsback.tables import normal_cdf, normal_quantile

_MEAN_SHIFT = 8  # the means are in units of 2^-8, those of the codec in 2^-16


@dataclass(frozen=True, eq=False)
class Posterior:
    """A network with the outputs `mean` and `scale`, and what a scale means."""

    network: Network
    inverse_scale: NDArray[np.uint32]
    """By the network's `scale`, uint32 [256], in units of 2^-16."""
    bits: int
    precision: int

    @property
    def tensor_names(self) -> frozenset[str]:
        return self.network.tensor_names | {"posterior.inverse_scale"}

    @property
    def core(self) -> dict[str, Any]:
        """What the core needs of it, by the names of its arguments."""
        mean, scale = self.network.outputs
        return {
            "posterior": self.network.core,
            "mean": mean,
            "scale": scale,
            "inverse_scale": self.inverse_scale,
            "quantile": normal_quantile(),
            "cdf": normal_cdf(),
            "bits": self.bits,
            "precision": self.precision,
        }

    def parameters(self, x: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The network's integers for x [size, pixels]: mean int16 and scale uint8, each [size,
        latents].
        """
        mean, scale = self.network(x)
        return mean, scale

    def codec(self, x: NDArray[np.uint8]) -> Gaussian:
        """Of the buckets [size, latents], for x [size, pixels]."""
        mean, scale = self.parameters(x)
        fixed_mean = mean.astype(np.int32) << _MEAN_SHIFT
        return Gaussian(fixed_mean, self.inverse_scale[scale], self.bits, self.precision)

    @classmethod
    def read(cls, fields: Fields, tensors: Tensors, outline: Outline) -> "Posterior":
        """From the field `posterior` of a description. Raises ModelError."""
        fields.text("codec", "gaussian")
        precision = fields.integer("precision", outline.bits + 4, 24)
        network = Network.build(
            "posterior",
            fields.items("network"),
            tensors,
            "x",
            Values(outline.pixels, 0, outline.levels - 1),
            {
                "mean": Values(outline.latents, -2048, 2047),
                "scale": Values(outline.latents, 0, 255),
            },
        )
        fields.done()
        inverse_scale = bounded(
            tensors, "posterior.inverse_scale", "uint32", (256,), 1 << 10, 1 << 26
        )
        return cls(network, inverse_scale, outline.bits, precision)
