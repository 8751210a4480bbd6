"""The module of the context VAE of docs/model-format.md: latents for the whole image, a window of
pixels for details.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.layers.affine import (
    RESIDUAL,
    Affine,
    FineAffine,
    Residual,
    affine_layers,
    chain,
)
from bitsback_train.layers.network import Network
from bitsback_train.layers.operations import Add, Flatten, Image, Node, PixelShuffle, Source
from bitsback_train.layers.rounding import HIDDEN, MEAN, SCALE, WEIGHT_TOP, Grid, pixel_grid
from bitsback_train.network.context_bytes import byte_planes, cells, seen_planes, value_planes
from bitsback_train.network.dense import LatentModule
from bitsback_train.network.likelihoods import BernoulliModule, LikelihoodModule
from bitsback_train.network.mixtures import MEAN as PIXEL_MEAN
from bitsback_train.network.mixtures import MixtureModule

FACTOR = 4  # rows and columns of a square of pixels that the decoder makes at once
WIDE = Grid(
    scale=PIXEL_MEAN.scale, zero=0, lo=-32768, hi=32767
)  # the two parts that a mean is the sum of
FEW_BITS, SOME_BITS = (
    7,
    31,
)  # the largest weights of layers between image and latents, where coarse ones do
NEAR = 2  # pixels: a place is empty if it and all earlier pixels within this distance are black
SPARSE = 0.2  # the share of empty places in training; each counts more in turn


@dataclass(frozen=True)
class ContextArchitecture:
    """Sizes of a context VAE for images of `shape` (rows, columns)."""

    shape: tuple[int, int]
    latents: int
    bits: int
    levels: int
    above: int  # rows of the window above the pixel
    side: int  # columns to its left and, in the rows above, to its right
    features: int  # for each pixel, from the decoder
    hidden: int  # channels of the pixel network
    residuals: int  # its layers beyond the first
    components: int = 1  # of the mixture, for more than two levels
    channels: tuple[int, int] = (
        32,
        64,
    )  # those of the encoder's two convolutions; the decoder has the second
    dense: int = 128  # the encoder's last hidden layer
    encoder_residuals: int = 0  # convolutions after the encoder's second
    decoder_residuals: int = 0  # convolutions after the decoder's first
    flat_hidden: int = 0  # of the network for flat contexts; 0 if there is none
    flat_components: int = 1  # those of its mixture
    flat_levels: int = 1  # a context is flat if its window has only the first so many levels

    @property
    def pixels(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def likelihood(self) -> str:
        return "bernoulli" if self.levels == 2 else "mixture"

    @property
    def window(self) -> int:
        """Pixels of the window."""
        return self.above * (2 * self.side + 1) + self.side


class ContextModule(LatentModule):
    """Prior N(0, 1), diagonal normal posterior q(z | x), and likelihood p(x | z) pixel by pixel,
    given earlier pixels.
    """

    architecture: ContextArchitecture

    def __init__(self, architecture: ContextArchitecture) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        first, second = a.channels
        rows, columns = cells(cells(a.shape, 2), 2)
        self.encoder = nn.ModuleList((
            Affine(1, first, pixel_grid(a.levels), HIDDEN, kernel=3, stride=2),
            Affine(first, second, HIDDEN, HIDDEN, kernel=3, stride=2, half=True),
            *_residuals(a.encoder_residuals, second),
        ))  # fmt: skip
        self.row = Flatten()
        self.dense = Affine(
            rows * columns * second, a.dense, HIDDEN, HIDDEN, half=True, top=FEW_BITS
        )
        self.mean = Affine(a.dense, a.latents, HIDDEN, MEAN)
        self.scale = Affine(a.dense, a.latents, HIDDEN, SCALE)
        rows, columns = cells(a.shape, FACTOR)
        self.cell = Affine(
            a.latents, rows * columns * second, self.latent_grid, HIDDEN, top=FEW_BITS
        )
        self.cells = Image(rows, columns, FACTOR)
        self.decoder = nn.ModuleList((
            Affine(second, second, HIDDEN, HIDDEN, kernel=3, half=True, top=SOME_BITS),
            *_residuals(a.decoder_residuals, second, SOME_BITS),
            Affine(second, FACTOR**2 * a.features, HIDDEN, HIDDEN, half=True, top=SOME_BITS),
        ))  # fmt: skip
        self.shuffle = PixelShuffle(FACTOR, *a.shape)
        # those of the pixel network
        self.inputs = a.window * len(seen_planes(a.levels)) + a.features
        self.pixel = nn.ModuleList((Affine(self.inputs, a.hidden, HIDDEN, HIDDEN, half=True),))
        for _ in range(a.residuals):
            self.pixel.append(Residual(Affine(a.hidden, a.hidden, HIDDEN, RESIDUAL, half=True)))
        self.pixel_likelihood: LikelihoodModule = (
            BernoulliModule() if a.levels == 2 else MixtureModule(a.levels, a.components)
        )
        outputs = 1 if a.levels == 2 else a.components
        self.outputs = nn.ModuleDict()
        for name, grid in self.pixel_likelihood.outputs.items():
            if name == "mean":
                self.outputs[name] = FineAffine(a.hidden, outputs, HIDDEN, WIDE, "mean_hidden")
            else:
                self.outputs[name] = Affine(a.hidden, outputs, HIDDEN, grid, half=True)
        if a.levels > 2:
            values = a.window * value_planes(a.levels)  # the mean sees nothing else
            self.mean_context = FineAffine(
                values, outputs, HIDDEN, WIDE, "mean_context", self.inputs
            )
            self.whole_mean = Add(PIXEL_MEAN)
        self.flat = nn.ModuleList()
        self.flat_outputs = nn.ModuleDict()
        if a.flat_hidden:
            self.flat.append(Affine(a.features, a.flat_hidden, HIDDEN, HIDDEN))
            for name, grid in self.pixel_likelihood.outputs.items():
                components = 1 if a.levels == 2 else a.flat_components
                self.flat_outputs[name] = Affine(a.flat_hidden, components, HIDDEN, grid)
        self.half_precision = True

    def multiply_in_half(self, on: bool) -> None:
        """Whether training multiplies in bfloat16 in the layers that tolerate it, which is the
        default.
        """
        self.half_precision = on
        for layer in affine_layers(self):
            layer.half_precision = layer.may_be_half and on

    @torch.no_grad()
    def start(self, grey: Tensor) -> None:
        """Initialise the outputs by the training images, uint8 [n, pixels]."""
        layers = self.output_layers()
        if self.architecture.levels == 2:
            black = 1 - float(grey.double().mean()) / 255
            layers["logit"].linear.bias.fill_(-torch.tensor(black / (1 - black)).log())
            return
        for name, bias in self.pixel_likelihood.start(grey).items():
            layers[name].linear.bias.copy_(bias)
        if self.flat:
            few = MixtureModule(self.architecture.levels, self.architecture.flat_components)
            for name, bias in few.start(grey).items():
                self.flat_output_layers()[name].linear.bias.copy_(bias)
        for layer in (layers["mean"], layers["scale"], self.mean_context):
            layer.linear.weight.mul_(0.3)

    def output_layers(self) -> dict[str, Affine]:
        """The last layers of the pixel network, by name."""
        return _linear(self.outputs)

    def flat_output_layers(self) -> dict[str, Affine]:
        """The last layers of the network for flat contexts, by name."""
        return _linear(self.flat_outputs)

    def image(self, x: Tensor) -> Tensor:
        return super().image(x).view(len(x), *self.architecture.shape, 1)

    def encoded(self, x: Any) -> Any:
        return self.dense(self.row(chain(self.encoder, x)))

    def decoding(self, z: Node, rows: int, columns: int) -> Iterator[Network]:
        yield Network("likelihood", {"features": self.decode(z)})
        outputs = self.pixel_likelihood.outputs
        context = Source("context", (self.inputs,), HIDDEN).node()
        yield Network("pixel", dict(zip(outputs, self.context_outputs(context), strict=True)))
        if self.flat:
            features = Source("features", (self.architecture.features,), HIDDEN).node()
            yield Network("flat", dict(zip(outputs, self.outputs_if_flat(features), strict=True)))

    def features(self, z: Tensor) -> Tensor:
        """Real latents [b, latents] to the decoder's features of each pixel, [b, rows, columns,
        features].
        """
        features: Tensor = self.decode(self.bucket(z) if self.rounded else z)
        return features

    def decode(self, z: Any) -> Any:
        """The same for latents that are already centres of buckets."""
        return self.shuffle(chain(self.decoder, self.cells(self.cell(z))))

    def windows(self, x: Tensor) -> Tensor:
        """The window of each pixel, uint8 [b * pixels, window], for symbols [b, pixels]; zeros
        outside the image.
        """
        a = self.architecture
        image = functional.pad(
            x.to(torch.uint8).view(len(x), *a.shape), (a.side, a.side, a.above, 0)
        )
        seen = image.unfold(1, a.above + 1, 1).unfold(
            2, 2 * a.side + 1, 1
        )  # [b, rows, columns, above + 1, ...]
        return seen.flatten(3)[..., : a.window].flatten(0, 2)

    def pixel_outputs(self, window: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        """Windows uint8 [n, window] and features [n, features] to the likelihood's outputs, each
        [n, outputs].
        """
        dtype = torch.bfloat16 if self.training and self.half_precision else features.dtype
        planes = [
            plane.to(dtype).div_(HIDDEN.scale)
            for plane in byte_planes(window, self.architecture.levels)
        ]
        return self.context_outputs(torch.cat((*planes, features.to(dtype)), 1))

    def context_outputs(self, context: Any) -> tuple[Any, ...]:
        """The same for contexts [n, inputs of the pixel network]."""
        h = chain(self.pixel, context)
        outputs = {name: layer(h) for name, layer in self.output_layers().items()}
        if "mean" in outputs:
            outputs["mean"] = self.whole_mean(outputs["mean"], self.mean_context(context))
        return tuple(outputs.values())

    def is_flat(self, windows: Tensor) -> Tensor:
        """Which contexts are flat, [n]: windows uint8 [n, window]."""
        return windows.amax(1) < self.architecture.flat_levels

    def outputs_if_flat(self, features: Any) -> tuple[Any, ...]:
        """Features [n, features] of flat contexts to the likelihood's outputs, each [n,
        outputs].
        """
        h = chain(self.flat, features)
        return tuple(layer(h) for layer in self.flat_output_layers().values())

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats: -log p(x | z) for one
        sample, and the KL.

        x: symbols [b, pixels]. `noise` [b, latents] is standard normal. The KL is that of the
        continuous normals; buckets can only lower it. In training, -log p(x | z) is an unbiased
        estimate, see SPARSE, and there is no gate: recipes/gate.py adds it afterwards.
        """
        z, kl = self.sample(x, noise)
        windows, features, symbols = (
            self.windows(x),
            self.features(z).flatten(0, 2),
            x.reshape(-1, 1),
        )
        if not self.training:
            losses = self._pixel_nats(symbols, windows, features)
            return losses.view(len(x), -1).sum(1), kl
        kept, weight = self._worth_training_on(x)
        outputs = self.pixel_outputs(windows.index_select(0, kept), features.index_select(0, kept))
        losses = self.pixel_likelihood.nats(symbols[kept], *outputs) * weight
        return torch.zeros(len(x)).index_add(0, kept // x.shape[1], losses), kl

    def _pixel_nats(self, symbols: Tensor, windows: Tensor, features: Tensor) -> Tensor:
        """-log p of each pixel, [n], by the network that the gate chooses."""
        if not self.flat:
            return self.pixel_likelihood.nats(symbols, *self.pixel_outputs(windows, features))
        flat = self.is_flat(windows)
        losses = torch.empty(len(symbols))
        outputs = self.outputs_if_flat(features[flat])
        losses[flat] = self.pixel_likelihood.nats(symbols[flat], *outputs)
        outputs = self.pixel_outputs(windows[~flat], features[~flat])
        losses[~flat] = self.pixel_likelihood.nats(symbols[~flat], *outputs)
        return losses

    def _worth_training_on(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The numbers of the training pixels, [n], and their weights, [n]."""
        image = functional.pad(
            (x > 0).float().view(len(x), 1, *self.architecture.shape), (NEAR, NEAR, NEAR, 0)
        )
        rows = functional.max_pool2d(image, (NEAR + 1, 1), 1)
        busy = functional.max_pool2d(rows, (1, 2 * NEAR + 1), 1).flatten() > 0
        kept = torch.nonzero(busy | (torch.rand(len(busy)) < SPARSE))[:, 0]
        return kept, torch.where(busy[kept], 1.0, 1 / SPARSE)


def _linear(layers: nn.ModuleDict) -> dict[str, Affine]:
    return {name: layer for name, layer in layers.items() if isinstance(layer, Affine)}


def _residuals(count: int, channels: int, top: int = WEIGHT_TOP) -> list[Residual]:
    """Residual convolutions 3x3."""
    return [
        Residual(Affine(channels, channels, HIDDEN, RESIDUAL, kernel=3, half=True, top=top))
        for _ in range(count)
    ]
