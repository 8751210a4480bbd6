"""Training a program with its rounding in the loop."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.train.portable.parameters import LN2
from bitsback.train.portable.program import Program

_LONGEST_GRADIENT = 1.0  # of the mean of an item's nats per dimension
_WARM_UP = 0.05


def tune(
    program: Program,
    symbols: NDArray[Any],
    steps: int,
    rate: float,
    batch: int,
    seed: int,
    progress: Callable[[int, float], None] | None,
) -> None:
    """Adam on the negative ELBO of rounded networks, with straight-through gradients."""
    if steps < 1 or batch < 1:
        raise InputError(f"fine-tuning takes at least one step of one item, not {steps} of {batch}")
    random = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    weights = [each for each in program.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(weights, rate, betas=(0.9, 0.99))
    dimensions = program.data.dimensions
    program.round(True)
    for step in range(steps):
        warm = min(1.0, (step + 1) / max(1.0, steps * _WARM_UP))
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        part = symbols[random.integers(0, len(symbols), batch)]
        loss = program.nats(program.real_data(part), program.noise(len(part), generator)).mean()
        loss = loss / dimensions
        if not bool(torch.isfinite(loss)):
            raise InputError(f"fine-tuning: the loss of step {step + 1} is no finite number")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, _LONGEST_GRADIENT)
        optimiser.step()
        if progress is not None:
            progress(step + 1, float(loss.detach()) / LN2)
