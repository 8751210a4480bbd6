"""The variational auto-encoder: prior, posterior and likelihood, from integer networks and
codecs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import Autoregressive, BernoulliTable, BitsBack, Gaussian, Rows, Uniform
from bitsback.codecs.base import as_symbols
from bitsback.errors import ModelError
from bitsback.integer.fields import Fields
from bitsback.message import Message
from bitsback.models import file
from bitsback.models.context import PixelsInContext
from bitsback.models.independent import IndependentPixels
from bitsback.models.outline import VAE, Outline
from bitsback.models.posterior import Posterior
from bitsback.models.vectors import check as check_vectors
from bitsback.models.vectors import digest_outputs as digest_outputs


@dataclass(frozen=True, eq=False)
class Model(Outline):
    """A latent-variable model: prior, posterior and likelihood.

    Source: Townsend, Bird, Barber 2019, section 3.1 (the VAE); docs/model-format.md (its integers).
    """

    description: str = field(repr=False)
    tensors: file.Tensors = field(repr=False)
    identity: bytes
    """SHA-256 of the model; archives name it by the first 16 bytes."""
    latents_given_pixels: Posterior = field(repr=False)
    pixels_given_latents: IndependentPixels | PixelsInContext = field(repr=False)
    core: _core.Vae | _core.ContextVae = field(repr=False)

    def prior(self, size: int) -> Uniform:
        """p(z) for `size` items: each latent's bucket, uint32 [size, latents]."""
        return Uniform(1 << self.bits, (size, self.latents))

    def posterior(self, x: NDArray[np.uint8]) -> Gaussian:
        """q(z|x): x uint8 [size, pixels]; buckets [size, latents]."""
        return self.latents_given_pixels.codec(x)

    def likelihood(self, z: NDArray[Any]) -> BernoulliTable | Rows | Autoregressive:
        """p(x|z): z buckets [size, latents]; pixels uint8 [size, pixels]."""
        return self.pixels_given_latents.codec(z)

    def push(self, message: Message, x: NDArray[np.uint8], sizes: Sequence[int]) -> None:
        """Pushes the batches of x [sum of sizes, pixels], from its end: sizes[0] counts the last
        items.

        The same bits as `codec(size).push` for one batch after the other, in one call to the core.
        """
        self.core.push(message, as_symbols(x, np.uint8, (sum(sizes), self.pixels)), sizes)

    def pop(self, message: Message, sizes: Sequence[int]) -> NDArray[np.uint8]:
        """Undoes `push`, given its sizes from the last to the first; batches come out from the
        start of the items.
        """
        return self.core.pop(message, sizes)

    def codec(self, size: int) -> BitsBack[NDArray[np.uint8], NDArray[Any]]:
        """Bits back for `size` items at once: codes uint8 [size, pixels] at the price of the
        negative ELBO.
        """
        return BitsBack(self.prior(size), self.likelihood, self.posterior)

    def posterior_parameters(self, x: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The posterior network's integers for x [size, pixels]: mean int16 and scale uint8, each
        [size, latents].
        """
        return self.latents_given_pixels.parameters(x)

    def likelihood_parameters(self, z: NDArray[Any]) -> tuple[NDArray[np.uint8], ...]:
        """The likelihood network's integers for z [size, latents], each uint8.

        Of a `vae` [size, pixels]: one array, the logits, for two levels; for more, two that choose
        a row of the grid. Of a `context-vae` one: the features of the pixels, [size, their number].
        """
        return self.pixels_given_latents.network(z)

    def to_bytes(self) -> bytes:
        """The model as a file."""
        return file.write(self.description, self.tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Reads a model file, checks all of it, and runs its test vectors. Raises ModelError."""
        return cls.build(*file.read(data))

    @classmethod
    def build(cls, description: str, tensors: file.Tensors) -> Model:
        """Builds the model of a description and tensors, checks it, and runs its test vectors.
        Raises ModelError.
        """
        top = Fields(file.parse(description), "description")
        outline = Outline.read(top)
        posterior = Posterior.read(top.object("posterior"), tensors, outline)
        kind = IndependentPixels if outline.architecture == VAE else PixelsInContext
        likelihood = kind.read(top, tensors, outline)
        spare = tensors.keys() - posterior.tensor_names - likelihood.tensor_names
        if spare:
            raise ModelError(f"the tensor {min(spare)} belongs to nothing")
        check_vectors(top, outline, posterior, likelihood)
        top.done()
        return cls(
            **{part.name: getattr(outline, part.name) for part in fields(outline)},
            description=description,
            tensors=tensors,
            identity=file.identity(description, tensors),
            latents_given_pixels=posterior,
            pixels_given_latents=likelihood,
            core=likelihood.core(**posterior.core),
        )
