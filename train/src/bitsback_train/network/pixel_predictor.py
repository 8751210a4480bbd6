"""The network of a pixel of the codec `predictive`, which sees the residuals of least squares: its
settings, its quantisation-aware module, and its loss.
"""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from bitsback_train.layers.affine import RESIDUAL, Affine, Residual, affine_layers, chain
from bitsback_train.layers.network import Network
from bitsback_train.layers.operations import Rounding, Source
from bitsback_train.layers.rounding import HIDDEN, Grid
from bitsback_train.network.likelihoods import LN2

Offset = tuple[int, int]  # rows and columns

REACH = 8  # the most rows and columns of an offset
WEIGHT_START = -2.0
NO_DIFFERENCE = 64 / HIDDEN.scale  # as the network sees it; its rounded weights lose nothing there
FIRST_WEIGHTS = 0.1
"""Times PyTorch's weights the first layer starts with: small ones leave less noise behind."""
OTHER_BYTES = 12  # the bytes of a context, besides the window and two for each predictor


def nearest(count: int, causal: bool) -> tuple[Offset, ...]:
    """The `count` nearest offsets; those with equal distance in order. causal: only to earlier
    pixels.
    """
    side = range(-REACH, REACH + 1)
    every = ((r, q) for r in side for q in side if not causal or (r, q) < (0, 0))
    return tuple(sorted(every, key=lambda at: (at[0] ** 2 + at[1] ** 2, at))[:count])


@dataclass(frozen=True)
class Places:
    """Offsets of pixels in the plane itself, in its first reference and in its second."""

    own: tuple[Offset, ...]
    first: tuple[Offset, ...]
    second: tuple[Offset, ...]

    @classmethod
    def nearest(cls, own: int, first: int, second: int) -> "Places":
        """The nearest offsets, this number of each."""
        return cls(nearest(own, True), nearest(first, False), nearest(second, False))

    def count(self, references: int) -> int:
        """The number of offsets in a plane that has this number of references."""
        return sum(map(len, (self.own, self.first, self.second)[: references + 1]))


@dataclass(frozen=True)
class LinearPredictor:
    """A least squares prediction from some places, and the adaptation of its weights."""

    places: Places
    cell: int
    """Columns that share their weights."""
    decay: tuple[int, int, int]
    """The factors of the cells above, to the left and to the right, in 2^-8."""
    ridge: int = 128


@dataclass(frozen=True)
class PredictiveArchitecture:
    """The context of a pixel's network, and its sizes."""

    predictors: tuple[LinearPredictor, ...] = (
        LinearPredictor(Places.nearest(16, 9, 5), 8, (86, 72, 72)),
        LinearPredictor(Places.nearest(6, 5, 1), 4, (70, 62, 62)),
    )
    window: Places = field(default=Places.nearest(44, 21, 9))
    hidden: int = 96
    residuals: int = 3
    components: int = 5

    @property
    def width(self) -> int:
        """Bytes of the context of a pixel."""
        return self.window.count(2) + 2 * (1 + len(self.predictors)) + OTHER_BYTES


PRECISION = 24
MEAN_SHIFT = 4  # the unit of a mean: 2^-8 of the scale's unit
WEIGHT = Grid(scale=16, zero=255, lo=0, hi=255)  # a logit
MEAN = Grid(scale=256, zero=0, lo=-8192, hi=8191)  # in units of the recent error
SCALE = Grid(scale=16, zero=64, lo=0, hi=255)  # log2 of the inverse scale, in one over that unit
OUTPUTS = {"weight": WEIGHT, "mean": MEAN, "scale": SCALE}

FIRST_LEVEL, LAST_LEVEL = 1, 2  # bits of `ends`
_FAR = 60.0  # its sigmoid is 1


class Targets(NamedTuple):
    """The targets to code, in units of the recent error at each pixel."""

    below: Tensor
    """The distance from the prediction to the lower end of the symbol, float32 [n]."""
    step: Tensor
    """The width of a level, float32 [n]."""
    ends: Tensor
    """FIRST_LEVEL where the symbol is 0, plus LAST_LEVEL where it is the last: they take the tails,
    uint8 [n].
    """


def relative_nats(targets: Targets, weight: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """-log p of each pixel, [n], in nats, for real outputs [n, components].

    That is -log of sum_k w_k (F((b + s - m_k) / s_k) - F((b - m_k) / s_k)), b the lower end and s
    the width of the level, with the codec's floor of 2^-24.
    """
    return cast(
        Tensor,
        _Nats.apply(*targets, weight.float(), mean.float(), scale.float()),  # type: ignore[no-untyped-call]
    )


class _Nats(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        below: Tensor,
        step: Tensor,
        ends: Tensor,
        weight: Tensor,
        mean: Tensor,
        scale: Tensor,
    ) -> Tensor:
        inverse = torch.exp2(scale)
        w = torch.exp(weight - weight.amax(1, keepdim=True))
        w /= w.sum(1, keepdim=True)
        low = (below[:, None] - mean) * inverse
        high = low + step[:, None] * inverse
        low.masked_fill_((ends & FIRST_LEVEL)[:, None] > 0, -_FAR).clamp_(-_FAR, _FAR)
        high.masked_fill_((ends & LAST_LEVEL)[:, None] > 0, _FAR).clamp_(-_FAR, _FAR)
        f_low, f_high = torch.sigmoid(low), torch.sigmoid(high)
        # F(high) - F(low) without cancellation where both are near 1
        d = f_high * torch.sigmoid(-low) * -torch.expm1(low - high)
        p = (w * d).sum(1, keepdim=True) + 2.0**-PRECISION
        ctx.save_for_backward(inverse, w, high, low, f_high, f_low, d, p)
        return -torch.log(p[:, 0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inverse, w, high, low, f_high, f_low, d, p = ctx.saved_tensors
        by_d = w * (-gradients[0][:, None] / p)
        by_weight = by_d * (d - (p - 2.0**-PRECISION))
        # the difference of the slopes at both ends, without cancellation where they are nearly
        # equal
        difference = d * (1 - f_high - f_low)
        by_mean = -difference * inverse * by_d
        by_scale = (difference * low + f_high * (1 - f_high) * (high - low)) * by_d * LN2
        return None, None, None, by_weight, by_mean, by_scale


def start_of_scales(components: int) -> Tensor:
    """log2 of inverse scales to start from, [components]: from one unit down to an eighth of it."""
    return torch.linspace(0.0, math.log2(8), components)


class PredictiveModule(Rounding):
    """The network from contexts to a mixture around the prediction. It runs in the three ways of
    bitsback_train.layers.affine.
    """

    def __init__(self, architecture: PredictiveArchitecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        first = Affine(
            a.width, a.hidden, HIDDEN, HIDDEN, centre=NO_DIFFERENCE, half=True, label="hidden"
        )
        self.pixel = nn.ModuleList((first,))
        for number in range(1, a.residuals + 1):
            label = f"hidden_change{number}"
            inner = Affine(a.hidden, a.hidden, HIDDEN, RESIDUAL, half=True, label=label)
            self.pixel.append(Residual(inner, f"hidden{number}"))
        self.outputs = nn.ModuleDict()
        for name, grid in OUTPUTS.items():
            # the grid of means is finer than bfloat16
            half = name != "mean"
            self.outputs[name] = Affine(a.hidden, a.components, HIDDEN, grid, half=half, label=name)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        affine_layers(self)[0].linear.weight.mul_(FIRST_WEIGHTS)
        layers = self.output_layers()
        layers["weight"].linear.bias.fill_(WEIGHT_START)
        layers["mean"].linear.weight.mul_(0.1)
        layers["mean"].linear.bias.zero_()
        layers["scale"].linear.weight.mul_(0.3)
        layers["scale"].linear.bias.copy_(start_of_scales(self.architecture.components))

    def output_layers(self) -> dict[str, Affine]:
        """The last layers, by name."""
        return {name: of for name, of in self.outputs.items() if isinstance(of, Affine)}

    def multiply_in_half(self, on: bool) -> None:
        """Whether training multiplies in bfloat16 in the layers where it matters little; as it is
        made, it does.
        """
        for layer in affine_layers(self):
            layer.half_precision = layer.may_be_half and on

    def forward(self, context: Tensor) -> tuple[Tensor, ...]:
        """Contexts uint8 [n, width] to the outputs `weight`, `mean` and `scale`, each [n,
        components], real.
        """
        half = self.training and any(layer.half_precision for layer in affine_layers(self))
        seen = context.to(torch.bfloat16 if half else torch.float32).div_(HIDDEN.scale)
        return tuple(self._predicted(seen).values())

    def _predicted(self, context: Any) -> dict[str, Any]:
        hidden = chain(self.pixel, context)
        return {name: layer(hidden) for name, layer in self.outputs.items()}

    def network(self) -> Network:
        """The network of its model file."""
        context = Source("context", (self.architecture.width,), HIDDEN)
        return Network("pixel", self._predicted(context.node()))

    def nats(self, context: Tensor, targets: Targets) -> Tensor:
        """-log p of each pixel, [n], in nats, for contexts uint8 [n, width]."""
        return relative_nats(targets, *self(context))
