"""Quantisation with straight-through gradients: the grids of values, and int8 weights.

A value on a grid is an integer q in [lo, hi] that represents the real number (q - zero) / scale.
Training computes with the real numbers, rounded to the grid on the way forward; the gradient passes
as if nothing had been rounded, and stops where the value was clamped.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

WEIGHT_TOP = 127
# The bias, in steps of the weights, must fit into int32 for a channel of tiny weights too.
SMALLEST_WEIGHT_STEP = 2.0**-14


@dataclass(frozen=True)
class Grid:
    """The integers lo ... hi, where q represents (q - zero) / scale."""

    scale: float
    zero: float
    lo: int
    hi: int

    @property
    def real_lo(self) -> float:
        return (self.lo - self.zero) / self.scale

    @property
    def real_hi(self) -> float:
        return (self.hi - self.zero) / self.scale

    def clamp(self, value: Tensor) -> Tensor:
        """The real value within the grid's range, not rounded."""
        return functional.hardtanh(
            value, self.real_lo, self.real_hi
        )  # its gradient is faster than that of clamp

    def snap(self, value: Tensor) -> Tensor:
        """The real value of the nearest point of the grid, halves up; straight-through gradient."""
        return cast(Tensor, _Snap.apply(self.clamp(value), self))  # type: ignore[no-untyped-call]

    def integers(self, value: Tensor) -> Tensor:
        """The nearest integers, halves up, as floats."""
        return torch.floor(value * self.scale + (self.zero + 0.5)).clamp_(self.lo, self.hi)

    def real(self, integers: Tensor) -> Tensor:
        return (integers - self.zero) / self.scale


# Inputs of a layer have seven bits, so that two products with weights fit into 16 bits.
TOP = 127
HIDDEN = Grid(scale=16, zero=0, lo=0, hi=TOP)
MEAN = Grid(scale=256, zero=0, lo=-2048, hi=2047)
SCALE = Grid(scale=32, zero=32, lo=0, hi=255)  # log2 of the inverse standard deviation
LOGIT = Grid(scale=11, zero=128, lo=0, hi=255)


def seven_bits(symbols: Tensor, levels: int) -> Tensor:
    """The symbols 0 ... levels - 1 as a layer sees them: all bits, or the upper seven."""
    return torch.div(symbols, 2, rounding_mode="floor") if levels > TOP + 1 else symbols


def pixel_grid(levels: int) -> Grid:
    """The seven bits of symbols 0 ... levels - 1, which represent 0 ... 1."""
    top = (levels - 1) // 2 if levels > TOP + 1 else levels - 1
    return Grid(scale=top, zero=0, lo=0, hi=top)


class _Snap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, grid: Grid) -> Tensor:
        if grid.zero:
            return (
                torch.floor(value * grid.scale + (grid.zero + 0.5)).sub_(grid.zero).div_(grid.scale)
            )
        return (value * grid.scale).add_(0.5).floor_().div_(grid.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def weight_step(
    weight: Tensor, top: int = WEIGHT_TOP, least: float = SMALLEST_WEIGHT_STEP
) -> Tensor:
    """The size of one int8 step for each output channel, [out, 1]; at least `least`.

    weights: [out, in]. The largest weight of a channel becomes `top`.
    """
    largest = weight.detach().abs().amax(1, keepdim=True)
    return (largest / top).clamp(min=least)


def weight_integers(weight: Tensor, step: Tensor, top: int = WEIGHT_TOP) -> Tensor:
    """The int8 values (as floats) in steps [out, 1], of the shape of the weights."""
    return torch.round(weight.detach() / step).clamp(-top, top)


def fine_integers(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The rounding errors of int8 weights, as int8 values (floats), [out, in], and the size of
    their steps, [out, 1].
    """
    step = weight_step(weight)
    fine_step = step / (2 * WEIGHT_TOP)
    left = weight.detach() - weight_integers(weight, step) * step
    return weight_integers(left, fine_step), fine_step


def snap_finely(weight: Tensor) -> Tensor:
    """The weights rounded to these fine steps, with a straight-through gradient."""
    fine, fine_step = fine_integers(weight)
    step = weight_step(weight)
    rounded = weight_integers(weight, step) * step + fine * fine_step
    return weight + (rounded - weight.detach())


def snap_weight(weight: Tensor, step: Tensor, top: int = WEIGHT_TOP) -> Tensor:
    """The weights rounded to int8 steps [out, 1], with a straight-through gradient."""
    return weight + (weight_integers(weight, step, top) * step - weight.detach())
