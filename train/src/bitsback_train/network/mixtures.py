"""The module of the mixture of discretised logistics: its outputs, its loss with a gradient written
out, its integers.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitsback.codecs import DiscretisedMixture
from bitsback_train.layers.rounding import Grid
from bitsback_train.network.exact_tables import exponentials, inverse_scales
from bitsback_train.network.likelihoods import LN2, LikelihoodModule

PRECISION = 24
MEAN_SHIFT = 2  # the unit of a mean: 2^-6 of a symbol
SYMBOLS_A_UNIT = 32  # the symbols in a real 1 of a mean, as in a real 1 of a byte of context
WEIGHT = Grid(scale=16, zero=255, lo=0, hi=255)  # a logit
MEAN = Grid(scale=64 * SYMBOLS_A_UNIT, zero=0, lo=-8192, hi=24575)
SCALE = Grid(scale=16, zero=112, lo=0, hi=255)  # log2 of the inverse scale, in symbols


class MixtureModule(LikelihoodModule):
    """Outputs `weight`, `mean` and `scale`, each [b, components]. Source: Salimans et al. 2017,
    section 2.1.
    """

    codec = "mixture"
    precision = PRECISION
    outputs = {"weight": WEIGHT, "mean": MEAN, "scale": SCALE}  # noqa: RUF012

    def __init__(self, levels: int, components: int) -> None:
        super().__init__()
        self.levels = levels
        self.components = components

    def nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        """x: symbols [b, 1]. Returns [b]."""
        weight, mean, scale = outputs
        if self.rounded and not self.training:
            return self.exact_nats(x, weight, mean, scale)
        losses = _Nats.apply(x, weight.float(), mean.float(), scale.float(), self.levels)  # type: ignore[no-untyped-call]
        return cast(Tensor, losses)

    def exact_nats(self, x: Tensor, *outputs: Tensor) -> Tensor:
        """The nats by the frequencies of the integer codec; the outputs lie on their grids."""
        grids = self.outputs.values()
        weight, mean, scale = (
            g.integers(v.double()).numpy() for g, v in zip(grids, outputs, strict=True)
        )
        ends = np.cumsum(exponentials()[weight.astype(np.uint8)], -1, dtype=np.uint64)
        ends = (ends << np.uint64(16)) // ends[..., -1:]
        codec = DiscretisedMixture(
            np.diff(ends, axis=-1, prepend=np.uint64(0)),
            mean.astype(np.int32) << MEAN_SHIFT,
            inverse_scales(int(SCALE.zero), 16)[scale.astype(np.uint8)],
            self.levels,
            PRECISION,
        )
        bits = codec.bits(x[:, 0].numpy().astype(np.uint16))
        return torch.from_numpy((bits * LN2).astype(np.float32))

    def tensors(self) -> dict[str, NDArray[Any]]:
        return {"exponential": exponentials(), "inverse_scale": inverse_scales(int(SCALE.zero), 16)}

    def start(self, grey: Tensor) -> dict[str, Tensor]:
        """Spreads the components over the levels, all wide and equally likely."""
        mean = torch.linspace(0, (self.levels - 1) / SYMBOLS_A_UNIT, self.components)
        return {
            "weight": torch.full_like(mean, -2.0),
            "mean": mean,
            "scale": torch.full_like(mean, -4.0),
        }


class _Nats(torch.autograd.Function):
    """-log of sum_k w_k (F((x + 1/2 - m_k) / s_k) - F((x - 1/2 - m_k) / s_k)), with the codec's
    floor of 2^-24.

    The ends of the range take the tails. The explicit gradient is some four times as fast as
    autograd.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, mean: Tensor, scale: Tensor, levels: int
    ) -> Tensor:
        inverse = torch.exp2(scale)
        w = torch.exp(weight)  # the grid of a weight ends at 0
        w /= w.sum(1, keepdim=True)
        middle = (x - mean * SYMBOLS_A_UNIT).mul_(inverse)
        half = inverse * 0.5
        above, below = middle + half, middle.sub_(half)
        above.masked_fill_(x >= levels - 1, 30.0)  # the sigmoid of 30 is 1
        below.masked_fill_(x <= 0, -30.0)
        up, low = torch.sigmoid(above), torch.sigmoid(below)
        d = up - low
        p = (w * d).sum(1, keepdim=True)
        floored = p * (1 - levels * 2.0**-PRECISION) + 2.0**-PRECISION
        ctx.save_for_backward(inverse, w, above, below, up, low, d, p, floored)
        return -torch.log(floored[:, 0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor, Tensor, None]:
        inverse, w, above, below, up, low, d, p, floored = ctx.saved_tensors
        by_p = -gradients[0][:, None] / floored
        wp = w * by_p
        slope_up, slope_low = up.mul(1 - up), low.mul(1 - low)
        by_weight = wp * (d - p)
        by_mean = (slope_low - slope_up).mul_(inverse).mul_(wp).mul_(SYMBOLS_A_UNIT)
        by_scale = slope_up.mul_(above).sub_(slope_low.mul_(below)).mul_(wp).mul_(LN2)
        return None, by_weight, by_mean, by_scale, None
