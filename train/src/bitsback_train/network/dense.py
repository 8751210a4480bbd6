"""A VAE of linear layers, with independent pixels; and the base of both kinds of VAEs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from bitsback_train.layers.affine import Affine, chain
from bitsback_train.layers.network import Network
from bitsback_train.layers.operations import Flatten, Image, Node, Rounding, Source, in_buckets
from bitsback_train.layers.rounding import HIDDEN, MEAN, SCALE, Grid, pixel_grid, seven_bits
from bitsback_train.network.exact_tables import bucket_centres, latent_grid
from bitsback_train.network.likelihoods import LN2, LikelihoodModule, make_likelihood


class Mlp(nn.Module):
    """Hidden layers with a clamped ReLU; `sizes` begins with the inputs."""

    def __init__(self, sizes: tuple[int, ...], source: Grid, centre: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(sizes):
            self.layers.append(Affine(inputs, outputs, source, HIDDEN, centre=centre))
            source, centre = HIDDEN, 0.0

    def forward(self, value: Any) -> Any:
        return chain(self.layers, value)


@dataclass(frozen=True)
class Architecture:
    """Sizes of a dense VAE: `hidden` lists the hidden layers of the posterior; the likelihood has
    them in reverse.
    """

    pixels: int
    hidden: tuple[int, ...]
    latents: int
    bits: int
    levels: int = 2
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ValueError("a VAE needs at least one hidden layer")


def normal_kl(mean: Tensor, log2_inverse: Tensor) -> Tensor:
    """The KL to N(0, 1), in nats, of normals with these means and log2 of the inverse standard
    deviations; of their shape.
    """
    log_scale = -LN2 * log2_inverse
    return 0.5 * (mean.square() + (2 * log_scale).exp() - 1) - log_scale


class LatentModule(Rounding):
    """Base of both modules: a latent variable with the prior N(0, 1), cut into buckets, its
    diagonal normal posterior q(z | x), and rounding.
    """

    mean: Affine
    scale: Affine
    architecture: Any
    pixel_likelihood: LikelihoodModule

    def __init__(self, bits: int) -> None:
        """bits: of a latent, which has 2^bits buckets."""
        super().__init__()
        self.latent_grid = latent_grid(bits)
        centres = torch.from_numpy(bucket_centres(bits).astype("float32"))
        self.register_buffer("centres", self.latent_grid.real(centres), persistent=False)

    def bucket(self, z: Tensor) -> Tensor:
        """The centre, on the latent grid, of the bucket that holds z; straight-through gradient."""
        return in_buckets(z, self.get_buffer("centres"))

    def networks(self, rows: int, columns: int) -> list[Network]:
        """The networks of its model file, in order."""
        levels = self.architecture.levels
        grid = pixel_grid(levels)
        table = seven_bits(torch.arange(levels), levels).numpy().astype("uint8")
        x = Source("x", (rows, columns, 1), grid, table if levels > grid.hi + 1 else None)
        hidden = self.encoded(x.node())
        posterior = {"mean": self.mean(hidden), "scale": self.scale(hidden)}
        latents = (self.mean.linear.out_features,)
        z = Source("z", latents, self.latent_grid, bucket_centres(self.architecture.bits))
        return [Network("posterior", posterior), *self.decoding(z.node(), rows, columns)]

    def encoded(self, x: Any) -> Any:
        """Pixels as the first layer sees them, [b, rows, columns, 1], to the encoder's last hidden
        layer.
        """
        raise NotImplementedError

    def decoding(self, z: Node, rows: int, columns: int) -> Iterator[Network]:
        """The networks after that of the posterior: `likelihood`, which reads the latents, and
        those that read its outputs.
        """
        raise NotImplementedError

    def image(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] as the first layer sees them, real numbers."""
        levels = self.architecture.levels
        return pixel_grid(levels).real(seven_bits(x, levels))

    def last_hidden(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] to the encoder's last hidden layer, [b, units]."""
        hidden: Tensor = self.encoded(self.image(x))
        return hidden

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols [b, pixels] to the mean and log2 of the inverse standard deviation, each [b,
        latents].
        """
        h = self.last_hidden(x)
        return self.mean(h), self.scale(h)

    def sample(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Latents [b, latents], real, for symbols x [b, pixels] and standard normal noise [b,
        latents]; and the KL of each item, [b], in nats.
        """
        mean, log2_inverse = self.posterior(x)
        z = mean + (-LN2 * log2_inverse).exp() * noise
        return z, normal_kl(mean, log2_inverse).sum(1)

    def latent_nats(self, x: Tensor) -> Tensor:
        """The KL of each latent, [b, latents], in nats, for symbols x [b, pixels]."""
        return normal_kl(*self.posterior(x))


class VaeModule(LatentModule):
    """Prior N(0, 1), diagonal normal posterior q(z | x), and likelihood p(x | z) by the
    architecture's codec, in which pixels are independent given the latents.
    """

    architecture: Architecture

    def __init__(self, architecture: Architecture, centre: float = 0.0) -> None:
        super().__init__(architecture.bits)
        pixels, hidden, latents = architecture.pixels, architecture.hidden, architecture.latents
        self.architecture = architecture
        self.centre = centre
        self.row = Flatten()
        self.encoder = Mlp((pixels, *hidden), pixel_grid(architecture.levels), centre)
        self.mean = Affine(hidden[-1], latents, HIDDEN, MEAN)
        self.scale = Affine(hidden[-1], latents, HIDDEN, SCALE)
        self.decoder = Mlp((latents, *hidden[::-1]), self.latent_grid)
        self.pixel_likelihood = make_likelihood(architecture.likelihood, architecture.levels)
        for name, grid in self.pixel_likelihood.outputs.items():
            self.add_module(name, Affine(hidden[0], pixels, HIDDEN, grid))

    @torch.no_grad()
    def start(self, grey: Tensor) -> None:
        """Initialise the outputs by the training images, uint8 [n, pixels]."""
        for name, bias in self.pixel_likelihood.start(grey).items():
            self.output_layers()[name].linear.bias.copy_(bias)

    def output_layers(self) -> dict[str, Affine]:
        """The last layers of the likelihood network, by name."""
        layers = {name: self.get_submodule(name) for name in self.pixel_likelihood.outputs}
        return {name: layer for name, layer in layers.items() if isinstance(layer, Affine)}

    def encoded(self, x: Any) -> Any:
        return self.encoder(self.row(x))

    def decoding(self, z: Node, rows: int, columns: int) -> Iterator[Network]:
        hidden, image = self.decoder(z), Image(rows, columns, grid=1)
        outputs = {name: image(layer(hidden)) for name, layer in self.output_layers().items()}
        yield Network("likelihood", outputs)

    def likelihood(self, z: Tensor) -> tuple[Tensor, ...]:
        """Real latents [b, latents] to the outputs of the likelihood, each [b, pixels]."""
        hidden = self.decoder(self.bucket(z) if self.rounded else z)
        return tuple(layer(hidden) for layer in self.output_layers().values())

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats: -log p(x | z) for one
        sample, and the KL.

        x: symbols [b, pixels]. `noise` [b, latents] is standard normal. The KL is that of the
        continuous normals; buckets can only lower it.
        """
        z, kl = self.sample(x, noise)
        return self.pixel_likelihood.nats(x, *self.likelihood(z)), kl
