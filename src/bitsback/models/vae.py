"""The variational auto-encoder: prior, posterior and likelihood, from integer networks and codecs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.codecs import BernoulliTable, BitsBack, Gaussian, Rows, Uniform
from bitsback.codecs.base import as_symbols
from bitsback.errors import ModelError
from bitsback.integer import Network, Values
from bitsback.integer.fields import Fields
from bitsback.message import Message
from bitsback.models import file
from bitsback.models.likelihood import Likelihood, bounded
from bitsback.models.likelihood import read as read_likelihood
from bitsback.tables import normal_cdf, normal_quantile

_MEAN_SHIFT = 8  # the posterior's means are in units of 2^-8, those of the codec in 2^-16


@dataclass(frozen=True, eq=False)
class Model:
    """A latent-variable model of items with `item_shape`, whose pixels take the values 0 ... levels - 1.

    Source: Townsend, Bird, Barber 2019, section 3.1 (the VAE); docs/model-format.md (its integers).
    """

    description: str = field(repr=False)
    tensors: file.Tensors = field(repr=False)
    identity: bytes
    """SHA-256 of the model; archives name it by the first 16 bytes."""
    name: str
    about: str
    licence: str
    item_shape: tuple[int, ...]
    levels: int
    growth: int
    """Images a batch for every 256 already coded (docs/format.md, the chain)."""
    batch: int
    """The largest batch."""
    latents: int
    bits: int
    """log2 of the number of buckets of a latent."""
    posterior_network: Network = field(repr=False)
    posterior_precision: int
    inverse_scale: NDArray[np.uint32] = field(repr=False)
    likelihood_network: Network = field(repr=False)
    pixel_likelihood: Likelihood = field(repr=False)
    core: _core.Vae = field(repr=False)

    @property
    def pixels(self) -> int:
        """Elements of an item."""
        return int(np.prod(self.item_shape))

    def prior(self, size: int) -> Uniform:
        """p(z) for `size` items: each latent's bucket, uint32 [size, latents]."""
        return Uniform(1 << self.bits, (size, self.latents))

    def posterior(self, x: NDArray[np.uint8]) -> Gaussian:
        """q(z|x): x uint8 [size, pixels]; buckets [size, latents]."""
        mean, scale = self.posterior_parameters(x)
        fixed_mean = mean.astype(np.int32) << _MEAN_SHIFT
        return Gaussian(fixed_mean, self.inverse_scale[scale], self.bits, self.posterior_precision)

    def likelihood(self, z: NDArray[Any]) -> BernoulliTable | Rows:
        """p(x|z): z buckets [size, latents]; pixels uint8 [size, pixels]."""
        return self.pixel_likelihood.codec(*self.likelihood_parameters(z))

    def push(self, message: Message, x: NDArray[np.uint8], sizes: Sequence[int]) -> None:
        """Pushes the batches of x [sum of sizes, pixels], from its end: sizes[0] counts the last items.

        The same bits as `codec(size).push` for one batch after the other, in one call to the core.
        """
        self.core.push(message, as_symbols(x, np.uint8, (sum(sizes), self.pixels)), sizes)

    def pop(self, message: Message, sizes: Sequence[int]) -> NDArray[np.uint8]:
        """Undoes `push`, given its sizes from the last to the first; batches come out from the start of the items."""
        return self.core.pop(message, sizes)

    def codec(self, size: int) -> BitsBack[NDArray[np.uint8], NDArray[Any]]:
        """Bits back for `size` items at once: codes uint8 [size, pixels] at the price of the negative ELBO."""
        return BitsBack(self.prior(size), self.likelihood, self.posterior)

    def posterior_parameters(self, x: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The posterior network's integers for x [size, pixels]: mean int16 and scale uint8, each [size, latents]."""
        mean, scale = self.posterior_network(x)
        return mean, scale

    def likelihood_parameters(self, z: NDArray[Any]) -> tuple[NDArray[np.uint8], ...]:
        """The likelihood network's integers for z [size, latents], each uint8 [size, pixels].

        One array, the logits, for two levels; for more, two that choose a row of the grid.
        """
        return self.likelihood_network(z)

    def to_bytes(self) -> bytes:
        """The model as a file."""
        return file.write(self.description, self.tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        """Reads a model file, checks all of it, and runs its test vectors. Raises ModelError."""
        return cls.build(*file.read(data))

    @classmethod
    def build(cls, description: str, tensors: file.Tensors) -> "Model":
        """Builds the model of a description and tensors, checks it, and runs its test vectors. Raises ModelError."""
        top = Fields(file.parse(description), "description")
        top.text("format", "bitsback-model")
        version = top.integer("version", 0, 1 << 30)
        if version != 0:
            raise ModelError(f"this model has version {version} of the format: it needs a newer bitsback")
        name, about, licence = top.text("name"), top.text("about"), top.text("licence")
        top.text("architecture", "vae")
        item = top.object("item")
        shape = tuple(item.integers("shape", range(1, 5), 1, 1 << 24))
        pixels = int(np.prod(shape, dtype=object))
        if pixels > 1 << 24:
            raise ModelError(f"an item of the shape {shape} has more than 2^24 elements")
        levels = item.integer("levels", 2, 256)
        chain = top.object("chain")
        growth, batch = chain.integer("growth", 1, 256), chain.integer("batch", 1, 4096)
        latent = top.object("latent")
        latents, bits = latent.integer("count", 1, 4096), latent.integer("bits", 4, 12)

        posterior = top.object("posterior")
        posterior.text("codec", "gaussian")
        posterior_precision = posterior.integer("precision", bits + 4, 24)
        posterior_network = Network.build(
            "posterior",
            posterior.items("network"),
            tensors,
            "x",
            Values(pixels, 0, levels - 1),
            {"mean": Values(latents, -2048, 2047), "scale": Values(latents, 0, 255)},
        )
        likelihood = top.object("likelihood")
        pixel_likelihood, likelihood_tensors = read_likelihood(likelihood, tensors, levels)
        wanted = pixel_likelihood.outputs
        likelihood_network = Network.build(
            "likelihood",
            likelihood.items("network"),
            tensors,
            "z",
            Values(latents, 0, (1 << bits) - 1),
            {name: Values(pixels, values.low, values.high) for name, values in wanted.items()},
        )
        inverse_scale = bounded(tensors, "posterior.inverse_scale", "uint32", (256,), 1 << 10, 1 << 26)
        mean, scale = posterior_network.outputs
        core = _core.Vae(
            posterior=posterior_network.core,
            mean=mean,
            scale=scale,
            inverse_scale=inverse_scale,
            quantile=normal_quantile(),
            cdf=normal_cdf(),
            bits=bits,
            precision=posterior_precision,
            likelihood=likelihood_network.core,
            outputs=likelihood_network.outputs,
            pixel_table=pixel_likelihood.table,
            pixel_precision=pixel_likelihood.precision,
        )
        own = posterior_network.tensor_names | likelihood_network.tensor_names | likelihood_tensors
        spare = tensors.keys() - own - {"posterior.inverse_scale"}
        if spare:
            raise ModelError(f"the tensor {min(spare)} belongs to nothing")

        test = top.object("test")
        seed, count = test.integer("seed", 0, (1 << 64) - 1), test.integer("count", 1, 16)
        digests = test.object("sha256")
        expected = [digests.text(output) for output in ("mean", "scale", *wanted)]
        for fields in (item, chain, latent, posterior, likelihood, digests, test, top):
            fields.done()
        if digest_outputs(posterior_network, likelihood_network, seed, count) != expected:
            raise ModelError(
                f"the model {name} does not compute on this machine what it computed where it was made: "
                "the file is damaged, or please report this with the output of  python -m platform"
            )
        return cls(
            description=description,
            tensors=tensors,
            identity=file.identity(description, tensors),
            name=name,
            about=about,
            licence=licence,
            item_shape=shape,
            levels=levels,
            growth=growth,
            batch=batch,
            latents=latents,
            bits=bits,
            posterior_network=posterior_network,
            posterior_precision=posterior_precision,
            inverse_scale=inverse_scale,
            likelihood_network=likelihood_network,
            pixel_likelihood=pixel_likelihood,
            core=core,
        )


def digest_outputs(posterior: Network, likelihood: Network, seed: int, count: int) -> list[str]:
    """SHA-256 (hex) of the outputs of both networks on the test vectors of docs/model-format.md that `seed` gives."""
    outputs: list[NDArray[Any]] = []
    taken = 0
    for network in (posterior, likelihood):
        values = network.source
        size = count * values.width
        words = _core.splitmix64(seed, taken, size) >> np.uint64(32)
        taken += size
        source = (words % np.uint64(values.high - values.low + 1)).astype(np.uint16) + np.uint16(values.low)
        outputs += network(source.reshape(count, values.width))
    return [hashlib.sha256(output.astype("<i4").tobytes()).hexdigest() for output in outputs]
