"""The twin of normals over levels whose channels are coupled: the mean of a channel follows what
came of the channels before it.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bitsback.models.families.normal import NormalFamily
from bitsback.train.quantise.exact_tables import inverse_symbol_scales
from bitsback.train.quantise.rounding import Grid
from bitsback.train.twins.likelihoods import LN2
from bitsback.train.twins.mixtures import MEAN, MEAN_SHIFT, PRECISION, SCALE, SYMBOLS_A_UNIT

COUPLING_BITS = 6
COUPLING = Grid(scale=1 << COUPLING_BITS, zero=0, lo=-128, hi=127)
_UNITS = MEAN.scale // SYMBOLS_A_UNIT  # of a mean, in a symbol
_THIN = 1e-4  # a probability that is counted by the density


class CoupledNormalTwin(nn.Module):
    """Outputs `mean` and `scale`, each [..., channels], and `coupling`, [..., pairs of channels].

    Source: Salimans et al. 2017 (PixelCNN++), section 2.2, with one normal in place of the mixture.
    """

    codec = "normal"
    precision = PRECISION
    quantised = False

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.channels = channels
        self.levels = levels
        self.outputs = {"mean": MEAN, "scale": SCALE, "coupling": COUPLING}

    def widths(self) -> dict[str, int]:
        """The channels of each output."""
        n = self.channels
        return {"mean": n, "scale": n, "coupling": n * (n - 1) // 2}

    def nats(self, x: Tensor, mean: Tensor, scale: Tensor, coupling: Tensor) -> Tensor:
        """-log p of symbols x [..., channels], of their shape."""
        if self.quantised and not self.training:
            return self._exact(x, mean, scale, coupling)
        return _normal_nats(x, self.coupled(x, mean, coupling), scale, self.levels)

    def coupled(self, x: Tensor, mean: Tensor, coupling: Tensor) -> Tensor:
        """The means once the channels before are known, in symbols."""
        means = mean * SYMBOLS_A_UNIT
        apart = x - means
        moved, pair = [means[..., 0]], 0
        for channel in range(1, self.channels):
            part = coupling[..., pair : pair + channel] * apart[..., :channel]
            moved.append(means[..., channel] + part.sum(-1))
            pair += channel
        return torch.stack(moved, -1)

    def coupled_integers(self, x: Tensor, mean: Tensor, coupling: Tensor) -> Tensor:
        """The same as integers of the grid of means, as docs/model-format.md has it; float64."""
        means = MEAN.integers(mean.double())
        weights = COUPLING.integers(coupling.double())
        apart = x.double() * 256 - means * 2**MEAN_SHIFT
        moved, pair = [means[..., 0]], 0
        half, shift = 2.0 ** (COUPLING_BITS + MEAN_SHIFT - 1), 2.0 ** (COUPLING_BITS + MEAN_SHIFT)
        for channel in range(1, self.channels):
            sums = (weights[..., pair : pair + channel] * apart[..., :channel]).sum(-1)
            change = torch.floor((sums + half) / shift)
            moved.append((means[..., channel] + change).clamp(-32768, 32767))
            pair += channel
        return torch.stack(moved, -1)

    def _exact(self, x: Tensor, mean: Tensor, scale: Tensor, coupling: Tensor) -> Tensor:
        family = NormalFamily(inverse_symbol_scales(), self.levels, PRECISION, MEAN_SHIFT)
        means = self.coupled_integers(x, mean, coupling).flatten().numpy().astype(np.int16)
        scales = SCALE.integers(scale.double()).flatten().numpy().astype(np.uint8)
        bits = family.codec([means[:, np.newaxis], scales[:, np.newaxis]]).bits(
            x.flatten().numpy().astype(np.uint16)
        )
        return torch.from_numpy((bits * LN2).astype(np.float32)).view(x.shape)

    def tensors(self) -> dict[str, NDArray[np.uint32]]:
        """The tensors of the model file, by their names after that of the network."""
        return {"inverse_scale": inverse_symbol_scales()}


def _normal_nats(x: Tensor, mean: Tensor, scale: Tensor, levels: int) -> Tensor:
    """-log of what a normal gives the levels; the ends take the tails. Where that is next to
    nothing, the density, whose gradient is whole.

    scale: log2 of the inverse standard deviation, in symbols.
    """
    inverse = torch.exp2(scale)
    middle = (x - mean) * inverse
    half = 0.5 * inverse
    above = (middle + half).masked_fill(x >= levels - 1, 9.0)
    below = (middle - half).masked_fill(x <= 0, -9.0)
    d = torch.special.ndtr(above) - torch.special.ndtr(below)
    edge = functional.relu(middle.abs() - half)  # of the near end of the interval
    thin = 0.5 * edge.square() + 0.5 * math.log(2 * math.pi) - LN2 * scale
    # The density must not promise more than what it stands in for.
    return torch.where(d > _THIN, -torch.log(d.clamp(min=_THIN)), thin.clamp(min=-math.log(_THIN)))
