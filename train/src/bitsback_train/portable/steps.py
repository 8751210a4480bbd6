"""The steps of a value: the real numbers of its integers, with steps of any size."""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

TOP = 127
"""The largest value that layers multiply: seven bits, the fastest for every engine."""


@dataclass(frozen=True)
class Steps:
    """The integers low ... high, where q represents (q - zero) * step."""

    step: float
    zero: float
    low: int
    high: int

    def real(self, integers: Tensor) -> Tensor:
        return (integers - self.zero) * self.step

    def integers(self, value: Tensor) -> Tensor:
        """The nearest, halves up, as floats."""
        nearest = torch.floor(value / self.step + (self.zero + 0.5))
        return nearest.clamp(self.low, self.high)

    def snap(self, value: Tensor) -> Tensor:
        """The real number of the nearest integer. The gradient passes as if nothing had been
        rounded, and stops where the value was clamped.
        """
        return cast(Tensor, _Snap.apply(value, self))  # type: ignore[no-untyped-call]


class _Snap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, steps: Steps) -> Tensor:
        integers = torch.floor(value / steps.step + (steps.zero + 0.5))
        held = integers.clamp(steps.low, steps.high)
        ctx.save_for_backward(integers == held)
        return steps.real(held)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None


def best_steps(samples: Tensor, top: int = TOP) -> Steps:
    """Steps of 0 ... top with an integer zero that minimise the squared error of rounding and
    clamping the samples. If no sample is below 0, the zero is 0.
    """
    samples = samples.double()
    low, high = min(float(samples.min()), 0.0), max(float(samples.max()), 0.0)
    if high - low <= 0.0:
        return Steps(1.0 / top, 0, 0, top)
    found, least = Steps(1.0, 0, 0, top), math.inf
    for part in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        step = (high - low) * part / top
        steps = Steps(step, round(-low * part / step), 0, top)
        error = float((steps.real(steps.integers(samples)) - samples).square().mean())
        if error < least:
            found, least = steps, error
    return found


def wide_steps(samples: Tensor, top: int, room: float = 1.25) -> Steps:
    """Steps around 0 that cover the samples with a margin, within -top - 1 ... top."""
    low, high = min(float(samples.min()), 0.0) * room, max(float(samples.max()), 0.0) * room
    step = max(high, -low) / top or 1.0 / top
    lowest, highest = max(math.floor(low / step), -top - 1), min(math.ceil(high / step), top)
    return Steps(step, 0, lowest, max(highest, lowest + 1))
