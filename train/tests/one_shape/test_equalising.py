"""Scaling the outputs of the encoder's convolutions changes only their rounding."""

import pytest
import torch
from warm_start import PART, equalise

from bitsback_train.layers.rounding import HIDDEN
from bitsback_train.network.context import ContextArchitecture, ContextModule


@pytest.fixture
def small(context_architecture: ContextArchitecture) -> ContextModule:
    """A module with one channel of small numbers and one that is always zero."""
    torch.manual_seed(3)
    module = ContextModule(context_architecture).eval()
    with torch.no_grad():
        module.encoder[0].linear.weight.abs_()
        module.encoder[0].linear.weight[0] *= 1e-3
        module.encoder[0].linear.bias.zero_()
        module.encoder[0].linear.bias[1] = -100
        module.encoder[1].linear.weight.view(-1, 9, 4)[..., 0] *= 1e3
    return module


@torch.no_grad()
def test_the_floats_stay_and_the_integers_come_nearer(
    small: ContextModule, context_symbols: torch.Tensor
) -> None:
    means, scales = small.posterior(context_symbols)
    small.quantise()
    before = float((small.posterior(context_symbols)[0] - means).abs().mean())
    small.quantise(False)
    equalise(small, context_symbols)
    for ours, there in zip(small.posterior(context_symbols), (means, scales), strict=True):
        torch.testing.assert_close(ours, there)
    image = small.image(context_symbols)
    greatest = small.encoder[0](image).amax((0, 1, 2))
    torch.testing.assert_close(greatest[[0, 2, 3]], torch.full((3,), PART * HIDDEN.real_hi))
    value = small.encoder[0](image)
    tops = [float((value := layer(value)).max()) for layer in small.encoder[1:]]
    assert max(tops) == pytest.approx(PART * HIDDEN.real_hi)
    assert greatest[1] == 0 and not small.encoder[1].linear.weight.view(-1, 9, 4)[..., 1].any()
    small.quantise()
    assert float((small.posterior(context_symbols)[0] - means).abs().mean()) < 0.5 * before
