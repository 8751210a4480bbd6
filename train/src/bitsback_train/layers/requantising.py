"""The integers of one linear layer, within the bounds of docs/model-format.md."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bitsback_train.layers.rounding import Grid


@dataclass(frozen=True)
class Requantised:
    """The integers of one linear layer, all float64 tensors: weight [out, in], bias [out],
    multiplier [out].
    """

    weight: Tensor
    bias: Tensor
    multiplier: Tensor
    shift: int

    def fields(self, low: int, high: int) -> dict[str, Any]:
        """The fields of the layer in a model file; the arrays are its tensors."""
        return {
            "shift": self.shift,
            "clamp": [low, high],
            "weight": self.weight.numpy().astype(np.int8),
            "bias": self.bias.numpy().astype(np.int32),
            "multiplier": self.multiplier.numpy().astype(np.int32),
        }

    def largest(self, top: int) -> int:
        """A bound on every sum and partial sum, for inputs of 0 to `top`."""
        return int((self.bias.abs() + top * self.weight.abs().sum(1)).max())

    def scaled(self, sums: Tensor) -> Tensor:
        """The outputs before clamping, of sums [..., out] in float64, which are overwritten."""
        sums.mul_(self.multiplier).add_(2.0 ** (self.shift - 1))
        return sums.div_(2.0**self.shift).floor_()


def requantise(
    weight: Tensor, step: Tensor, bias: Tensor, source: Grid, target: Grid, unseen: Tensor
) -> Requantised:
    """The integers for int8 weights [out, in], which are in steps [out, 1], and a real
    bias [out]. The multiplier is as exact as the bounds allow.

    unseen: the amount to subtract from the integer bias, [out], for the zero of the source. Raises
    ValueError for a layer beyond the bounds.
    """
    weight, step = weight.double(), step.flatten().double()
    real_bias = bias.detach().double() + target.zero / target.scale
    whole = torch.round(real_bias * source.scale / step - unseen)
    ratio = step * target.scale / source.scale
    bound = whole.abs() + source.hi * weight.abs().sum(1)
    if not bool(torch.isfinite(bound).all()) or float(bound.max()) >= 2.0**31:
        raise ValueError("a bias is too large for its weights, so the sums leave 32 bits")
    shift = 52
    while shift > 1 and not _fits(bound, torch.round(ratio * 2.0**shift), shift):
        shift -= 1
    multiplier = torch.round(ratio * 2.0**shift).clamp(min=1)
    if not _fits(bound, multiplier, shift):
        raise ValueError("its outputs are too large for the integers of a model file")
    return Requantised(weight, whole, multiplier, shift)


def _fits(bound: Tensor, multiplier: Tensor, shift: int) -> bool:
    """Whether sums of at most `bound`, [out], can be requantised in this way."""
    largest = int((bound * multiplier).max()) + 2 ** (shift - 1)
    return int(multiplier.max()) < 2**31 and largest < 2**53
