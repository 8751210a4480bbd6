"""The integers of a linear layer, within the bounds of docs/model-format.md."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback.train.portable.steps import Steps

WEIGHT_TOP = 127
_SMALLEST_PART = 2.0**-10  # of a layer's largest step, so that no bias leaves int32


@dataclass(frozen=True)
class Integers:
    """float64 tensors: weight [out, in, ...], bias [out], multiplier [out]."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor
    shift: int


def weight_steps(weight: Tensor) -> Tensor:
    """The size of one int8 step for each output, [out, 1, ...], of weights [out, in, ...]."""
    flat = weight.detach().flatten(1).abs().amax(1) / WEIGHT_TOP
    least = float(flat.max()) * _SMALLEST_PART or 1.0
    return flat.clamp(min=least).view(-1, *[1] * (weight.dim() - 1))


def weight_integers(weight: Tensor) -> Tensor:
    """The int8 values, as floats."""
    steps = weight_steps(weight)
    return torch.round(weight.detach() / steps).clamp(-WEIGHT_TOP, WEIGHT_TOP)


def snap_weight(weight: Tensor) -> Tensor:
    """The weights rounded to int8 steps, with a straight-through gradient."""
    return weight + (weight_integers(weight) * weight_steps(weight) - weight.detach())


def requantised(
    where: str,
    weight: Tensor,
    steps: Tensor,
    bias: Tensor,
    source: Steps,
    target: Steps,
    unseen: Tensor,
) -> Integers:
    """Of int8 weights [out, in, ...] in steps [out, 1, ...] and a real bias [out]. The multiplier
    is as exact as the bounds of the format allow.

    unseen: what is to be taken from the bias, [out], for the zero of the source. Raises InputError,
    which names `where`.
    """
    steps = steps.flatten().double()
    ratio = steps * source.step / target.step
    exact = (bias.detach().double() + target.zero * target.step) / (steps * source.step)
    whole = torch.round(exact - unseen)
    bound = whole.abs() + source.high * weight.double().flatten(1).abs().sum(1)
    if not bool(torch.isfinite(bound).all()) or float(bound.max()) >= 2.0**31:
        raise InputError(
            f"{where}: a bias is too large for its weights, so the sums leave 32 bits; use weight"
            " decay, or batch normalisation in eval mode, to keep them together"
        )
    shift = 52
    while shift > 1 and not _fits(bound, torch.round(ratio * 2.0**shift), shift):
        shift -= 1
    multiplier = torch.round(ratio * 2.0**shift).clamp(min=1)
    if not _fits(bound, multiplier, shift):
        raise InputError(
            f"{where}: its outputs are too large for the integers of a model file; scale them down"
        )
    return Integers(weight.double(), whole, multiplier, shift)


def _fits(bound: Tensor, multiplier: Tensor, shift: int) -> bool:
    largest = int((bound * multiplier).max()) + 2 ** (shift - 1)
    return int(multiplier.max()) < 2**31 and largest < 2**53
