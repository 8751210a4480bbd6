"""p(x|z) of the model `vae`: the pixels are independent, given the latents."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import BernoulliTable, Rows
from bitsback.integer import Network, Values
from bitsback.integer.fields import Fields
from bitsback.models import likelihood
from bitsback.models.file import Tensors
from bitsback.models.outline import Outline


@dataclass(frozen=True, eq=False)
class IndependentPixels:
    """A network over the latents whose outputs say for each pixel how it is distributed."""

    network: Network
    pixel: likelihood.Bernoulli | likelihood.Grid

    def codec(self, z: NDArray[Any]) -> BernoulliTable | Rows:
        """Of x uint8 [size, pixels], for buckets z [size, latents]."""
        return self.pixel.codec(*(output[..., None] for output in self.network(z)))

    @property
    def networks(self) -> dict[str, Network]:
        return {"likelihood": self.network}

    @property
    def output_names(self) -> tuple[str, ...]:
        """As the test vectors name them."""
        return tuple(self.pixel.outputs)

    @property
    def tensor_names(self) -> frozenset[str]:
        return self.network.tensor_names | self.pixel.tensor_names

    def core(self, **posterior: Any) -> _core.Vae:
        """Bits back in the core. posterior: `Posterior.core`."""
        return _core.Vae(
            **posterior,
            likelihood=self.network.core,
            outputs=self.network.outputs,
            **self.pixel.core,
        )

    @classmethod
    def read(cls, top: Fields, tensors: Tensors, outline: Outline) -> "IndependentPixels":
        """From the field `likelihood` of a description. Raises ModelError."""
        fields = top.object("likelihood")
        pixel = likelihood.read(
            fields, tensors, outline.levels, "likelihood", likelihood.INDEPENDENT
        )
        assert not isinstance(pixel, likelihood.LogisticMixture)
        network = Network.build(
            "likelihood",
            fields.items("network"),
            tensors,
            "z",
            Values(outline.latents, 0, (1 << outline.bits) - 1),
            {
                name: Values(outline.pixels, bounds.low, bounds.high)
                for name, bounds in pixel.outputs.items()
            },
        )
        fields.done()
        return cls(network, pixel)
