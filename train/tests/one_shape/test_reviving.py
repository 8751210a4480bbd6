"""Dead channels of the encoder get new weights, which change no output until trained."""

import pytest
import torch
from warm_start import revive

from bitsback_train.network.context import ContextArchitecture, ContextModule


@pytest.fixture
def dying(context_architecture: ContextArchitecture) -> ContextModule:
    """A module in whose layers channels 1 and 2 are dead and channel 0 is alive."""
    torch.manual_seed(3)
    module = ContextModule(context_architecture).eval()
    with torch.no_grad():
        residual = [layer.layer for layer in module.encoder[2:]]
        for layer in (module.encoder[0], module.encoder[1], *residual, module.dense):
            layer.linear.bias[0] = 1
            layer.linear.bias[1:3] = -100
    return module


def test_the_floats_stay_and_dead_channels_live(
    dying: ContextModule, context_symbols: torch.Tensor
) -> None:
    before = dying.posterior(context_symbols)
    assert _alive(dying, context_symbols) == [[True, False, False]] * 3
    revive(dying, context_symbols)
    for ours, there in zip(dying.posterior(context_symbols), before, strict=True):
        torch.testing.assert_close(ours, there)
    assert _alive(dying, context_symbols) == [[True, True, True]] * 3


def test_what_was_dead_learns(dying: ContextModule, context_symbols: torch.Tensor) -> None:
    revive(dying, context_symbols)
    mean, scale = dying.posterior(context_symbols)
    (mean.sum() + scale.sum()).backward()
    assert dying.mean.linear.weight.grad[:, 1:3].any()
    assert dying.dense.linear.weight.grad.view(len(dying.dense.linear.weight), -1, 4)[
        ..., 1:3
    ].any()


@torch.no_grad()
def _alive(module: ContextModule, x: torch.Tensor) -> list[list[bool]]:
    """Whether the channels 0, 1, 2 of each layer are."""
    first = module.encoder[0](module.image(x))
    second = module.encoder[1](first)
    value = second
    for layer in module.encoder[2:]:
        value = layer(value)
    layers = (first, second, module.dense(value.flatten(1)))
    return [(layer.flatten(0, -2).amax(0)[:3] > 0).tolist() for layer in layers]
