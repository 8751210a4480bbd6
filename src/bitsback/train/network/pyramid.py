"""The module of a VAE for pictures of any size, whose latents are layers of grids, each coarser
than the one below.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bitsback.train.network.convolutions import RESIDUAL, ConvModule, ResidualModule, pixel_shuffle
from bitsback.train.network.dense import LatentModule, LinearModule, normal_kl
from bitsback.train.network.layered import LATENT_MEAN, log_normal, steps_grid
from bitsback.train.network.likelihoods import LN2
from bitsback.train.network.mixtures import SYMBOLS_A_UNIT, CoupledNormalModule
from bitsback.train.network.rounding import HIDDEN, MEAN, SCALE, Grid, pixel_grid, seven_bits

STARTED_BY = 1_280
"""The most images for the principal components that initialise a module."""


@dataclass(frozen=True)
class PyramidArchitecture:
    """Sizes of a fully convolutional VAE with the latents z1, z2, ... on ever coarser grids: q(z1 |
    x), q(z2 | z1), ... and p(x | z1), p(z1 | z2), ...
    """

    shape: tuple[int, int, int]
    """Rows, columns and channels of the training crops, which are whole cells of the top grid."""
    factors: tuple[int, ...]
    """The factor of each layer, 2 or 4: a place covers so many rows and columns of the grid
    below.
    """
    layers: tuple[int, ...]
    """Latents per place of each layer, from the one next to the image up."""
    widths: tuple[int, ...]
    """Hidden channels at the places of each layer."""
    levels: int = 256
    bits: int = 8
    """The bits of a bucket of a latent of the top layer."""
    step_bits: int = 8
    """The bits of a latent below the top, 4 to 8: its grid has 2^step_bits places, from -4 to 4."""

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
        """The pixels of a crop, each channel counted."""
        return math.prod(self.shape)

    @property
    def grids(self) -> tuple[int, ...]:
        """Rows and columns of pixels of a cell of each layer."""
        return tuple(math.prod(self.factors[: n + 1]) for n in range(len(self.factors)))

    @property
    def places(self) -> list[int]:
        """The places of each layer, of a crop."""
        rows, columns, _ = self.shape
        return [rows // grid * (columns // grid) for grid in self.grids]

    @property
    def latents(self) -> int:
        """The latents of all layers, of a crop."""
        return sum(n * places for n, places in zip(self.layers, self.places, strict=True))


class PyramidModule(LatentModule):
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
        self.pixel_likelihood = CoupledNormalModule(a.shape[2], a.levels)
        source, inputs = self.pixel_grid, a.shape[2]
        outputs, channels = self.pixel_likelihood.outputs, self.pixel_likelihood.widths()
        for layer, (n, width) in enumerate(zip(a.layers, a.widths, strict=True)):
            factor, grid = a.factors[layer], self.grids[layer]
            means = MEAN if layer == count - 1 else LATENT_MEAN
            self.up.append(UpModule(source, inputs, width, n, factor, means))
            self.down.append(DownModule(grid, n, width, factor, outputs, channels))
            source, inputs = grid, n
            outputs, channels = {"mean": LATENT_MEAN, "scale": SCALE}, {"mean": n, "scale": n}

    def quantise(self, on: bool = True) -> None:
        super().quantise(on)
        self.pixel_likelihood.quantised = on

    @torch.no_grad()
    def start(self, images: Tensor) -> None:
        """Initialise all layers by the training images, uint8 [n, pixels]."""
        some = images[:: -(-len(images) // STARTED_BY)]
        symbols = some.view(len(some), *self.architecture.shape)
        start_from_components(self.up, self.down, self.image(some), symbols)

    def image(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] as the first layer sees them, [b, rows, columns, channels]."""
        seen = seven_bits(x, self.architecture.levels)
        return self.pixel_grid.real(seen).view(len(x), *self.architecture.shape)

    def held(self, layer: int, z: Tensor) -> Tensor:
        """The latents of a layer as networks see them: their places on its grid. Layer 0 is next to
        the image.
        """
        if layer < len(self.grids) - 1:
            return self.grids[layer].snap(z) if self.quantised else self.grids[layer].clamp(z)
        return self.bucket(z) if self.quantised else z

    def sample_layers(self, x: Tensor, noise: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Latents next to the image, rounded to their grid, [b, h, w, latents], and the cost of
        each layer's latents, likewise, in nats: log q - log p of the sample, or the KL at the top.

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
            # The entropy of q is known; log p is that of the sample.
            below = z, 0.5 * math.log(2 * math.pi * math.e) - LN2 * log2_inverse
        costs.append(normal_kl(mean, log2_inverse))
        return lowest, costs

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats, for one sample: -log p(x
        | z1), and the cost of the latents, which rounding to the grids can only lower.
        """
        z, costs = self.sample_layers(x, noise)
        kl = torch.stack([cost.flatten(1).sum(1) for cost in costs]).sum(0)
        symbols = x.view(len(x), *self.architecture.shape)
        losses = self.pixel_likelihood.nats(symbols, *self.down[0](z))
        return losses.flatten(1).sum(1), kl

    def latent_nats(self, x: Tensor) -> Tensor:
        """The cost of each latent of all layers, for one sample."""
        noise = torch.randn(
            len(x), self.architecture.latents, generator=torch.Generator().manual_seed(0)
        )
        return torch.cat([cost.flatten(1) for cost in self.sample_layers(x, noise)[1]], 1)


KERNELS = {2: 3, 4: 7}
"""The kernels of the convolutions that read cells of so many rows and columns: they see whole
cells.
"""
PART = Grid(scale=LATENT_MEAN.scale, zero=0, lo=-4096, hi=4095)
"""The grid of a mean and of its terms."""


class SeenModule(nn.Module):
    """Latents as hidden channels, the first of which are the latents themselves, so that zeros may
    represent the outside of the image.
    """

    def __init__(self, source: Grid, latents: int, width: int) -> None:
        super().__init__()
        self.layer = LinearModule(latents, width, source, HIDDEN)

    def forward(self, z: Tensor) -> Tensor:
        seen: Tensor = self.layer(z)
        return seen


class UpModule(nn.Module):
    """The network of a posterior: cells of the layer below to means and scales."""

    def __init__(
        self, source: Grid, inputs: int, width: int, outputs: int, factor: int, means: Grid
    ) -> None:
        super().__init__()
        kernel = KERNELS[factor]
        self.means = means
        self.seen = SeenModule(source, inputs, width) if source.zero else None
        source, inputs = (HIDDEN, width) if source.zero else (source, inputs)
        self.around = ConvModule(inputs, width, kernel, factor, source, HIDDEN)
        self.change = ResidualModule(LinearModule(width, width, HIDDEN, RESIDUAL))
        self.direct = ConvModule(inputs, outputs, kernel, factor, source, PART)
        whole = replace(means, lo=PART.lo + means.zero, hi=PART.hi + means.zero)
        self.mean = LinearModule(width, outputs, HIDDEN, whole)
        self.scale = LinearModule(width, outputs, HIDDEN, SCALE)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """[b, h, w, inputs] to means and log2 of the inverse standard deviations, each [b,
        h / factor, w / factor, outputs].
        """
        if self.seen is not None:
            value = self.seen(value)
        hidden = self.change(self.around(value))
        return self.means.clamp(self.direct(value) + self.mean(hidden)), self.scale(hidden)


class DownModule(nn.Module):
    """The network of a prior or of the likelihood: latents to the outputs of each place of the
    finer grid below.
    """

    def __init__(
        self, source: Grid, latents: int, width: int, factor: int, outputs: dict[str, Grid],
        channels: dict[str, int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.factor = factor
        self.outputs = outputs
        self.seen = SeenModule(source, latents, width)
        self.around = ConvModule(width, width, 3, 1, HIDDEN, HIDDEN)
        self.change = ResidualModule(LinearModule(width, width, HIDDEN, RESIDUAL))
        part = replace(outputs["mean"], zero=0, lo=-32768, hi=32767)
        self.direct = LinearModule(latents, factor**2 * channels["mean"], source, part)
        targets = outputs | {"mean": replace(outputs["mean"], lo=-32768, hi=32767)}
        self.heads = nn.ModuleDict({
            name: LinearModule(width, factor**2 * channels[name], HIDDEN, target)
            for name, target in targets.items()
        })  # fmt: skip

    def layers(self) -> dict[str, LinearModule]:
        """The last layers, by output."""
        return {name: head for name, head in self.heads.items() if isinstance(head, LinearModule)}

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        """[b, h, w, latents], rounded to their grid, to the outputs, each [b, h * factor, w *
        factor, channels].
        """
        hidden = self.change(self.around(self.seen(z)))
        found: dict[str, Tensor] = {name: head(hidden) for name, head in self.heads.items()}
        found["mean"] = self.outputs["mean"].clamp(found["mean"] + self.direct(z))
        return tuple(pixel_shuffle(out, self.factor) for out in found.values())


REACH = 3.5  # nearly all latents of a grid from -4 to 4 are within this
NEARLY_ALL = 0.999
LOOKED_AT = 400_000  # cells, at most, for a quantile
SMALL = 0.1  # the initial weights after hidden layers, as a share of the usual size


@torch.no_grad()
def start_from_components(
    up: nn.ModuleList, down: nn.ModuleList, value: Tensor, symbols: Tensor
) -> None:
    """Start the networks from principal components of the cells of images.

    value: training images as the first layer sees them, [n, rows, columns, channels]; symbols:
    the same, uint8.
    """
    below = symbols.float() / SYMBOLS_A_UNIT
    last = len(up) - 1
    for layer, (reads, tells) in enumerate(zip(up, down, strict=True)):
        assert isinstance(reads, UpModule) and isinstance(tells, DownModule)
        for head in (reads.mean, reads.scale, *tells.layers().values()):
            head.linear.weight.mul_(SMALL)
        for seen in (reads.seen, tells.seen):
            if seen is not None:
                _see(seen)
        units = value.flatten().std() / below.flatten().std()  # the unit of the layer's input
        cells = _cells(below, tells.factor)
        middle = cells.mean(0)
        vectors = torch.linalg.eigh(torch.cov(cells.T)).eigenvectors
        chosen = vectors[:, -tells.direct.linear.in_features :].flip(1)
        found = (cells - middle) @ chosen
        if layer < last:
            some = found[:: max(1, len(found) // LOOKED_AT)].abs()
            reach = torch.quantile(some, NEARLY_ALL, dim=0) / REACH
        else:
            reach = found.std(0)
        left = (cells - middle - found @ chosen.T).std(0)
        noise = left.square().mean().sqrt().clamp(min=1e-3)
        _read(reads, chosen / reach / units, middle, units)
        reads.scale.linear.bias.copy_(torch.log2(reach / noise).clamp(0.0, 4.5))
        tells.direct.linear.weight.copy_(chosen * reach)
        tells.direct.linear.bias.copy_(middle)
        tells.layers()["mean"].linear.bias.zero_()
        scale = left * SYMBOLS_A_UNIT if layer == 0 else left
        tells.layers()["scale"].linear.bias.copy_(-torch.log2(scale.clamp(min=0.02)))
        value = reads(value)[0]
        below = value


def _cells(values: Tensor, factor: int) -> Tensor:
    """[b, h, w, c] to [cells, factor * factor * c]."""
    b, h, w, c = values.shape
    split = values.view(b, h // factor, factor, w // factor, factor, c)
    return split.transpose(2, 3).reshape(-1, factor * factor * c)


def _see(seen: SeenModule) -> None:
    """Sets its first outputs to the latents, raised above zero."""
    layer = seen.layer.linear
    count = layer.in_features
    layer.weight[:count] = torch.eye(count)
    layer.bias[:count] = HIDDEN.real_hi / 2


def _read(up: UpModule, weights: Tensor, middle: Tensor, units: Tensor) -> None:
    """Sets the direct convolution to these weights [cell, outputs] of the cell itself, minus their
    product with the `middle` [cell].
    """
    layer, kernel, side = up.direct, up.direct.kernel, up.direct.stride
    channels = layer.linear.in_features // kernel**2
    held = layer.linear.weight.zero_().view(-1, kernel, kernel, channels)
    own, first = len(weights) // side**2, kernel // 2
    cell = weights.T.reshape(-1, side, side, own)
    held[:, first : first + side, first : first + side, :own] = cell
    offset = HIDDEN.real_hi / 2 if up.seen is not None else 0.0
    layer.linear.bias.copy_(-((middle * units + offset) @ weights))
    up.mean.linear.bias.zero_()
