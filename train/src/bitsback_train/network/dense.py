"""The torch modules: a VAE whose layers compute like the integer networks of docs/model-format.md.

A module has three ways to run. As floats (`quantised = False`) it is an ordinary VAE, clamped to
the same ranges. In training with `quantised = True` each weight, activation and latent is rounded
on the way forward. In `eval()` with `quantised = True` each linear layer computes with the exported
integers, in float64, where they are exact; so a module's results on the validation set are those of
the exported model.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitsback_train.network.exact_tables import bucket_centres, latent_grid
from bitsback_train.network.likelihoods import LN2, LikelihoodModule, make_likelihood
from bitsback_train.network.requantising import Requantised, requantise
from bitsback_train.network.rounding import (
    HIDDEN,
    MEAN,
    SCALE,
    WEIGHT_TOP,
    Grid,
    fine_integers,
    pixel_grid,
    seven_bits,
    snap_finely,
    snap_weight,
    weight_integers,
    weight_step,
)


class LinearModule(nn.Module):
    """A linear layer from one grid to another. `centre` is subtracted from each input, which helps
    the optimiser.

    `half`: in training, multiply in bfloat16, which is four times as fast on processors that
    support it. `top`: the largest integer weight; a smaller one makes a smaller model.
    """

    op: ClassVar[str] = "linear"
    """The name of the layer's operation in a model file."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        source: Grid,
        target: Grid,
        centre: float = 0.0,
        half: bool = False,
        top: int = WEIGHT_TOP,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.source = source
        self.target = target
        self.centre = centre
        self.top = top
        self.may_be_half = self.half_precision = half
        self.quantised = False

    def forward(self, value: Tensor) -> Tensor:
        """Real values [b, in] to real values [b, out] within the target grid's range."""
        if not self.quantised:
            return self.target.clamp(self._linear(value, self.linear.weight))
        if self.training:
            weight = self.linear.weight
            return self.target.snap(
                self._linear(value, snap_weight(weight, self._weight_step(), self.top))
            )
        return self._exact(value, self.requantised())

    def _exact(self, value: Tensor, layer: Requantised) -> Tensor:
        exact = torch.float32 if layer.largest(self.source.hi) < 2**24 else torch.float64
        source = self.source.integers(value).to(exact)
        out = functional.linear(source, layer.weight.to(exact), layer.bias.to(exact)).double()
        out = layer.scaled(out).clamp_(self.target.lo, self.target.hi)
        return self.target.real(out).to(value.dtype)

    def _weight_step(self) -> Tensor:
        return weight_step(self.linear.weight, self.top)

    def _linear(self, value: Tensor, weight: Tensor) -> Tensor:
        bias = self._snapped_bias() if self.quantised else self.linear.bias
        if self.centre:
            value = value - self.centre
        if self.half_precision and self.training:
            if self.quantised:  # the grids of the results are finer than bfloat16
                return functional.linear(value.bfloat16(), weight.bfloat16()).float() + bias
            return functional.linear(value.bfloat16(), weight.bfloat16(), bias.bfloat16())
        return functional.linear(value.to(weight.dtype), weight, bias)

    def _snapped_bias(self) -> Tensor:
        """The bias rounded as `_integers` rounds it, with a straight-through gradient."""
        bias, weight_steps = self.linear.bias, self._weight_step()
        step = weight_steps[:, 0] / self.source.scale
        exact = (bias.detach() + self.target.zero / self.target.scale) / step
        offset = self.source.zero + self.centre * self.source.scale
        if offset:
            whole = weight_integers(self.linear.weight, weight_steps, self.top)
            exact = exact - offset * whole.sum(1)
        return bias + (torch.round(exact) - exact) * step

    def requantised(self) -> Requantised:
        """The exported integers of this layer, with a multiplier as exact as the bounds of the
        format allow.
        """
        step = self._weight_step()
        weight = weight_integers(self.linear.weight, step, self.top)
        return self._integers(weight, step, self.linear.bias)

    def fields(self, integers: Requantised) -> dict[str, Any]:
        """The fields of a layer in a model file that computes with these integers."""
        return integers.fields(self.target.lo, self.target.hi)

    def _integers(self, weight: Tensor, step: Tensor, bias: Tensor) -> Requantised:
        """The integers for int8 weights [out, in], which are in steps [out, 1], and a real bias
        [out].
        """
        offset = self.source.zero + self.centre * self.source.scale
        unseen = offset * weight.double().sum(1)
        return requantise(weight, step, bias, self.source, self.target, unseen)


class FineLinearModule(LinearModule):
    """A linear layer whose weights have 15 bits, as the sum of two layers of int8 weights.

    It is for layers that would suffer most from rounded weights. Source and target have the zero 0.
    """

    def forward(self, value: Tensor) -> Tensor:
        if not self.quantised:
            return super().forward(value)
        if self.training:
            return self.target.snap(self._linear(value, snap_finely(self.linear.weight)))
        return self.target.clamp(
            self._exact(value, self.requantised()) + self._exact(value, self.fine())
        )

    def fine(self) -> Requantised:
        """The second layer: the rounding errors of the first one's weights."""
        weight, step = fine_integers(self.linear.weight)
        return self._integers(weight, step, torch.zeros_like(self.linear.bias))


class Mlp(nn.Module):
    """Hidden layers with a clamped ReLU; `sizes` begins with the inputs."""

    def __init__(self, sizes: tuple[int, ...], source: Grid, centre: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(sizes):
            self.layers.append(LinearModule(inputs, outputs, source, HIDDEN, centre))
            source, centre = HIDDEN, 0.0

    def forward(self, value: Tensor) -> Tensor:
        for layer in self.layers:
            value = layer(value)
        return value


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


class LatentModule(nn.Module):
    """Base of both modules: a latent variable with the prior N(0, 1), cut into buckets, its
    diagonal normal posterior q(z | x), and rounding.
    """

    mean: LinearModule
    scale: LinearModule

    def __init__(self, bits: int) -> None:
        """bits: of a latent, which has 2^bits buckets."""
        super().__init__()
        self.latent_grid = latent_grid(bits)
        centres = torch.from_numpy(bucket_centres(bits).astype("float32"))
        self.register_buffer("centres", self.latent_grid.real(centres), persistent=False)
        self.quantised = False

    def quantise(self, on: bool = True) -> None:
        """Switch rounding on or off in every layer."""
        self.quantised = on
        for module in self.modules():
            if isinstance(module, LinearModule | LikelihoodModule):
                module.quantised = on

    def bucket(self, z: Tensor) -> Tensor:
        """The centre, on the latent grid, of the bucket that holds z; straight-through gradient."""
        centres = self.get_buffer("centres")
        c = (torch.special.ndtr(z.detach()) * len(centres)).long().clamp_(0, len(centres) - 1)
        return z + (centres[c].to(z.dtype) - z.detach())

    def last_hidden(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] to the encoder's last hidden layer, [b, units]."""
        raise NotImplementedError

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

    def __init__(self, architecture: Architecture, centre: float = 0.0) -> None:
        super().__init__(architecture.bits)
        pixels, hidden, latents = architecture.pixels, architecture.hidden, architecture.latents
        self.architecture = architecture
        self.centre = centre
        self.pixel_grid = pixel_grid(architecture.levels)
        self.encoder = Mlp((pixels, *hidden), self.pixel_grid, centre)
        self.mean = LinearModule(hidden[-1], latents, HIDDEN, MEAN)
        self.scale = LinearModule(hidden[-1], latents, HIDDEN, SCALE)
        self.decoder = Mlp((latents, *hidden[::-1]), self.latent_grid)
        self.pixel_likelihood = make_likelihood(architecture.likelihood, architecture.levels)
        for name, grid in self.pixel_likelihood.outputs.items():
            self.add_module(name, LinearModule(hidden[0], pixels, HIDDEN, grid))

    @torch.no_grad()
    def start(self, grey: Tensor) -> None:
        """Initialise the outputs by the training images, uint8 [n, pixels]."""
        for name, bias in self.pixel_likelihood.start(grey).items():
            self.output_layers()[name].linear.bias.copy_(bias)

    def output_layers(self) -> dict[str, LinearModule]:
        """The last layers of the likelihood network, by name."""
        layers = {name: self.get_submodule(name) for name in self.pixel_likelihood.outputs}
        return {name: layer for name, layer in layers.items() if isinstance(layer, LinearModule)}

    def image(self, x: Tensor) -> Tensor:
        """Symbols [b, pixels] as the first layer sees them."""
        return self.pixel_grid.real(seven_bits(x, self.architecture.levels))

    def last_hidden(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.encoder(self.image(x))
        return hidden

    def likelihood(self, z: Tensor) -> tuple[Tensor, ...]:
        """Real latents [b, latents] to the outputs of the likelihood, each [b, pixels]."""
        hidden = self.decoder(self.bucket(z) if self.quantised else z)
        return tuple(layer(hidden) for layer in self.output_layers().values())

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats: -log p(x | z) for one
        sample, and the KL.

        x: symbols [b, pixels]. `noise` [b, latents] is standard normal. The KL is that of the
        continuous normals; buckets can only lower it.
        """
        z, kl = self.sample(x, noise)
        return self.pixel_likelihood.nats(x, *self.likelihood(z)), kl
