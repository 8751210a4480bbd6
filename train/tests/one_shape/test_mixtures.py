"""The mixture module's loss is that of the codec, and its gradient is that of its loss."""

import pytest
import torch
from torch import Tensor

from bitsback_train.network.mixtures import MEAN, MixtureModule, _Nats


def outputs(levels: int, count: int, components: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and scales such as a network has, float64."""
    generator = torch.Generator().manual_seed(levels)
    shape = (count, components)
    weight = -3 * torch.rand(shape, generator=generator, dtype=torch.float64)
    mean = (torch.rand(shape, generator=generator, dtype=torch.float64) * 1.2 - 0.1) * levels / 32
    return weight, mean, -5 * torch.rand(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("levels", [3, 17, 256])
def test_rounded_outputs_cost_in_training_what_they_cost_in_the_codec(levels: int) -> None:
    module = MixtureModule(levels, 3)
    module.rounded = True
    grids = module.outputs.values()
    rounded = [grid.snap(value) for grid, value in zip(grids, outputs(levels, 300), strict=True)]
    likely = 32 * rounded[1][:, :1] + torch.exp2(-rounded[2][:, :1]) * torch.randn(300, 1)
    # likely symbols only, since rounding dominates the rarest
    x = likely.round().clamp(0, levels - 1).to(torch.uint8)
    in_training = module.train().nats(x, *rounded)
    in_the_codec = module.eval().nats(x, *rounded)
    torch.testing.assert_close(in_training, in_the_codec, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("levels", [3, 256])
def test_the_symbols_of_a_pixel_sum_to_one(levels: int) -> None:
    x = torch.arange(levels)[:, None]
    (weight, mean, scale) = (value.expand(levels, -1) for value in outputs(levels, 1))
    nats = _Nats.apply(x, weight, mean, scale, levels)  # type: ignore[no-untyped-call]
    assert float(nats.neg().exp().sum()) == pytest.approx(1, abs=1e-6)


def test_the_gradient_that_is_written_out_is_the_right_one() -> None:
    inputs = [value.requires_grad_() for value in outputs(17, 40)]
    x = torch.randint(0, 17, (40, 1))
    assert torch.autograd.gradcheck(lambda *values: _Nats.apply(x, *values, 17), inputs)  # type: ignore[no-untyped-call]


def test_the_components_start_spread_over_the_levels() -> None:
    start = MixtureModule(256, 5).start(torch.zeros(1, 1, dtype=torch.uint8))
    assert {name: len(bias) for name, bias in start.items()} == {"weight": 5, "mean": 5, "scale": 5}
    assert float(start["mean"][0]) == 0 and float(start["mean"][-1]) * 32 == 255
    assert float(start["mean"].max()) < MEAN.real_hi
