"""The parameters of distributions, from a user's terms to those of the model format."""

from dataclasses import dataclass
from typing import Literal

import torch

from bitsback.errors import InputError
from bitsback_train.layers.operations import Function, scaling
from bitsback_train.layers.rounding import Grid
from bitsback_train.network.likelihoods import LN2

Spread = Literal["log_scale", "log_variance", "scale"]


@dataclass(frozen=True)
class Output:
    """One of the parameters. `function`: from the output of the user's network to the parameter of
    the format; `grid`: of the latter. `relative`: only differences matter, so the greatest of the
    calibration data becomes 0. `constant`: it is no output of the user's network, but always 0.
    """

    name: str
    function: Function
    grid: Grid
    relative: bool = False
    constant: bool = False


def log2_inverse(spread: Spread, shift: float = 0.0) -> Function:
    """log2 of the inverse of the scale, plus `shift`."""
    if spread == "scale":
        return Function(lambda value: shift - torch.log2(value.clamp(min=1e-12)))
    if spread not in ("log_scale", "log_variance"):
        raise InputError(f"spread is 'log_scale', 'log_variance' or 'scale', not {spread!r}")
    return scaling(-1 / (LN2 if spread == "log_scale" else 2 * LN2), shift)
