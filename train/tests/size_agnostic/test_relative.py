"""The loss of a pixel's distribution: its gradient, and that probabilities sum to one."""

import math

import pytest
import torch

from bitsback_train.network.pixel_predictor import (
    FIRST_LEVEL,
    LAST_LEVEL,
    OUTPUTS,
    PRECISION,
    Targets,
    relative_nats,
)


def outputs(count: int, components: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (count, components)
    weight = -3 * torch.rand(shape, generator=generator)
    mean = torch.randn(shape, generator=generator)
    scale = 3 * torch.rand(shape, generator=generator)
    return [weight, mean, scale]


def plain_nats(targets: Targets, *of: torch.Tensor) -> torch.Tensor:
    """The loss by definition, in doubles, with autograd's gradient."""
    weight, mean, scale = (one.double() for one in of)
    below, step, ends = targets
    inverse = torch.exp2(scale)
    low = torch.sigmoid((below.double()[:, None] - mean) * inverse)
    high = torch.sigmoid(((below + step).double()[:, None] - mean) * inverse)
    low = torch.where((ends & FIRST_LEVEL)[:, None] > 0, 0.0, low)
    high = torch.where((ends & LAST_LEVEL)[:, None] > 0, 1.0, high)
    p = (torch.softmax(weight, 1) * (high - low)).sum(1)
    return -torch.log(p + 2.0**-PRECISION)


def test_the_gradient_is_that_of_the_definition() -> None:
    count = 40
    random = torch.Generator().manual_seed(2)
    targets = Targets(
        2 * torch.randn(count, generator=random),
        torch.rand(count, generator=random) + 0.01,
        torch.arange(count, dtype=torch.uint8) % 4,
    )
    given = [one.requires_grad_() for one in outputs(count)]
    losses = relative_nats(targets, *given)
    expected = plain_nats(targets, *given)
    torch.testing.assert_close(losses, expected.float(), rtol=1e-5, atol=1e-6)
    found = torch.autograd.grad(losses.sum(), given)
    wanted = torch.autograd.grad(expected.sum(), given)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_the_probabilities_of_all_symbols_sum_to_one(levels: int) -> None:
    unit, prediction = 40.0, 300.0
    symbols = torch.arange(levels)
    ends = (symbols == 0) * FIRST_LEVEL + (symbols == levels - 1) * LAST_LEVEL
    targets = Targets(
        (256 * symbols - 128 - prediction) / unit,
        torch.full((levels,), 256 / unit),
        ends.to(torch.uint8),
    )
    same = [one.expand(levels, -1) for one in outputs(1)]
    total = float(torch.exp(-relative_nats(targets, *same)).sum())
    assert math.isclose(total, 1 + levels * 2.0**-PRECISION, abs_tol=1e-5)


def test_the_grids_are_those_of_the_codec() -> None:
    assert [(grid.lo, grid.hi) for name, grid in OUTPUTS.items() if name != "mean"] == [
        (0, 255)
    ] * 2
    assert OUTPUTS["mean"].lo >= -(2**15) and OUTPUTS["mean"].hi < 2**15
