"""The twin of the distribution of a pixel of the codec `predictive`: a mixture of logistics over
differences to a prediction, in units of the recent error; its loss has a gradient written out.
"""

import math
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from bitsback.train.quantise.rounding import Grid
from bitsback.train.twins.likelihoods import LN2

PRECISION = 24
MEAN_SHIFT = 4  # of the units of a mean: 2^-8 of the unit
WEIGHT = Grid(scale=16, zero=255, lo=0, hi=255)  # a logit
MEAN = Grid(scale=256, zero=0, lo=-8192, hi=8191)  # in units of the recent error
SCALE = Grid(scale=16, zero=64, lo=0, hi=255)  # log2 of the inverse scale, in one over that unit
OUTPUTS = {"weight": WEIGHT, "mean": MEAN, "scale": SCALE}

FIRST_LEVEL, LAST_LEVEL = 1, 2  # bits of `ends`
_FAR = 60.0  # where a logistic has ended


class Targets(NamedTuple):
    """What there was to code, in units of the recent error at each pixel."""

    below: Tensor
    """From the prediction to the lower end of the symbol, float32 [n]."""
    step: Tensor
    """How wide a level is, float32 [n]."""
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
        # F(high) - F(low) without the loss of digits where both are near 1
        d = f_high * torch.sigmoid(-low) * -torch.expm1(low - high)
        p = (w * d).sum(1, keepdim=True) + 2.0**-PRECISION
        ctx.save_for_backward(inverse, w, high, low, f_high, f_low, d, p)
        return -torch.log(p[:, 0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inverse, w, high, low, f_high, f_low, d, p = ctx.saved_tensors
        by_d = w * (-gradients[0][:, None] / p)
        by_weight = by_d * (d - (p - 2.0**-PRECISION))
        # of the slopes at both ends, without the loss of digits where they are near each other
        difference = d * (1 - f_high - f_low)
        by_mean = -difference * inverse * by_d
        by_scale = (difference * low + f_high * (1 - f_high) * (high - low)) * by_d * LN2
        return None, None, None, by_weight, by_mean, by_scale


def start_of_scales(components: int) -> Tensor:
    """log2 of inverse scales to start from, [components]: from one unit down to an eighth of it."""
    return torch.linspace(0.0, math.log2(8), components)
