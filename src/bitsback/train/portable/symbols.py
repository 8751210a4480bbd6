"""Distributions that are discretised over the symbols of the data."""

import math
from typing import Any

import torch
from torch import Tensor

from bitsback.errors import InputError
from bitsback.train.portable.operations.elementwise import scaling
from bitsback.train.portable.parameters import Output, Spread, log2_inverse
from bitsback.train.portable.steps import Steps
from bitsback.train.portable.variables import Data, Latent

PRECISION = 24
_LEAST_ZERO, _MOST_ZERO = 96, 240  # so that inverse scales of a symbol are 2^-15 ... 2^10


def of_symbols(variable: Data | Latent, spread: Spread) -> list[Output]:
    """Mean and scale of a distribution over symbols, in units of these."""
    if isinstance(variable, Latent):
        raise InputError("logistics are for the data; use Normal for a latent")
    unit = (variable.high - variable.low) / (variable.levels - 1)
    mean = Steps(2.0 ** (mean_shift(variable) - 8), 0, -(2**15), 2**15 - 1)
    scale = Steps(1 / 16, scale_zero(variable), 0, 255)
    return [
        Output("mean", scaling(1 / unit, -variable.low / unit), mean),
        Output("scale", log2_inverse(spread, math.log2(unit)), scale),
    ]


def mean_shift(variable: Data) -> int:
    """Of means: as fine as 16 bits allow for four times the range of the data on either side, since
    a mean far beyond an end is how a network says that it is sure of that end.
    """
    return next(n for n in range(10) if n == 9 or 4 * variable.levels <= 2 ** (7 + n))


def scale_zero(variable: Data) -> int:
    """Of scales: the index that means an inverse scale of one symbol."""
    return min(max(16 * (round(math.log2(variable.levels)) + 1), _LEAST_ZERO), _MOST_ZERO)


def symbols(variable: Data, value: Tensor) -> Tensor:
    return torch.round(variable.steps.integers(value))


def discretised(
    variable: Data,
    value: Tensor,
    cumulative: Any,
    mean: Tensor,
    log2_inverse: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """With the codec's floor of 2^-24, and the tails at the ends of the range."""
    x = symbols(variable, value)[..., None]
    inverse = torch.exp2(log2_inverse)
    above, below = (x + 0.5 - mean) * inverse, (x - 0.5 - mean) * inverse
    # of two numbers far above 0 the difference is taken on the other side
    flip = (above + below) > 0
    above, below = torch.where(flip, -below, above), torch.where(flip, -above, below)
    first, last = x <= 0, x >= variable.levels - 1
    tail_above = torch.where(flip, first, last)
    tail_below = torch.where(flip, last, first)
    up = torch.where(tail_above, torch.ones_like(above), cumulative(above))
    low = torch.where(tail_below, torch.zeros_like(below), cumulative(below))
    p = up - low
    if weight is not None:
        p = p * torch.softmax(weight, -1)
    whole = p.sum(-1).clamp(min=0.0)
    return -torch.log(whole * (1 - variable.levels * 2.0**-PRECISION) + 2.0**-PRECISION)
