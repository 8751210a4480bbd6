"""Dense VAEs with several layers of latents: each depends only on the next one, or the posterior
goes from the top down.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bitsback.train.network.dense import DensePixelsModule, LinearModule, Mlp, normal_kl
from bitsback.train.network.likelihoods import LN2
from bitsback.train.network.rounding import HIDDEN, MEAN, SCALE, Grid

REACH_BITS = 2  # a latent below the top lies from -2^2 to 2^2
LATENT_MEAN = Grid(scale=256, zero=256 << REACH_BITS, lo=0, hi=(512 << REACH_BITS) - 1)


def steps_grid(bits: int) -> Grid:
    """The places of a latent below the top, which are its symbols and the inputs of layers."""
    return Grid(scale=1 << (bits - REACH_BITS - 1), zero=1 << (bits - 1), lo=0, hi=(1 << bits) - 1)


@dataclass(frozen=True)
class LayeredArchitecture:
    """Sizes of a dense VAE with the latents z1, z2, ...: q(z1 | x), q(z2 | z1), ... and
    p(x | z1), p(z1 | z2), ...
    """

    pixels: int
    hidden: tuple[int, ...]
    """Hidden layers of q(z1 | x); p(x | z1) has them in reverse."""
    layers: tuple[int, ...]
    """Latents of each layer, from the one next to the image up; at least two layers."""
    between: int = 128
    """Hidden units of the networks between layers of latents."""
    bits: int = 8
    """The bits of a bucket of a latent of the top layer."""
    step_bits: int = 7
    """The bits of a latent below the top, 4 to 7: its grid has 2^step_bits places, from -4 to 4."""
    levels: int = 2
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if not self.hidden or len(self.layers) < 2:
            raise ValueError("layers of latents need a hidden layer, and to be two at least")
        if not 4 <= self.step_bits <= 7:
            raise ValueError("latents below the top have 4 to 7 bits")

    @property
    def latents(self) -> int:
        """The number of latents of all layers."""
        return sum(self.layers)


class NormalModule(nn.Module):
    """A network whose two outputs are the means and scales of latents. `hidden`: its first
    layers.
    """

    def __init__(self, hidden: nn.Module, width: int, latents: int, means: Grid) -> None:
        super().__init__()
        self.hidden = hidden
        self.mean = LinearModule(width, latents, HIDDEN, means)
        self.scale = LinearModule(width, latents, HIDDEN, SCALE)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The means and log2 of the inverse standard deviations, each [b, latents]."""
        h = self.hidden(value)
        return self.mean(h), self.scale(h)


class LayeredModule(DensePixelsModule):
    """Posterior q(z1 | x) q(z2 | z1) ..., prior ... p(z1 | z2) with N(0, 1) at the top, all
    diagonal normal, and likelihood p(x | z1).

    Source: Kingma, Abbeel, Ho 2019 (Bit-Swap), section 3: a chain of latents from the image up.
    """

    def __init__(self, architecture: LayeredArchitecture, centre: float = 0.0) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        self.centre = centre
        self.see_pixels(a.levels)
        self.grids = [steps_grid(a.step_bits)] * (len(a.layers) - 1) + [self.latent_grid]
        self.up = nn.ModuleList((
            NormalModule(
                Mlp((a.pixels, *a.hidden), self.pixel_grid, centre),
                a.hidden[-1], a.layers[0], LATENT_MEAN,
            ),
        ))  # fmt: skip
        self.down = nn.ModuleList()
        for lower, upper in zip(range(len(a.layers)), range(1, len(a.layers)), strict=False):
            means = MEAN if upper == len(a.layers) - 1 else LATENT_MEAN
            self.up.append(
                self._between(self.grids[lower], a.layers[lower], a.layers[upper], means)
            )
            self.down.append(
                self._between(self.grids[upper], a.layers[upper], a.layers[lower], LATENT_MEAN)
            )
        self.decoder = Mlp((a.layers[0], *a.hidden[::-1]), self.grids[0])
        self.make_outputs(a.likelihood, a.hidden[0], a.pixels)

    def _between(self, source: Grid, inputs: int, outputs: int, means: Grid) -> NormalModule:
        width = self.architecture.between
        return NormalModule(Mlp((inputs, width), source), width, outputs, means)

    def held(self, layer: int, z: Tensor) -> Tensor:
        """The latents [b, latents] of a layer as networks see them: their places on its grid. Layer
        0 is next to the image.
        """
        if layer < len(self.down):
            return self.grids[layer].snap(z) if self.quantised else self.grids[layer].clamp(z)
        return self.bucket(z) if self.quantised else z

    def likelihood(self, z: Tensor) -> tuple[Tensor, ...]:
        """Latents next to the image, rounded to their grid, to the outputs of the likelihood, each
        [b, pixels].
        """
        return self.outputs_of(self.decoder(z))

    def sample_layers(self, x: Tensor, noise: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Latents next to the image, rounded to their grid, and the cost of each layer's latents,
        [b, latents], in nats: log q - log p of the sample, or the KL at the top.

        x: symbols [b, pixels]. `noise` [b, all latents] is standard normal.
        """
        below, value, costs = None, self.image(x), []
        lowest = value
        for layer, (up, part) in enumerate(
            zip(self.up, torch.split(noise, list(self.architecture.layers), 1), strict=True)
        ):
            mean, log2_inverse = up(value)
            z = mean + torch.exp2(-log2_inverse) * part
            value = self.held(layer, z)
            if below is None:
                lowest = value
            else:
                costs.append(-log_normal(below[0], *self.down[layer - 1](value)) - below[1])
            # The entropy of q is known; log p is that of the sample.
            below = z, 0.5 * math.log(2 * math.pi * math.e) - LN2 * log2_inverse
        costs.append(normal_kl(mean, log2_inverse))
        return lowest, costs

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats, for one sample: -log p(x
        | z1), and the cost of the latents.

        The cost is that of the continuous normals; rounding to the grids can only lower it, by
        Jensen's inequality.
        """
        z, costs = self.sample_layers(x, noise)
        kl = torch.stack([cost.sum(1) for cost in costs]).sum(0)
        return self.pixel_likelihood.nats(x, *self.likelihood(z)), kl

    def latent_nats(self, x: Tensor) -> Tensor:
        """The cost of each latent of all layers, for one sample."""
        noise = torch.randn(
            len(x), self.architecture.latents, generator=torch.Generator().manual_seed(0)
        )
        return torch.cat(self.sample_layers(x, noise)[1], 1)


def with_steps(module: LayeredModule, bits: int) -> LayeredModule:
    """The same module with 2^bits places of latents below the top, which changes the effect of
    rounding.
    """
    made = LayeredModule(replace(module.architecture, step_bits=bits), module.centre)
    made.load_state_dict(module.state_dict())
    made.quantise(module.quantised)
    return made.train(module.training)


def log_normal(z: Tensor, mean: Tensor, log2_inverse: Tensor) -> Tensor:
    """The log of the density of normals at z, by their means and log2 of the inverse standard
    deviations, all of one shape.
    """
    apart = (z - mean) * torch.exp2(log2_inverse)
    return -0.5 * (apart.square() + math.log(2 * math.pi)) + LN2 * log2_inverse


@dataclass(frozen=True)
class TopDownArchitecture:
    """Sizes of a dense VAE with the latents z1 and z2: q(z2 | x), q(z1 | x, z2) and
    p(x | z1, z2), with z1 counted in standard deviations of p(z1 | z2) from its mean.
    """

    pixels: int
    hidden: tuple[int, ...]
    """Hidden layers of each posterior; the likelihood has them in reverse."""
    lower: int
    """Latents z1."""
    upper: int
    """Latents z2."""
    bits: int = 8
    """The bits of the buckets of all latents."""
    levels: int = 2
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ValueError("a VAE needs at least one hidden layer")

    @property
    def latents(self) -> int:
        """The number of latents of both layers."""
        return self.lower + self.upper


class LowerModule(nn.Module):
    """The network of q(z1 | x, z2): hidden values of the image and of z2 to means and scales."""

    def __init__(self, image: Mlp, width: int, upper: LinearModule, latents: int) -> None:
        super().__init__()
        self.image = image
        self.upper = upper
        both = Mlp((width + upper.linear.out_features, width), HIDDEN)
        self.normal = NormalModule(both, width, latents, MEAN)

    def forward(self, seen: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
        """[b, pixels] and [b, upper] to means and log2 of the inverse standard deviations, each
        [b, lower].
        """
        mean, scale = self.normal(torch.cat((self.image(seen), self.upper(z2)), 1))
        return mean, scale


class TopDownModule(DensePixelsModule):
    """Diagonal normal posterior q(z2 | x) q(z1 | x, z2). The prior is N(0, 1) for z2, and for z1
    counted in standard deviations of p(z1 | z2) from its mean, so that all buckets have equal mass
    under the conditional prior; the likelihood p(x | z1, z2) may use both in any way.

    Source: Townsend et al. 2020 (HiLLoC), section 3.3; Soenderby et al. 2016 (ladder VAEs) for the
    order.
    """

    def __init__(self, architecture: TopDownArchitecture, centre: float = 0.0) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        self.centre = centre
        self.see_pixels(a.levels)
        sizes, width = (a.pixels, *a.hidden), a.hidden[-1]
        self.top = NormalModule(Mlp(sizes, self.pixel_grid, centre), width, a.upper, MEAN)
        self.lower = LowerModule(
            Mlp(sizes, self.pixel_grid, centre), width,
            LinearModule(a.upper, width, self.latent_grid, HIDDEN), a.lower,
        )  # fmt: skip
        self.decoder = Mlp((a.latents, *a.hidden[::-1]), self.latent_grid)
        self.make_outputs(a.likelihood, a.hidden[0], a.pixels)

    def held(self, z: Tensor) -> Tensor:
        """The latents [b, latents] as networks see them: the centres of their buckets."""
        return self.bucket(z) if self.quantised else z

    def likelihood(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, ...]:
        """The outputs of the likelihood, each [b, pixels], from latents as networks see them."""
        return self.outputs_of(self.decoder(torch.cat((z1, z2), 1)))

    def sample(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z1 and z2 as networks see them, and the KL of each latent, [b, lower + upper], in nats,
        the lower ones first.

        x: symbols [b, pixels]. `noise` [b, lower + upper] is standard normal.
        """
        a, seen = self.architecture, self.image(x)
        below, above = torch.split(noise, [a.lower, a.upper], 1)
        mean, log2_inverse = self.top(seen)
        z2 = self.held(mean + torch.exp2(-log2_inverse) * above)
        of_upper = normal_kl(mean, log2_inverse)
        mean, log2_inverse = self.lower(seen, z2)
        z1 = self.held(mean + torch.exp2(-log2_inverse) * below)
        return z1, z2, torch.cat((normal_kl(mean, log2_inverse), of_upper), 1)

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats, for one sample: -log p(x
        | z1, z2), and the KL of the continuous normals, which buckets can only lower.
        """
        z1, z2, kl = self.sample(x, noise)
        return self.pixel_likelihood.nats(x, *self.likelihood(z1, z2)), kl.sum(1)

    def latent_nats(self, x: Tensor) -> Tensor:
        noise = torch.randn(
            len(x), self.architecture.latents, generator=torch.Generator().manual_seed(0)
        )
        return self.sample(x, noise)[2]
