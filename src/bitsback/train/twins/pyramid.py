"""The twin of a VAE for pictures of any size, whose latents come in layers of grids, each coarser
than the one below.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bitsback.train.quantise.rounding import MEAN, SCALE, pixel_grid, seven_bits
from bitsback.train.twins import pyramid_start
from bitsback.train.twins.coupled import CoupledNormalTwin
from bitsback.train.twins.dense import LatentTwin, normal_kl
from bitsback.train.twins.layered import LATENT_MEAN, log_normal, steps_grid
from bitsback.train.twins.likelihoods import LN2
from bitsback.train.twins.pyramid_networks import KERNELS, DownTwin, UpTwin

STARTED_BY = 1_280
"""Images, at most, whose principal components a twin starts from."""


@dataclass(frozen=True)
class PyramidArchitecture:
    """Sizes of a fully convolutional VAE with the latents z1, z2, ... on coarser and coarser grids:
    q(z1 | x), q(z2 | z1), ... and p(x | z1), p(z1 | z2), ...
    """

    shape: tuple[int, int, int]
    """Rows, columns and channels of the crops that are trained on: whole cells of the top grid."""
    factors: tuple[int, ...]
    """Of each layer, 2 or 4: so many places of the grid below, either way, have one of its own."""
    layers: tuple[int, ...]
    """Latents of each layer at a place, from that next to the image up."""
    widths: tuple[int, ...]
    """Hidden channels at the places of each layer."""
    levels: int = 256
    bits: int = 8
    """Of the buckets of a latent of the top layer."""
    step_bits: int = 8
    """Of the places of a latent below it, 4 to 8: they are 2^step_bits, from -4 to 4."""

    def __post_init__(self) -> None:
        if not len(self.factors) == len(self.layers) == len(self.widths) >= 1:
            raise ValueError("layers of latents have a factor, latents and a width each")
        if any(factor not in KERNELS for factor in self.factors):
            raise ValueError("a layer of latents has a place for 2 x 2 or 4 x 4 of those below")
        if any(width < latents for width, latents in zip(self.widths, self.layers, strict=True)):
            raise ValueError("a layer of latents is at least as wide as it has latents")
        if any(size % self.grids[-1] for size in self.shape[:2]):
            raise ValueError("crops have whole cells of the top grid")

    @property
    def pixels(self) -> int:
        """Of a crop, each channel counted."""
        return math.prod(self.shape)

    @property
    def grids(self) -> tuple[int, ...]:
        """Rows and columns of pixels of a cell of each layer."""
        return tuple(math.prod(self.factors[: n + 1]) for n in range(len(self.factors)))

    @property
    def places(self) -> list[int]:
        """Of each layer, of a crop."""
        rows, columns, _ = self.shape
        return [rows // grid * (columns // grid) for grid in self.grids]

    @property
    def latents(self) -> int:
        """Of all layers, of a crop."""
        return sum(n * places for n, places in zip(self.layers, self.places, strict=True))


class PyramidTwin(LatentTwin):
    """Posterior q(z1 | x) q(z2 | z1) ..., prior ... p(z1 | z2) with N(0, 1) at the top, all of them
    diagonal normal, and likelihood p(x | z1) of normals with coupled channels. All networks are
    convolutions.

    Source: Kingma, Abbeel, Ho 2019 (Bit-Swap), section 3, for the chain of latents; Townsend et al.
    2020 (HiLLoC), section 3, for convolutions on images of any size.
    """

    def __init__(self, architecture: PyramidArchitecture) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        self.pixel_grid = pixel_grid(a.levels)
        count = len(a.layers)
        self.grids = [steps_grid(a.step_bits)] * (count - 1) + [self.latent_grid]
        self.up, self.down = nn.ModuleList(), nn.ModuleList()
        self.pixel_likelihood = CoupledNormalTwin(a.shape[2], a.levels)
        source, inputs = self.pixel_grid, a.shape[2]
        outputs, channels = self.pixel_likelihood.outputs, self.pixel_likelihood.widths()
        for layer, (n, width) in enumerate(zip(a.layers, a.widths, strict=True)):
            factor, grid = a.factors[layer], self.grids[layer]
            means = MEAN if layer == count - 1 else LATENT_MEAN
            self.up.append(UpTwin(source, inputs, width, n, factor, means))
            self.down.append(DownTwin(grid, n, width, factor, outputs, channels))
            source, inputs = grid, n
            outputs, channels = {"mean": LATENT_MEAN, "scale": SCALE}, {"mean": n, "scale": n}

    def quantise(self, on: bool = True) -> None:
        super().quantise(on)
        self.pixel_likelihood.quantised = on

    @torch.no_grad()
    def start(self, images: Tensor) -> None:
        """Set what the training images, uint8 [n, pixels], say of all layers before any
        training.
        """
        some = images[:: -(-len(images) // STARTED_BY)]
        symbols = some.view(len(some), *self.architecture.shape)
        pyramid_start.principal(self.up, self.down, self.image(some), symbols)

    def image(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] as the first layer sees them, [b, rows, columns, channels]."""
        seen = seven_bits(x, self.architecture.levels)
        return self.pixel_grid.real(seen).view(len(x), *self.architecture.shape)

    def held(self, layer: int, z: Tensor) -> Tensor:
        """What networks are told of the latents of a layer, 0 being that next to the image: their
        place on its grid.
        """
        if layer < len(self.grids) - 1:
            return self.grids[layer].snap(z) if self.quantised else self.grids[layer].clamp(z)
        return self.bucket(z) if self.quantised else z

    def sample_layers(self, x: Tensor, noise: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Latents next to the image, held to their grid, [b, h, w, latents], and for each layer
        what its latents cost, likewise, in nats: log q - log p of what was drawn, or the KL at the
        top.

        x: symbols [b, pixels]. `noise` [b, all latents] is standard normal.
        """
        a = self.architecture
        value, below = self.image(x), None
        lowest, costs = value, []
        sizes = [n * places for n, places in zip(a.layers, a.places, strict=True)]
        for layer, part in enumerate(torch.split(noise, sizes, 1)):
            mean, log2_inverse = self.up[layer](value)
            z = mean + torch.exp2(-log2_inverse) * part.view(mean.shape)
            value = self.held(layer, z)
            if below is None:
                lowest = value
            else:
                costs.append(-log_normal(below[0], *self.down[layer](value)) - below[1])
            # The entropy of a normal is known; what p says is of the draw.
            below = z, 0.5 * math.log(2 * math.pi * math.e) - LN2 * log2_inverse
        costs.append(normal_kl(mean, log2_inverse))
        return lowest, costs

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats, for one sample: -log
        p(x | z1), and what the latents cost, which rounding to the grids only lowers.
        """
        z, costs = self.sample_layers(x, noise)
        kl = torch.stack([cost.flatten(1).sum(1) for cost in costs]).sum(0)
        symbols = x.view(len(x), *self.architecture.shape)
        losses = self.pixel_likelihood.nats(symbols, *self.down[0](z))
        return losses.flatten(1).sum(1), kl

    def latent_nats(self, x: Tensor) -> Tensor:
        """What each latent of all layers costs, by one draw of each."""
        noise = torch.randn(
            len(x), self.architecture.latents, generator=torch.Generator().manual_seed(0)
        )
        return torch.cat([cost.flatten(1) for cost in self.sample_layers(x, noise)[1]], 1)
