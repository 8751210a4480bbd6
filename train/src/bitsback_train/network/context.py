"""The module of the context VAE of docs/model-format.md: latents for the whole image, a window of
pixels for details.
"""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.network.convolutions import (
    RESIDUAL,
    ConvModule,
    ResidualModule,
    byte_planes,
    cells,
    chain,
    pixel_shuffle,
    seen_planes,
    value_planes,
)
from bitsback_train.network.dense import FineLinearModule, LatentModule, LinearModule
from bitsback_train.network.likelihoods import BernoulliModule, LikelihoodModule
from bitsback_train.network.mixtures import MEAN as PIXEL_MEAN
from bitsback_train.network.mixtures import MixtureModule
from bitsback_train.network.rounding import (
    HIDDEN,
    MEAN,
    SCALE,
    WEIGHT_TOP,
    Grid,
    pixel_grid,
    seven_bits,
)

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

    def __init__(self, architecture: ContextArchitecture) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        self.pixel_grid = pixel_grid(a.levels)
        first, second = a.channels
        rows, columns = cells(cells(a.shape, 2), 2)
        self.encoder = nn.ModuleList((
            ConvModule(1, first, 3, 2, self.pixel_grid, HIDDEN),
            ConvModule(first, second, 3, 2, HIDDEN, HIDDEN, half=True),
            *_residuals(a.encoder_residuals, second),
        ))  # fmt: skip
        self.dense = LinearModule(
            rows * columns * second, a.dense, HIDDEN, HIDDEN, half=True, top=FEW_BITS
        )
        self.mean = LinearModule(a.dense, a.latents, HIDDEN, MEAN)
        self.scale = LinearModule(a.dense, a.latents, HIDDEN, SCALE)
        self.cells = cells(a.shape, FACTOR)
        self.cell = LinearModule(
            a.latents,
            self.cells[0] * self.cells[1] * second,
            self.latent_grid,
            HIDDEN,
            top=FEW_BITS,
        )
        self.decoder = nn.ModuleList((
            ConvModule(second, second, 3, 1, HIDDEN, HIDDEN, half=True, top=SOME_BITS),
            *_residuals(a.decoder_residuals, second, SOME_BITS),
            ConvModule(
                second, FACTOR**2 * a.features, 1, 1, HIDDEN, HIDDEN, half=True, top=SOME_BITS,
            ),
        ))  # fmt: skip
        # those of the pixel network
        self.inputs = a.window * len(seen_planes(a.levels)) + a.features
        self.pixel = nn.ModuleList(
            (LinearModule(self.inputs, a.hidden, HIDDEN, HIDDEN, half=True),)
        )
        for _ in range(a.residuals):
            self.pixel.append(
                ResidualModule(LinearModule(a.hidden, a.hidden, HIDDEN, RESIDUAL, half=True))
            )
        self.pixel_likelihood: LikelihoodModule = (
            BernoulliModule() if a.levels == 2 else MixtureModule(a.levels, a.components)
        )
        outputs = 1 if a.levels == 2 else a.components
        self.outputs = nn.ModuleDict()
        for name, grid in self.pixel_likelihood.outputs.items():
            if name == "mean":
                self.outputs[name] = FineLinearModule(a.hidden, outputs, HIDDEN, WIDE)
            else:
                self.outputs[name] = LinearModule(a.hidden, outputs, HIDDEN, grid, half=True)
        if a.levels > 2:
            self.mean_context = FineLinearModule(
                a.window * value_planes(a.levels), outputs, HIDDEN, WIDE
            )  # from the values alone
        self.flat = nn.ModuleList()
        self.flat_outputs = nn.ModuleDict()
        if a.flat_hidden:
            self.flat.append(LinearModule(a.features, a.flat_hidden, HIDDEN, HIDDEN))
            for name, grid in self.pixel_likelihood.outputs.items():
                components = 1 if a.levels == 2 else a.flat_components
                self.flat_outputs[name] = LinearModule(a.flat_hidden, components, HIDDEN, grid)
        self.half_precision = True

    def multiply_in_half(self, on: bool) -> None:
        """Whether training multiplies in bfloat16 in the layers that tolerate it, which is the
        default.
        """
        self.half_precision = on
        for module in self.modules():
            if isinstance(module, LinearModule):
                module.half_precision = module.may_be_half and on

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

    def output_layers(self) -> dict[str, LinearModule]:
        """The last layers of the pixel network, by name."""
        return _linear(self.outputs)

    def flat_output_layers(self) -> dict[str, LinearModule]:
        """The last layers of the network for flat contexts, by name."""
        return _linear(self.flat_outputs)

    def last_hidden(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] to the encoder's last hidden layer, [b, dense]."""
        hidden: Tensor = self.dense(chain(self.encoder, self.image(x)).flatten(1))
        return hidden

    def image(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] as the encoder's first layer sees them, [b, rows, columns, 1]."""
        seen = seven_bits(x, self.architecture.levels)
        return self.pixel_grid.real(seen).view(len(x), *self.architecture.shape, 1)

    def features(self, z: Tensor) -> Tensor:
        """Real latents [b, latents] to the decoder's features of each pixel, [b, rows, columns,
        features].
        """
        rows, columns = self.architecture.shape
        return self.decode(self.bucket(z) if self.quantised else z)[:, :rows, :columns]

    def decode(self, z: Tensor) -> Tensor:
        """The same for latents that are already centres of buckets, and for all pixels of the
        squares.
        """
        return pixel_shuffle(
            chain(self.decoder, self.cell(z).view(len(z), *self.cells, -1)), FACTOR
        )

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

    def context_outputs(self, context: Tensor) -> tuple[Tensor, ...]:
        """The same for contexts [n, inputs of the pixel network]."""
        h = chain(self.pixel, context)
        outputs = {name: layer(h) for name, layer in self.output_layers().items()}
        if "mean" in outputs:
            values = context[:, : self.mean_context.linear.in_features]
            outputs["mean"] = PIXEL_MEAN.clamp(outputs["mean"] + self.mean_context(values))
        return tuple(outputs.values())

    def is_flat(self, windows: Tensor) -> Tensor:
        """Which contexts are flat, [n]: windows uint8 [n, window]."""
        return windows.amax(1) < self.architecture.flat_levels

    def without_gate(self) -> "ContextModule":
        """The module without its gate, whose pixel network handles flat contexts too."""
        module = copy.deepcopy(self)
        module.architecture = replace(
            module.architecture, flat_hidden=0, flat_components=1, flat_levels=1
        )
        module.flat, module.flat_outputs = nn.ModuleList(), nn.ModuleDict()
        return module

    def outputs_if_flat(self, features: Tensor) -> tuple[Tensor, ...]:
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
        estimate, see SPARSE, and there is no gate: bitsback_train.fit.gate adds it afterwards.
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


def _linear(layers: nn.ModuleDict) -> dict[str, LinearModule]:
    return {name: layer for name, layer in layers.items() if isinstance(layer, LinearModule)}


def _residuals(count: int, channels: int, top: int = WEIGHT_TOP) -> list[ResidualModule]:
    """Residual convolutions 3x3."""
    return [
        ResidualModule(ConvModule(channels, channels, 3, 1, HIDDEN, RESIDUAL, half=True, top=top))
        for _ in range(count)
    ]
